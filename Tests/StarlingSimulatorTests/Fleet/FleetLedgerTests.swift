import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh
@testable import StarlingNode
@testable import StarlingSimulator

/// A ledger of two nodes, the first of which writes to the second.
private struct Rig {
    final class Clock {
        var moment = FleetMoment(nanoseconds: 0, step: 0)
    }

    let clock = Clock()
    let ledger: FleetLedger
    private let sender: PeerID

    init() throws {
        let peerIDs = try (1...2).map { try FleetNode.identity([UInt8](repeating: $0, count: 32)).peerID }
        sender = peerIDs[0]
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
            from: sender,
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

    /// Whether one rule was broken, and which.
    func broke(_ text: String) -> Bool { ledger.violations.count == 1 && ledger.violations[0].contains(text) }
}

@Suite struct FleetLedgerTests {
    @Test func whatIsHandedOutAgainAfterADeathIsNoDuplicate() throws {
        let rig = try Rig()
        let number = rig.send()
        rig.see(number)
        rig.see(number, attempt: 2)
        rig.ledger.ended(number, .delivered, clockTolerance: .zero)
        rig.ledger.gone(rig.delivery(number))
        rig.ledger.checkDelivered { _, _ in true }
        #expect(rig.ledger.finish() == (0, 0))
        #expect(rig.ledger.violations == [] && rig.ledger.events == [])
        #expect(rig.ledger.counts.repeated == 1 && rig.ledger.counts.duplicated == 0)
    }

    @Test func anEntryAtASecondPlaceIsADuplicateAndToldWithItsTime() throws {
        let rig = try Rig()
        let number = rig.send()
        rig.see(number, at: 3)
        rig.clock.moment = FleetMoment(nanoseconds: 2_500_000_000, step: 7)
        rig.see(number, at: 4)
        #expect(rig.broke("is delivered twice, at 3 and 4 (from node 0 to node 1)"))
        #expect(rig.ledger.violations[0].hasPrefix("at 2.5 s, step 7: "))
        #expect(rig.ledger.firstViolation == rig.clock.moment)
        #expect(rig.ledger.events == ["node 0: the last of 0", "node 1: the last of 1"])
        #expect(rig.ledger.counts.duplicated == 1)
    }

    @Test func anEntryIsNotHandedOutAgainAfterItsAcknowledgement() throws {
        let rig = try Rig()
        let number = rig.send()
        rig.see(number)
        rig.ledger.gone(rig.delivery(number))
        rig.see(number, attempt: 2, in: 2)
        #expect(rig.broke("was acknowledged, and is handed out again"))
        #expect(rig.ledger.counts.duplicated == 1)
    }

    @Test(arguments: [1, 2]) func whatIsDealtWithComesBackInAnotherLifeAlone(life: Int) throws {
        let rig = try Rig()
        let number = rig.send()
        rig.see(number)
        rig.ledger.finished(rig.delivery(number), in: 1)
        rig.see(number, attempt: 2, in: life)
        #expect(rig.broke("was dealt with, and the same node hands it out again") == (life == 1))
        #expect(rig.ledger.counts.duplicated == (life == 1 ? 1 : 0))
        #expect(rig.ledger.counts.repeated == (life == 1 ? 0 : 1))
    }

    @Test func anAttemptCountsUp() throws {
        let rig = try Rig()
        let number = rig.send()
        rig.see(number, attempt: 2)
        rig.see(number, attempt: 2)
        #expect(rig.broke("is handed out again as attempt 2, after 2"))
    }

    @Test func aMessageThatExpiresBeforeItsTimeIsTold() throws {
        for (early, isBroken) in [(Duration.nanoseconds(1), true), (.zero, false)] {
            let rig = try Rig()
            let number = rig.send()
            let age = rig.ledger.message(number).lifetime - early - .seconds(1)
            rig.clock.moment = FleetMoment(nanoseconds: age.nanosecondsClamped, step: 1)
            rig.ledger.ended(number, .expired, clockTolerance: .seconds(1))
            #expect(rig.broke("message \(number) expired after") == isBroken, "\(rig.ledger.violations)")
            #expect(rig.ledger.counts.expired == 1)
        }
    }

