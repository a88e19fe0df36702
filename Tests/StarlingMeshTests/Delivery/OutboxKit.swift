import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

/// An outbox of Alice's with a disk that always works, and what it asked for.
struct OutboxKit {
    var outbox: Outbox
    let limits: Outbox.Limits
    var disk = RigDisk()
    var now = Instant(nanosecondsSinceOrigin: 0)
    var wallNow = MessageKit.created
    /// What it asked for, without the writing.
    var actions: [OutboxAction] = []
    private var draws = SeededDraws(seed: 7)

    static let bob = MessageKit.bob.peerID
    static let carol = MessageKit.key(3).peerID

    init(limits: Outbox.Limits = Outbox.Limits()) {
        self.limits = limits
        outbox = Outbox(own: MessageKit.alice.peerID, seed: 1, limits: limits)
    }

    /// Time passes, on both clocks.
    mutating func advance(_ duration: Duration) {
        now = now + duration
        wallNow.millisecondsSince1970 += duration.nanosecondsClamped / 1_000_000
        outbox.advance(to: now, wallNow: wallNow)
        pull()
    }

    /// Begins and accepts a message, without the disk's word.
    mutating func accept(
        to peer: PeerID = bob,
        _ priority: MessagePriority = .normal,
        lifetime: Duration = .seconds(86_400),
        byteCount: Int = 0,
        key: [UInt8]? = nil,
        file: BlobID? = nil,
        hopLimit: UInt8 = OutboxRequest.hopLimitIfNone,
        recordsPath: Bool = false
    ) throws -> MessageID {
        let content = MessageContent(type: .data, payload: [UInt8](repeating: 1, count: byteCount))
        var request = OutboxRequest(to: peer, byteCount: content.encoded.count)
        request.privacy = .standard
        request.priority = priority
        request.lifetime = lifetime
        request.key = key
        request.file = file
        request.hopLimit = hopLimit
        request.recordsPath = recordsPath
        let id = MessageID(random: draws.bytes(16))
        switch try outbox.begin(request, id: id, seriesDraw: draws.next(), now: now, wallNow: wallNow) {
        case .known(let known): return known
        case .make(let header):
            outbox.accept(try Envelope(header, content: content, from: MessageKit.alice), now: now)
            return id
        }
    }

    /// Accepts a message, and the disk has it.
    @discardableResult mutating func send(
        to peer: PeerID = bob,
        _ priority: MessagePriority = .normal,
        lifetime: Duration = .seconds(86_400),
        byteCount: Int = 0,
        key: [UInt8]? = nil,
        file: BlobID? = nil,
        hopLimit: UInt8 = OutboxRequest.hopLimitIfNone,
        recordsPath: Bool = false
    ) throws -> MessageID {
        let id = try accept(
            to: peer,
            priority,
            lifetime: lifetime,
            byteCount: byteCount,
            key: key,
            file: file,
            hopLimit: hopLimit,
            recordsPath: recordsPath
        )
        pull()
        return id
    }

    /// Does what is asked for, writes and reads included.
    mutating func pull() {
        while let action = outbox.nextAction() {
            switch action {
            case .write: write()
            case .load(let position):
                actions.append(action)
                let row = disk.rows[DeliveryTables.outbox]?[StoreKey(DeliveryTables.outbox, position)]
                outbox.loaded(position: position, row: row, now: now, wallNow: wallNow)
            default: actions.append(action)
            }
        }
    }

    mutating func write() {
        guard let batch = outbox.takeBatch() else { return }
        disk.apply(batch)
        outbox.stored(now: now, wallNow: wallNow)
    }

    mutating func linkUp(_ peer: PeerID = bob, linkCount: Int = 1) {
        outbox.linkUp(peer, linkCount: linkCount, now: now)
        pull()
    }

    /// The shortest way to a peer crosses so many links from now on.
    mutating func setLinkCount(_ linkCount: Int, for peer: PeerID = bob) {
        outbox.setLinkCount(linkCount, for: peer, now: now)
        pull()
    }

