import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

/// An inbox of Bob's with a disk that always works, and what it asked for.
struct InboxKit {
    var inbox: Inbox
    let limits: Inbox.Limits
    var disk = RigDisk()
    var now = Instant(nanosecondsSinceOrigin: 0)
    var wallNow = MessageKit.created
    /// What it asked for, without the writing.
    var actions: [InboxAction] = []

    static let alice = MessageKit.alice.peerID

    init(limits: Inbox.Limits = Inbox.Limits()) {
        self.limits = limits
        inbox = Inbox(own: MessageKit.bob.peerID, seed: 1, limits: limits)
        inbox.linkUp(Self.alice, now: now)
    }

    /// A header of Alice's, whose id tells the series and the number.
    static func header(
        _ number: UInt64,
        series: UInt64 = 1,
        floor: UInt64 = 1,
        from sender: PeerID = alice,
        lifetime: Duration = .seconds(86_400)
    ) -> MessageHeader {
        MessageHeader(
            id: id(number, series: series),
            from: sender,
            to: MessageKit.bob.peerID,
            created: MessageKit.created,
            lifetimeMilliseconds: lifetime.milliseconds,
            place: .init(series: series, number: number, floor: floor)
        )
    }

    static func id(_ number: UInt64, series: UInt64 = 1) -> MessageID {
        let bytes = [series, number].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
        }
        return MessageID(random: bytes)
    }

    mutating func offer(_ header: MessageHeader, byteCount: Int = 10) -> InboxVerdict {
        inbox.offer(header, byteCount: byteCount, now: now, wallNow: wallNow)
    }

    /// Offers a message and makes an entry of it, without the disk's word.
    mutating func add(_ header: MessageHeader, byteCount: Int = 10, handsOut: Bool = false) -> UInt64? {
        guard case .take(let ticket) = offer(header, byteCount: byteCount) else { return nil }
        let empty = MessageContent(type: .data, payload: []).encoded.count
        let payload = [UInt8](repeating: 1, count: max(0, byteCount - empty - 2))
        let content = MessageContent(type: .data, payload: payload)
        return inbox.add(ticket, content, handsOut: handsOut, now: now, wallNow: wallNow)
    }

    /// Takes a message, and the disk has it.
    @discardableResult mutating func take(_ number: UInt64, series: UInt64 = 1, floor: UInt64 = 1) -> UInt64?
    {
        let position = add(Self.header(number, series: series, floor: floor))
        pull()
        return position
    }

    mutating func pull() {
        while let action = inbox.nextAction() {
            if action == .write { write() } else { actions.append(action) }
        }
    }

    mutating func write() {
        guard let batch = inbox.takeBatch() else { return }
        disk.apply(batch)
        inbox.stored(now: now, wallNow: wallNow)
    }

    mutating func advance(_ duration: Duration) {
        now = now + duration
        wallNow.millisecondsSince1970 += duration.milliseconds
        inbox.advance(to: now)
        pull()
    }

    /// Hears what a sender settled, and has it written.
    mutating func settle(_ floor: UInt64, _ ranges: [ClosedRange<UInt64>] = [], series: UInt64 = 1) {
        hear(floor, ranges, series: series)
        write()
        pull()
    }

    /// Hears what a sender settled, which may be written later.
    mutating func hear(_ floor: UInt64, _ ranges: [ClosedRange<UInt64>] = [], series: UInt64 = 1) {
        let settled = Settlement.Series(series: series, floor: floor, ranges: ranges)
        inbox.settlement([settled], from: Self.alice, now: now, wallNow: wallNow)
        pull()
    }

    mutating func receipts() -> [Receipt.Entry] {
        var receipts: [Receipt.Entry] = []
        while let more = inbox.takeReceipts(for: Self.alice, now: now) { receipts += more }
        return receipts
    }

    mutating func takeActions() -> [InboxAction] {
        defer { actions = [] }
        return actions
    }

    mutating func restart() throws {
        inbox = Inbox(own: MessageKit.bob.peerID, seed: 2, limits: limits)
        for table in DeliveryTables.ofInbox {
            for row in disk.rows(of: table) { try inbox.restore(row, now: now, wallNow: wallNow) }
        }
        inbox.finishRestoring()
        actions = []
        pull()
        inbox.linkUp(Self.alice, now: now)
        pull()
    }

    mutating func expectReceipts(
        _ outcomes: [(UInt64, Receipt.Outcome)],
        _ comment: Comment? = nil,
        at location: SourceLocation = #_sourceLocation
    ) {
        let found = receipts()
        let expected = outcomes.map { Receipt.Entry(id: Self.id($0.0), outcome: $0.1) }
        #expect(found == expected, comment, sourceLocation: location)
    }

    mutating func expectActions(_ expected: [InboxAction], at location: SourceLocation = #_sourceLocation) {
        let found = takeActions()
        #expect(found == expected, sourceLocation: location)
    }

    mutating func expect(
        _ verdict: InboxVerdict,
        of header: MessageHeader,
        byteCount: Int = 10,
        at location: SourceLocation = #_sourceLocation
    ) {
        let found = offer(header, byteCount: byteCount)
        #expect(found == verdict, sourceLocation: location)
    }

    /// Like ``add(_:byteCount:handsOut:)``, of a message that has to be taken.
    mutating func added(
        _ header: MessageHeader,
        byteCount: Int = 10,
        handsOut: Bool = false,
        at location: SourceLocation = #_sourceLocation
    ) -> UInt64 {
        let position = add(header, byteCount: byteCount, handsOut: handsOut)
        #expect(position != nil, sourceLocation: location)
        return position ?? 0
    }

    /// Like ``take(_:series:floor:)``, of a message that has to be taken.
    mutating func taken(_ number: UInt64, at location: SourceLocation = #_sourceLocation) -> UInt64 {
        let position = take(number)
        #expect(position != nil, sourceLocation: location)
        return position ?? 0
    }

    mutating func expect(
        _ expected: Bool,
        _ comment: Comment? = nil,
        at location: SourceLocation = #_sourceLocation,
        _ body: (inout Inbox) -> Bool
    ) {
        let found = body(&inbox)
        #expect(found == expected, comment, sourceLocation: location)
    }
}
