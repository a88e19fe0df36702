import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

/// A shelf of Dora's that serves Bob, with a disk that works unless told otherwise, and what it asked for.
struct MailboxKit {
    var shelf: MailboxShelf
    let limits: MailboxShelf.Limits
    var disk = RigDisk()
    var now = Instant(nanosecondsSinceOrigin: 0)
    var wallNow = MessageKit.created
    /// What it asked for, without the writing.
    var actions: [MailboxShelfAction] = []
    var isDiskBroken = false

    static let alice = MessageKit.alice
    static let bob = MessageKit.bob
    static let carol = MessageKit.key(3)
    static let dora = MessageKit.key(4)

    init(limits: MailboxShelf.Limits = .init(), policy: MailboxPolicy = .named([MailboxKit.bob.peerID])) {
        self.limits = limits
        shelf = MailboxShelf(own: Self.dora.peerID, policy: policy, limits: limits)
    }

    /// An id that tells its number.
    static func id(_ number: UInt64) -> MessageID {
        MessageID(
            random: [UInt8](repeating: 0, count: 8)
                + (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        )
    }

    /// A private envelope whose body nobody opens.
    static func envelope(
        _ number: UInt64,
        from sender: IdentityKey = alice,
        to recipient: PeerID? = bob.peerID,
        byteCount: Int = 100,
        privacy: MessageHeader.Privacy = .private,
        created: WallTime = MessageKit.created,
        lifetime: Duration = .seconds(86_400)
    ) throws -> Envelope {
        var header = MessageHeader(
            id: id(number),
            from: sender.peerID,
            to: recipient,
            created: created,
            lifetimeMilliseconds: lifetime.milliseconds,
            place: recipient == nil ? nil : .init(series: 1, number: number, floor: 1)
        )
        header.privacy = privacy
        return try Envelope(header, body: [UInt8](repeating: 7, count: byteCount), from: sender)
    }

    mutating func offer(_ envelope: Envelope, from peer: PeerID? = nil) {
        shelf.offer(envelope, from: peer ?? envelope.header.from, now: now, wallNow: wallNow)
        pull()
    }

    /// Offers a message, and returns what was said of it.
    mutating func verdict(_ envelope: Envelope, from peer: PeerID? = nil) -> MailboxVerdict? {
        offer(envelope, from: peer)
        let verdicts = takeActions().compactMap { action -> MailboxVerdict? in
            guard case .verdict(_, let entry) = action, entry.id == envelope.header.id else { return nil }
            return entry.verdict
        }
        return verdicts.last
    }

    mutating func expect(
        _ verdict: MailboxVerdict,
        of envelope: Envelope,
        from peer: PeerID? = nil,
        _ comment: Comment? = nil,
        at location: SourceLocation = #_sourceLocation
    ) {
        let found = self.verdict(envelope, from: peer)
        #expect(found == verdict, comment, sourceLocation: location)
    }

    mutating func pull() {
        while let action = shelf.nextAction() {
            if action == .write { write() } else { actions.append(action) }
        }
    }

    mutating func write() {
        guard let batch = shelf.takeBatch() else { return }
        if isDiskBroken {
            isDiskBroken = false
            shelf.storeFailed()
        } else {
            disk.apply(batch)
            shelf.stored()
        }
    }

    mutating func takeActions() -> [MailboxShelfAction] {
        defer { actions = [] }
        return actions
    }

    mutating func advance(_ duration: Duration) {
        now = now + duration
        wallNow.millisecondsSince1970 += duration.milliseconds
        shelf.advance(to: now)
        pull()
    }

    mutating func page(for peer: PeerID = bob.peerID, _ fetch: MailboxFetch = .init()) -> MailboxPage {
        let request = shelf.fetch(fetch, for: peer)
        let rows = request.keys.map { disk.rows[MailboxTables.shelf]?[$0] }
        defer { pull() }
        return shelf.page(request, rows: rows)
    }

    /// The ids of everything that a peer can fetch, in order.
    mutating func fetched(for peer: PeerID = bob.peerID) throws -> [MessageID] {
        try page(for: peer).envelopes.map { try Envelope(verifying: $0.span).header.id }
    }

    mutating func expectFetched(
        _ numbers: [UInt64],
        _ comment: Comment? = nil,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        let found = try fetched()
        #expect(found == numbers.map { Self.id($0) }, comment, sourceLocation: location)
    }

    mutating func expectPage(
        _ page: MailboxPage,
        for peer: PeerID,
        _ comment: Comment? = nil,
        at location: SourceLocation = #_sourceLocation
    ) {
        let found = self.page(for: peer)
        #expect(found == page, comment, sourceLocation: location)
    }

    mutating func expectActions(
        _ expected: [MailboxShelfAction],
        at location: SourceLocation = #_sourceLocation
    ) {
        let found = takeActions()
        #expect(found == expected, sourceLocation: location)
    }

    /// A receipt of Bob's.
    static func receipt(_ numbers: [UInt64], _ outcome: Receipt.Outcome = .delivered) -> Receipt {
        Receipt(
            for: numbers.map { .init(id: id($0), outcome: outcome) },
            to: alice.peerID,
            created: MessageKit.created,
            from: bob
        )
    }

    mutating func restart() throws {
        shelf = MailboxShelf(own: Self.dora.peerID, policy: shelf.policy, limits: limits)
        for row in disk.rows(of: MailboxTables.shelf) { try shelf.restore(row, now: now, wallNow: wallNow) }
        shelf.finishRestoring(now: now)
        actions = []
        pull()
    }

    /// The rows on the disk, in number.
    var rowCount: Int { disk.rows(of: MailboxTables.shelf).count }
}
