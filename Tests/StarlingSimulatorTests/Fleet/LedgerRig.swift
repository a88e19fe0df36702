import StarlingCore
import StarlingCrypto

@testable import StarlingMesh
@testable import StarlingNode
@testable import StarlingSimulator

/// A ledger of two nodes, the first of which writes to the second.
struct LedgerRig {
    final class Clock {
        var moment = FleetMoment(nanoseconds: 0, step: 0)
    }

    let clock = Clock()
    let ledger: FleetLedger
    let peerIDs: [PeerID]

    init() throws {
        peerIDs = try (1...2).map { try FleetNode.identity([UInt8](repeating: $0, count: 32)).peerID }
        ledger = FleetLedger(seed: 1, peerIDs: peerIDs, capacity: 8, moment: { [clock] in clock.moment })
        ledger.recentEvents = { ["the last of \($0)"] }
    }

    static func id(_ number: UInt64) -> MessageID {
        MessageID(random: [UInt8](repeating: UInt8(number), count: 16))
    }

    func send() -> UInt64 {
        let number = ledger.ask(from: 0, to: 1)
        ledger.accepted(number, as: Self.id(number))
        return number
    }

    func delivery(_ number: UInt64, at position: UInt64 = 1, attempt: Int = 1) -> InboxDelivery {
        let content = ledger.draft(number).content
        let entry = InboxEntry(
            position: position,
            id: Self.id(number),
            isBroadcast: false,
            type: content.type,
            kind: content.kind,
            from: peerIDs[0],
            priority: .normal,
            privacy: .private,
            created: WallTime(millisecondsSince1970: 0),
            received: WallTime(millisecondsSince1970: 0),
            byteCount: content.payload.count,
            file: nil,
            attempt: attempt,
            state: .handedOut
        )
        return InboxDelivery(entry: entry, content: content)
    }

    /// The recipient's application sees an entry.
    func see(_ number: UInt64, at position: UInt64 = 1, attempt: Int = 1, in life: Int = 1) {
        _ = ledger.sighted(delivery(number, at: position, attempt: attempt), by: 1, in: life)
    }

    /// The sender's application sees what the recipient's handler answered.
    func seeAnswer(_ number: UInt64) {
        var delivery = delivery(number)
        (delivery.content, delivery.entry.from) = (ledger.message(number).answer, peerIDs[1])
        _ = ledger.sighted(delivery, by: 0, in: 1)
    }

    func pass(_ time: Duration) { clock.moment.nanoseconds += time.nanosecondsClamped }

    /// Whether one rule was broken, and which.
    func broke(_ text: String) -> Bool { ledger.violations.count == 1 && ledger.violations[0].contains(text) }
}
