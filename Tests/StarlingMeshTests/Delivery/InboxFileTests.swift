import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

@Suite struct InboxFileTests {
    private static let carol = MessageKit.key(3).peerID

    private static let content: MessageContent = {
        var content = MessageContent(type: .data, payload: Array("see the file".utf8))
        let root = [UInt8](repeating: 7, count: 32)
        let id = BlobID(root: root, byteCount: 10_000, chunkByteCount: 4096)
        content.attachment = id.flatMap { BlobAttachment(id: $0, name: "a.txt", key: nil) }?.encoded ?? []
        return content
    }()

    /// Offers a message with a file, and the disk has it.
    private func hold(
        _ kit: inout InboxKit,
        _ header: MessageHeader,
        byteCount: Int = content.encoded.count,
        storeByteCountMax: UInt64 = 1 << 30
    ) throws {
        guard case .take(let ticket) = kit.offer(header, byteCount: byteCount) else {
            Issue.record("not taken")
            return
        }
        let bytes = Self.content.attachment
        let attachment = try BlobAttachment(parsing: bytes.span)
        kit.hold(ticket, Self.content, attachment, storeByteCountMax: storeByteCountMax)
        kit.pull()
    }

    private func release(_ kit: inout InboxKit, _ position: UInt64 = 1) -> UInt64? {
        kit.inbox.release(position, Self.content, handsOut: false, now: kit.now, wallNow: kit.wallNow)
    }

