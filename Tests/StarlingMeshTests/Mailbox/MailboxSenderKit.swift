import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

/// A sender of Alice's with a disk that works unless told otherwise; its recipient is Bob.
struct MailboxSenderKit {
    var sender: MailboxSender
    let limits: MailboxSender.Limits
    var disk = RigDisk()
    var now = Instant(nanosecondsSinceOrigin: 0)
    var wallNow = MessageKit.created
    var actions: [MailboxSenderAction] = []
    var isDiskBroken = false

    static let bob = MessageKit.bob.peerID
    static let names = (10..<18).map { MessageKit.key($0).peerID }

    init(limits: MailboxSender.Limits = .init()) {
        self.limits = limits
        sender = MailboxSender(own: MessageKit.alice.peerID, seed: 1, limits: limits)
    }

    mutating func hold(_ number: UInt64, lifetime: Duration = .seconds(86_400), isPresent: Bool = false) {
        var expires = MessageKit.created
        expires.millisecondsSince1970 += lifetime.milliseconds
        sender.hold(
            MailboxKit.id(number),
            to: Self.bob,
            expires: expires,
            isPresent: isPresent,
            now: now,
            wallNow: wallNow
        )
        pull()
    }

    mutating func pull() {
        while let action = sender.nextAction() {
            guard action == .write else {
                actions.append(action)
                continue
            }
            guard let batch = sender.takeBatch() else { continue }
            if isDiskBroken {
                isDiskBroken = false
                sender.storeFailed(now: now)
            } else {
                disk.apply(batch)
                sender.stored(now: now)
            }
        }
    }

    mutating func advance(_ duration: Duration) {
        let end = now + duration
        while let next = sender.nextDeadline, next <= end { step(to: max(now, next)) }
        step(to: end)
    }

    private mutating func step(to time: Instant) {
        wallNow.millisecondsSince1970 += now.duration(to: time).milliseconds
        now = time
        sender.advance(to: now)
        pull()
    }

    mutating func list(_ names: [PeerID]) {
        sender.list(names, of: Self.bob, now: now)
        pull()
    }

    mutating func linkUp(_ peer: PeerID) {
        sender.linkUp(peer, now: now)
        pull()
    }

    mutating func verdict(_ number: UInt64, _ verdict: MailboxVerdict, from peer: PeerID) {
        sender.verdict(
            .init(id: MailboxKit.id(number), verdict: verdict),
            from: peer,
            now: now,
            wallNow: wallNow
        )
        pull()
    }

    mutating func settled(_ number: UInt64) {
        sender.settled(MailboxKit.id(number), now: now)
        pull()
    }

    mutating func expect(
        _ expected: [MailboxSenderAction],
        at location: SourceLocation = #_sourceLocation
    ) {
        let found = actions
        actions = []
        #expect(found == expected, sourceLocation: location)
    }

    mutating func restart(holding numbers: [UInt64], isPresent: Bool = false) throws {
        sender = MailboxSender(own: MessageKit.alice.peerID, seed: 2, limits: limits)
        for row in disk.rows(of: MailboxTables.copies) {
            try sender.restore(row, now: now, wallNow: wallNow)
        }
        for number in numbers { hold(number, isPresent: isPresent) }
        sender.finishRestoring(now: now)
        pull()
    }

    var rowCount: Int { disk.rows(of: MailboxTables.copies).count }

    /// One message that one mailbox has.
    static func stored() -> MailboxSenderKit {
        var kit = MailboxSenderKit()
        kit.hold(1)
        kit.list([names[0]])
        kit.linkUp(names[0])
        kit.advance(.seconds(10))
        kit.verdict(1, .stored, from: names[0])
        kit.actions = []
        return kit
    }
}
