import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

@Suite struct OutboxFileTests {
    private static func file(_ byte: UInt8 = 1) throws -> BlobID {
        try #require(
            BlobID(root: [UInt8](repeating: byte, count: 32), byteCount: 10_000, chunkByteCount: 4096)
        )
    }

    @Test func aFileOnItsWayTakesNoPlaceInTheQueues() throws {
        var limits = Outbox.Limits()
        limits.queues.counts = [1, 1, 1, 1]
        var kit = OutboxKit(limits: limits)
        kit.linkUp()
        let first = try kit.send(file: try Self.file())
        kit.expectSent([first])
        let second = try kit.send()
        kit.expectSent([], "the one place is taken")
        kit.receipt([first], .fetching)
        #expect(kit.state(first) == .fetching)
        kit.expectSent([second])
        kit.receipt([second, first])
        #expect(kit.state(first) == .delivered && kit.state(second) == .delivered)
    }

    @Test func itsNumberHoldsNobodyBack() throws {
        var limits = Outbox.Limits()
        limits.windowCount = 64
        var kit = OutboxKit(limits: limits)
        kit.linkUp()
        let file = try kit.send(file: try Self.file())
        kit.expectSent([file])
        kit.receipt([file], .fetching)
        for _ in 0..<200 {
            let id = try kit.send()
            kit.expectSent([id])
            kit.receipt([id])
            kit.settle()
        }
        #expect(kit.state(file) == .fetching)
        let series = kit.settle()
        #expect((series ?? []).count <= LaneName.all.count)
    }

    @Test func theFileIsKnownAfterARestart() throws {
        var kit = OutboxKit()
        let file = try Self.file()
        let id = try kit.send(file: file)
        let plain = try kit.send()
        try kit.restart()
        #expect(kit.outbox.fileOffers == [.init(message: id, to: OutboxKit.bob, file: file)])
        kit.linkUp()
        #expect(Set(kit.sent()) == [id, plain])
        kit.receipt([id, plain])
        #expect(kit.outbox.fileOffers.isEmpty)
        try kit.restart()
        #expect(kit.outbox.message(id)?.file == file)
        #expect(kit.state(id) == .delivered)
    }

    @Test func numbersOfFilesAreNotGivenAgainAfterARestart() throws {
        var kit = OutboxKit()
        kit.linkUp()
        _ = try kit.send(file: try Self.file())
        let before = try kit.sentPlaces()
        try kit.restart()
        kit.linkUp()
        _ = try kit.send(file: try Self.file(2))
        let after = try kit.sentPlaces()
        #expect(after.first == before.first)
        #expect(after.count == 2 && after[1].series == before[0].series && after[1].number > before[0].number)
    }

    @Test func aLostFileEndsItsMessage() throws {
        var kit = OutboxKit()
        let id = try kit.send(file: try Self.file())
        kit.outbox.fileLost(id, now: kit.now, wallNow: kit.wallNow)
        kit.pull()
        #expect(kit.state(id) == .damaged)
        #expect(kit.outbox.count == 0 && kit.outbox.fileOffers.isEmpty)
    }

    @Test func aRecipientWithoutRoomIsVisible() throws {
        var kit = OutboxKit()
        kit.linkUp()
        let id = try kit.send(file: try Self.file())
        kit.expectSent([id])
        kit.receipt([id], .refusedNoSpace)
        #expect(kit.state(id) == .queued)
        #expect(kit.outbox.message(id)?.lastRefusal == .refusedNoSpace)
        let other = try kit.send()
        kit.expectSent([other], "others are not held up")
        kit.receipt([id], .fetching)
        #expect(kit.state(id) == .fetching && kit.outbox.message(id)?.lastRefusal == nil)
    }

    @Test func aFileThatMovesIsNotStuckAndOneThatDoesNotIs() throws {
        var kit = OutboxKit()
        kit.linkUp()
        let id = try kit.send(file: try Self.file())
        kit.expectSent([id])
        kit.receipt([id], .fetching)
        for _ in 0..<10 {
            kit.advance(.seconds(30))
            kit.outbox.fileMoved(id, now: kit.now)
            kit.receipt(kit.sent(), .fetching)
        }
        kit.expectStalls([])
        for _ in 0..<4 { kit.advance(.seconds(30)) }
        kit.expectStalls([.fetching])
    }
}
