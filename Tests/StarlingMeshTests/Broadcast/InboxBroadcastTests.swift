import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

@Suite struct InboxBroadcastTests {
    private static let content = MessageContent(type: .data, payload: [1, 2, 3])

    private static func header(_ number: UInt8, from sender: PeerID = InboxKit.alice) -> MessageHeader {
        MessageHeader(
            id: MessageID(random: [UInt8](repeating: number, count: 16)),
            from: sender,
            to: nil,
            created: MessageKit.created,
            lifetimeMilliseconds: 60_000,
            place: nil
        )
    }

    private func add(_ kit: inout InboxKit, _ header: MessageHeader) -> UInt64? {
        let position = kit.inbox.addBroadcast(
            header,
            Self.content,
            handsOut: false,
            now: kit.now,
            wallNow: kit.wallNow
        )
        kit.pull()
        return position
    }

    @Test func itIsAnEntryOnceAlsoAfterARestart() throws {
        var kit = InboxKit()
        let position = try #require(add(&kit, Self.header(1)))
        kit.expectActions([.arrived(position: position)])
        #expect(kit.inbox.entry(at: position)?.isBroadcast == true)
        #expect(add(&kit, Self.header(1)) == nil)
        try kit.restart()
        #expect(kit.inbox.entry(of: Self.header(1).id)?.isBroadcast == true)
        #expect(add(&kit, Self.header(1)) == nil)
        kit.expect(true) { $0.acknowledge(position) }
        kit.pull()
        try kit.restart()
        #expect(add(&kit, Self.header(1)) == nil, "it was dealt with, and does not come again")
        #expect(kit.inbox.count == 0)
        let receipts = kit.receipts()
        #expect(receipts.isEmpty, "nobody is owed a receipt")
    }

    @Test func anotherSendersMessageOfTheSameIdIsAnotherOne() throws {
        var kit = InboxKit()
        #expect(add(&kit, Self.header(1, from: MessageKit.key(3).peerID)) != nil)
        #expect(add(&kit, Self.header(1)) != nil)
        try kit.restart()
        #expect(add(&kit, Self.header(1)) == nil)
    }

    @Test func whatTheDiskDidNotTakeMayComeAgain() throws {
        var kit = InboxKit()
        let header = Self.header(1)
        let position = kit.inbox.addBroadcast(
            header,
            Self.content,
            handsOut: false,
            now: kit.now,
            wallNow: kit.wallNow
        )
        _ = kit.inbox.takeBatch()
        kit.inbox.storeFailed(now: kit.now)
        #expect(position != nil)
        #expect(kit.inbox.count == 0)
        kit.pull()
        #expect(add(&kit, header) != nil)
    }

    @Test func whoHasCameIsForgottenWhenNoCopyIsOfUse() throws {
        var limits = Inbox.Limits()
        limits.broadcastCountMax = 8
        var kit = InboxKit(limits: limits)
        for number in 1...7 as ClosedRange<UInt8> { #expect(add(&kit, Self.header(number)) != nil) }
        #expect(add(&kit, Self.header(8)) == nil, "one sender alone leaves some room")
        #expect(add(&kit, Self.header(9, from: MessageKit.key(3).peerID)) != nil)
        #expect(add(&kit, Self.header(10, from: MessageKit.key(4).peerID)) == nil, "it is full")
        kit.advance(.seconds(60 + 1800 + 1))
        #expect(add(&kit, Self.header(11)) != nil)
        #expect(kit.disk.rows(of: DeliveryTables.broadcasts).count == 1)
    }
}
