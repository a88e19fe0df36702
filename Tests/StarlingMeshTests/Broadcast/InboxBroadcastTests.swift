import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

@Suite struct InboxBroadcastTests {
    private static let content = MessageContent(type: .data, payload: [1, 2, 3])

    private static func header(
        _ number: UInt8,
        from sender: PeerID = InboxKit.alice,
        lifetimeMilliseconds: Int64 = 60_000
    ) -> MessageHeader {
        MessageHeader(
            id: MessageID(random: [UInt8](repeating: number, count: 16)),
            from: sender,
            to: nil,
            created: MessageKit.created,
            lifetimeMilliseconds: lifetimeMilliseconds,
            place: nil
        )
    }

    private func add(
        _ kit: inout InboxKit,
        _ header: MessageHeader,
        from neighbour: PeerID = MessageKit.key(9).peerID
    ) -> UInt64? {
        let position = kit.inbox.addBroadcast(
            header,
            Self.content,
            from: neighbour,
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
            from: MessageKit.key(9).peerID,
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
        let other = MessageKit.key(8).peerID
        #expect(add(&kit, Self.header(9, from: MessageKit.key(3).peerID), from: other) != nil)
        #expect(add(&kit, Self.header(10, from: MessageKit.key(4).peerID), from: other) == nil, "it is full")
        kit.advance(.seconds(60 + 1800 + 1))
        #expect(add(&kit, Self.header(11)) != nil)
        #expect(kit.disk.rows(of: DeliveryTables.broadcasts).count == 1)
    }

    @Test func oneNeighbourAloneLeavesSomeRoomWhoeverItSaysThatItIsFrom() throws {
        var limits = Inbox.Limits()
        limits.broadcastCountMax = 8
        var kit = InboxKit(limits: limits)
        let (bob, carol) = (MessageKit.bob.peerID, MessageKit.key(8).peerID)
        for number in 1...7 as ClosedRange<UInt8> {
            let header = Self.header(number, from: MessageKit.key(20 + number).peerID)
            #expect(add(&kit, header, from: bob) != nil)
        }
        let header = Self.header(8, from: MessageKit.key(28).peerID)
        #expect(add(&kit, header, from: bob) == nil)
        #expect(add(&kit, header, from: carol) != nil)
        kit.advance(.seconds(60 + 1800 + 1))
        #expect(add(&kit, Self.header(9, from: MessageKit.key(29).peerID), from: bob) != nil)
        #expect(kit.inbox.broadcastCounts == [bob: 1], "what is forgotten counts no more")
    }

    @Test func whatLivesForLongDoesNotHoldBackTheOthers() throws {
        var limits = Inbox.Limits()
        limits.broadcastCountMax = 8
        var kit = InboxKit(limits: limits)
        #expect(add(&kit, Self.header(1, lifetimeMilliseconds: 3_600_000)) != nil)
        for number in 2...5 as ClosedRange<UInt8> { #expect(add(&kit, Self.header(number)) != nil) }
        kit.advance(.seconds(60 + 1800 + 1))
        #expect(add(&kit, Self.header(6)) != nil)
        #expect(kit.disk.rows(of: DeliveryTables.broadcasts).count == 2)
    }
}