    @Test func aMessageIsDeliveredWhenItsFileIsHereAndNotBefore() throws {
        var kit = InboxKit()
        try hold(&kit, InboxKit.header(1))
        kit.expectActions([.held(position: 1), .answer(InboxKit.alice)])
        kit.expectReceipts([(1, .fetching)])
        #expect(kit.inbox.count == 0 && kit.inbox.owedCount == 0)
        #expect(kit.inbox.heldMessages.map(\.id) == [InboxKit.id(1)])
        kit.expect(.duplicate, of: InboxKit.header(1))
        kit.expectReceipts([(1, .fetching)], "as often as it comes")
        kit.pull()
        _ = kit.takeActions()
        let position = release(&kit)
        kit.expectReceipts([], "the disk does not have the entry yet")
        kit.pull()
        kit.expectActions([
            .arrived(position: try #require(position)), .unheld(position: 1), .answer(InboxKit.alice),
        ])
        kit.expectReceipts([(1, .delivered)])
        #expect(kit.inbox.entries().map(\.file?.name) == ["a.txt"])
        #expect(kit.inbox.heldMessages.isEmpty && kit.disk.rows(of: DeliveryTables.held).isEmpty)
    }

    @Test func othersOvertakeAMessageThatWaits() throws {
        var kit = InboxKit()
        try hold(&kit, InboxKit.header(1))
        kit.take(2)
        kit.take(3)
        _ = release(&kit)
        kit.pull()
        #expect(kit.inbox.entries().map(\.id) == [2, 3, 1].map { InboxKit.id($0) })
    }

    @Test func aRestartAsksForTheFileAgain() throws {
        var kit = InboxKit()
        try hold(&kit, InboxKit.header(1))
        try kit.restart()
        #expect(kit.takeActions().contains(.held(position: 1)))
        kit.expect(.duplicate, of: InboxKit.header(1))
        #expect(release(&kit) != nil)
        kit.pull()
        #expect(kit.receipts().last?.outcome == .delivered)
        try kit.restart()
        kit.expectReceipts([(1, .delivered)])
        #expect(kit.inbox.count == 1 && kit.inbox.heldMessages.isEmpty)
        #expect(kit.inbox.entries().map(\.file?.byteCount) == [10_000])
    }

    @Test func aSenderThatGivesTheMessageUpTakesItBack() throws {
        for ranges in [[], [1...1] as [ClosedRange<UInt64>]] {
            var kit = InboxKit()
            try hold(&kit, InboxKit.header(1))
            let byteCount = kit.inbox.byteCount
            #expect(byteCount > 0)
            _ = kit.takeActions()
            kit.settle(ranges.isEmpty ? 2 : 1, ranges)
            #expect(kit.takeActions().contains(.unheld(position: 1)))
            #expect(kit.inbox.byteCount == 0 && kit.disk.rows(of: DeliveryTables.held).isEmpty)
            #expect(release(&kit) == nil)
            kit.expect(.refused(.expired), of: InboxKit.header(1))
            try kit.restart()
            #expect(kit.inbox.heldMessages.isEmpty && kit.inbox.count == 0)
        }
    }

    @Test func aMessageTakenBackBeforeTheDiskHasItLeavesNoRow() throws {
        var kit = InboxKit()
        let header = InboxKit.header(1)
        guard case .take(let ticket) = kit.offer(header, byteCount: Self.content.encoded.count) else {
            Issue.record("not taken")
            return
        }
        let bytes = Self.content.attachment
        kit.hold(ticket, Self.content, try BlobAttachment(parsing: bytes.span))
        kit.settle(2, [])
        kit.pull()
        #expect(kit.disk.rows(of: DeliveryTables.held).isEmpty)
        #expect(kit.inbox.byteCount == 0 && kit.inbox.heldMessages.isEmpty)
    }

    @Test func theFilesThatAreWaitedForHaveAPartOfTheStore() throws {
        var limits = Inbox.Limits()
        limits.ownFilesDivisor = 4
        limits.senderShareFactor = 100
        var kit = InboxKit(limits: limits)
        // Three quarters of it take two files, and not three.
        for number in 1...3 as ClosedRange<UInt64> {
            try hold(&kit, InboxKit.header(number), storeByteCountMax: 32_000)
        }
        kit.expectReceipts([(1, .fetching), (2, .fetching), (3, .refusedNoSpace)])
        #expect(release(&kit) != nil)
        kit.pull()
        try hold(&kit, InboxKit.header(3), storeByteCountMax: 32_000)
        kit.expectReceipts([(1, .delivered), (3, .fetching)])
    }

    @Test func aFileLargerThanThatPartIsWaitedForAlone() throws {
        var kit = InboxKit()
        for number in 1...2 as ClosedRange<UInt64> {
            try hold(&kit, InboxKit.header(number), storeByteCountMax: 10_000)
        }
        kit.expectReceipts([(1, .fetching), (2, .refusedNoSpace)])
    }

    @Test func oneSendersFilesLeaveRoomForAnothers() throws {
        var limits = Inbox.Limits()
        limits.senderShareFactor = 1
        var kit = InboxKit(limits: limits)
        kit.inbox.linkUp(Self.carol, now: kit.now)
        // Of 70,000 bytes one has 40,000 at most: then it has more than are free.
        for number in 1...5 as ClosedRange<UInt64> {
            try hold(&kit, InboxKit.header(number), storeByteCountMax: 80_000)
        }
        kit.expectReceipts([
            (1, .fetching), (2, .fetching), (3, .fetching), (4, .fetching), (5, .refusedNoSpace),
        ])
        try hold(&kit, InboxKit.header(6, from: Self.carol), storeByteCountMax: 80_000)
        #expect(kit.inbox.heldMessages.count == 5)
    }

    @Test func aMessageWhoseFileNeverCameExpires() throws {
        var kit = InboxKit()
        try hold(&kit, InboxKit.header(1, lifetime: .seconds(60)))
        kit.expectReceipts([(1, .fetching)])
        kit.advance(.seconds(60) + kit.limits.clockTolerance - .milliseconds(1))
        #expect(kit.inbox.heldMessages.count == 1)
        kit.advance(.milliseconds(1))
        #expect(kit.takeActions().contains(.unheld(position: 1)))
        kit.expectReceipts([(1, .expired)])
        #expect(kit.inbox.byteCount == 0)
    }

    @Test func whatTheDiskDoesNotTakeIsHeldAsBefore() throws {
        var kit = InboxKit()
        try hold(&kit, InboxKit.header(1))
        _ = (kit.receipts(), kit.takeActions())
        _ = release(&kit)
        _ = kit.inbox.takeBatch()
        kit.inbox.storeFailed(now: kit.now)
        kit.pull()
        #expect(kit.takeActions().contains(.held(position: 1)), "the file is asked for again")
        kit.expectReceipts([])
        #expect(kit.inbox.count == 0 && kit.inbox.heldMessages.count == 1)
        #expect(release(&kit) != nil)
        kit.pull()
        kit.expectReceipts([(1, .delivered)])
        #expect(kit.disk.rows(of: DeliveryTables.held).isEmpty)
    }

    @Test func whatCouldNotBeHeldHasNotCome() throws {
        var kit = InboxKit()
        guard case .take(let ticket) = kit.offer(InboxKit.header(1)) else { return }
        let bytes = Self.content.attachment
        let attachment = try BlobAttachment(parsing: bytes.span)
        kit.hold(ticket, Self.content, attachment)
        _ = kit.inbox.takeBatch()
        kit.inbox.storeFailed(now: kit.now)
        kit.pull()
        kit.expectReceipts([(1, .refusedFull)])
        #expect(kit.inbox.byteCount == 0 && kit.inbox.heldMessages.isEmpty)
        try hold(&kit, InboxKit.header(1))
        kit.expectReceipts([(1, .fetching)])
    }

    @Test func withTooManyHeldTheNextIsToldToComeAgain() throws {
        var limits = Inbox.Limits()
        limits.heldCountMax = 2
        limits.senderShareFactor = 100
        var kit = InboxKit(limits: limits)
        for number in 1...2 as ClosedRange<UInt64> { try hold(&kit, InboxKit.header(number)) }
        kit.expectReceipts([(1, .fetching), (2, .fetching)])
        try hold(&kit, InboxKit.header(3))
        kit.expectReceipts([(3, .refusedNoSpace)])
        #expect(release(&kit) != nil)
        kit.pull()
        try hold(&kit, InboxKit.header(3))
        kit.expectReceipts([(1, .delivered), (3, .fetching)])
    }

    @Test func aSenderHearsThatThereIsNoRoom() throws {
        var kit = InboxKit()
        try hold(&kit, InboxKit.header(1))
        _ = kit.receipts()
        kit.inbox.tellHeld(1, .refusedNoSpace)
        kit.inbox.tellHeld(1, .refusedNoSpace)
        kit.expectReceipts([(1, .refusedNoSpace)], "once")
        kit.inbox.tellHeld(1, .fetching)
        kit.expectReceipts([(1, .fetching)])
        kit.inbox.refuseHeld(1, .unreadable, now: kit.now)
        kit.pull()
        kit.expectReceipts([(1, .unreadable)])
        #expect(kit.inbox.heldMessages.isEmpty)
    }

    @Test func anAcknowledgedEntryWithAFileIsTold() throws {
        var kit = InboxKit()
        try hold(&kit, InboxKit.header(1))
        let position = try #require(release(&kit))
        kit.pull()
        _ = kit.takeActions()
        kit.expect(true) { $0.acknowledge(position) }
        kit.pull()
        kit.expectActions([.forgotten(position: position)])
    }

    @Test func havingReadAllForgetsAnEntryWithAFileOnlyWhereItIsDamaged() throws {
        var kit = InboxKit()
        try hold(&kit, InboxKit.header(1))
        let position = try #require(release(&kit))
        kit.pull()
        kit.expect(true) { $0.acknowledge(through: position) == 0 }
        kit.expect(true) { $0.acknowledge(only: [position]) == 0 }
        kit.inbox.setAside(position)
        kit.expect(true) { $0.acknowledge(through: position) == 1 }
        kit.pull()
        #expect(kit.inbox.count == 0)
    }

    @Test(arguments: [1, 100_000]) func aHeldMessageIsBookedAsItIsAfterARestart(offered: Int) throws {
        var kit = InboxKit()
        try hold(&kit, InboxKit.header(1), byteCount: offered)
        #expect(kit.inbox.byteCount == Self.content.encoded.count)
        try kit.restart()
        #expect(kit.inbox.byteCount == Self.content.encoded.count)
        _ = release(&kit)
        kit.pull()
        #expect(kit.inbox.byteCount == Self.content.encoded.count)
    }

    @Test func aHeldRowReadsWhatItWrites() throws {
        let row = HeldRow(
            header: InboxKit.header(1),
            content: Self.content.encoded,
            received: WallTime(millisecondsSince1970: 5)
        )
        #expect(try HeldRow(row.encoded.span) == row)
        #expect(try row.parse().1.name == "a.txt")
        for count in 0..<row.encoded.count {
            #expect(throws: ProtobufError.self, "\(count) bytes") {
                _ = try HeldRow(Array(row.encoded.prefix(count)).span).parse()
            }
        }
    }
}

extension InboxKit {
    fileprivate mutating func hold(
        _ ticket: InboxTicket,
        _ content: MessageContent,
        _ attachment: BlobAttachment,
        storeByteCountMax: UInt64 = 1 << 30
    ) {
        inbox.hold(
            ticket,
            content,
            attachment,
            storeByteCountMax: storeByteCountMax,
            now: now,
            wallNow: wallNow
        )
    }
}