    mutating func linkDown(_ peer: PeerID = bob) {
        outbox.linkDown(peer, now: now)
        pull()
    }

    /// Everything that can be sent to a peer right now.
    mutating func sent(to peer: PeerID = bob, among priorities: PrioritySet = .all) -> [MessageID] {
        var sent: [MessageID] = []
        while let next = outbox.nextTransmission(
            to: peer,
            among: priorities,
            now: now,
            wallNow: wallNow
        ) {
            sent.append(next.id)
            pull()
        }
        return sent
    }

    /// A receipt comes, and its row is on the disk.
    mutating func receipt(
        _ ids: [MessageID],
        _ outcome: Receipt.Outcome = .delivered,
        from peer: PeerID = bob
    ) {
        hear(ids, outcome, from: peer)
        write()
        pull()
    }

    /// A receipt comes; what is not written for its sake is not written.
    mutating func hear(
        _ ids: [MessageID],
        _ outcome: Receipt.Outcome = .delivered,
        from peer: PeerID = bob
    ) {
        outbox.receipt(ids.map { .init(id: $0, outcome: outcome) }, from: peer, now: now, wallNow: wallNow)
        pull()
    }

    func state(_ id: MessageID) -> OutboxMessage.State? { outbox.message(id)?.state }

    /// What was asked for since the last time.
    mutating func takeActions() -> [OutboxAction] {
        defer { actions = [] }
        return actions
    }

    /// The same outbox after a restart.
    mutating func restart() throws {
        outbox = Outbox(own: MessageKit.alice.peerID, seed: 2, limits: limits)
        for table in DeliveryTables.ofOutbox {
            for row in disk.rows(of: table) { try outbox.restore(row, now: now, wallNow: wallNow) }
        }
        outbox.finishRestoring(now: now, wallNow: wallNow)
        actions = []
        pull()
    }
}

extension OutboxKit {
    /// The places of everything that can be sent to Bob right now.
    mutating func sentPlaces() throws -> [MessageHeader.Place] {
        var places: [MessageHeader.Place] = []
        while let next = outbox.nextTransmission(to: Self.bob, now: now, wallNow: wallNow) {
            if let place = try Envelope(parsing: next.envelope.span).header.place { places.append(place) }
            pull()
        }
        return places
    }

    mutating func sentNumbers() throws -> [UInt64] { try sentPlaces().map(\.number) }

    /// Tells Bob what is settled.
    @discardableResult mutating func settle() -> [Settlement.Series]? {
        defer { pull() }
        return outbox.takeSettlement(for: Self.bob, now: now)
    }

    /// The reasons of stalls that were told since the last time.
    mutating func stalls() -> [OutboxStall.Reason] {
        takeActions().compactMap { if case .stalled(let stall) = $0 { stall.reason } else { nil } }
    }
}

// What a test expects, where the call changes the kit.
extension OutboxKit {
    mutating func expectSent(
        _ ids: [MessageID],
        _ comment: Comment? = nil,
        among priorities: PrioritySet = .all,
        at location: SourceLocation = #_sourceLocation
    ) {
        let found = sent(among: priorities)
        #expect(found == ids, comment, sourceLocation: location)
    }

    mutating func expectActions(_ expected: [OutboxAction], at location: SourceLocation = #_sourceLocation) {
        let found = takeActions()
        #expect(found == expected, sourceLocation: location)
    }

    mutating func expectAction(_ expected: OutboxAction, at location: SourceLocation = #_sourceLocation) {
        let found = takeActions()
        #expect(found.contains(expected), sourceLocation: location)
    }

    mutating func expectNoAction(
        _ unwanted: OutboxAction,
        _ comment: Comment? = nil,
        at location: SourceLocation = #_sourceLocation
    ) {
        let found = takeActions()
        #expect(!found.contains(unwanted), comment, sourceLocation: location)
    }

    mutating func expectStalls(
        _ reasons: [OutboxStall.Reason],
        _ comment: Comment? = nil,
        at location: SourceLocation = #_sourceLocation
    ) {
        let found = stalls()
        #expect(found == reasons, comment, sourceLocation: location)
    }
}