    @Test func messagesLiveAsLongAsTheLeastThatIsAskedForAndAreTheSameOtherwise() {
        let numbers: [UInt64] = Array(0..<200)
        for number in numbers {
            let usual = FleetMessage(number, seed: 1)
            let long = FleetMessage(number, seed: 1, lifetimeMin: .seconds(3600))
            #expect(long.lifetime == max(usual.lifetime, .seconds(3600)))
            #expect(long.patience == usual.patience && long.course == usual.course)
            #expect(long.answer == usual.answer)
        }
        #expect(numbers.contains { FleetMessage($0, seed: 1).lifetime < .seconds(3600) })
    }

    @Test func aMessageThatItsNodeForgotIsLost() throws {
        let rig = try Rig()
        rig.ledger.unknown(rig.send())
        #expect(rig.broke("was accepted, and its node knows nothing of it"))
        #expect(rig.ledger.counts.lost == 1)
    }

    @Test func anEntryThatNobodySentIsTold() throws {
        let rig = try Rig()
        var delivery = rig.delivery(rig.send())
        delivery.content.payload = [1, 2, 3]
        #expect(rig.ledger.sighted(delivery, by: 1, in: 1) == nil)
        #expect(rig.broke("node 1 sees an entry that nobody sent"))
    }

    @Test func whatIsDeliveredByItsSendersWordAloneIsLost() throws {
        let rig = try Rig()
        rig.ledger.ended(rig.send(), .delivered, clockTolerance: .zero)
        rig.ledger.checkDelivered { _, _ in nil }
        #expect(rig.ledger.violations == [], "who is down cannot be asked")
        rig.ledger.checkDelivered { _, _ in false }
        #expect(rig.broke("is delivered by its sender's word, and not in the inbox"))
    }

    @Test func ofManyBrokenRulesTheFirstAreToldAndOfTwoTheLastEvents() throws {
        let rig = try Rig()
        #expect(rig.ledger.firstViolation == nil)
        for step in 1...20 {
            rig.clock.moment = FleetMoment(nanoseconds: 0, step: step)
            rig.ledger.violate("rule \(step)", involving: [step])
        }
        #expect(rig.ledger.violations.count == 20)
        rig.ledger.violate("another rule", involving: [7])
        #expect(rig.ledger.violations.count == 21 && rig.ledger.violations.last == "… and 1 more")
        #expect(rig.ledger.firstViolation?.step == 1)
        #expect(rig.ledger.events == ["node 1: the last of 1", "node 2: the last of 2"])
    }

    @Test(arguments: [480, 481]) func asManyEventsAreToldAsEightNodesHave(count: Int) throws {
        let rig = try Rig()
        rig.ledger.recentEvents = { node in (0..<60).map { "event \($0) of \(node)" } }
        rig.ledger.violate("one", involving: Array(0..<3))
        rig.ledger.violate("another", involving: Array(0..<count / 60 - 3) + (count > 480 ? [9] : []))
        #expect(rig.ledger.events.count == 480)
        #expect(rig.ledger.events.last == "node 4: event 59 of 4")
    }

    @Test func whatIsLeftAtTheEndIsPendingWhereItWasAccepted() throws {
        let rig = try Rig()
        _ = rig.send()
        _ = rig.ledger.ask(from: 1, to: 0)
        #expect(rig.ledger.finish() == (1, 1))
        #expect(rig.ledger.violations.count == 2)
        #expect(rig.ledger.violations[0].contains("message 0 is pending at the end"))
        #expect(rig.ledger.violations[1].contains("message 1 is not accepted at the end"))
    }
}
