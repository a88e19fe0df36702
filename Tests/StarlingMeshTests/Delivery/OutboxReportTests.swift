import StarlingCore
import Testing

@testable import StarlingMesh

@Suite struct OutboxReportTests {
    @Test func aMessageKnowsWhenItWasSentAlsoAfterItsEndAndARestart() throws {
        var kit = OutboxKit()
        let id = try kit.send()
        #expect(kit.outbox.message(id)?.sent == nil)
        kit.linkUp()
        kit.advance(.seconds(5))
        let sentAt = kit.wallNow
        #expect(kit.sent() == [id])
        #expect(kit.outbox.message(id)?.sent == sentAt)
        kit.advance(.milliseconds(30))
        kit.receipt([id])
        let ended = try #require(kit.outbox.message(id))
        #expect(ended.sent == sentAt)
        #expect(ended.ended == kit.wallNow)
        try kit.restart()
        #expect(kit.outbox.message(id) == ended)
    }

    @Test func whatEndedWithoutBeingSentHasNoTimeOfSending() throws {
        var kit = OutboxKit()
        let id = try kit.send(lifetime: .seconds(1))
        kit.advance(.seconds(1))
        #expect(kit.state(id) == .expired)
        try kit.restart()
        #expect(kit.outbox.message(id)?.sent == nil)
        #expect(kit.outbox.message(id)?.ended == kit.wallNow)
    }

    @Test func aLifetimeThatGoesBeyondAllTimeEndsAtItsEnd() throws {
        var kit = OutboxKit()
        let id = try kit.send(lifetime: .seconds(2))
        var message = try #require(kit.outbox.message(id))
        #expect(message.expires.millisecondsSince1970 == message.created.millisecondsSince1970 + 2000)
        message.created = WallTime(millisecondsSince1970: .max)
        #expect(message.expires.millisecondsSince1970 == .max)
    }

    @Test func messagesAreCountedByPriorityAndState() throws {
        var kit = OutboxKit()
        kit.linkUp()
        let first = try kit.send(.high, byteCount: 100)
        #expect(kit.sent() == [first])
        try kit.send(.high, byteCount: 100)
        try kit.send(to: OutboxKit.carol, .low, byteCount: 50)
        let fills = kit.outbox.fills
        #expect(fills.map(\.priority) == MessagePriority.allCases)
        #expect(fills.map(\.sentCount) == [0, 1, 0, 0])
        #expect(fills.map(\.queuedCount) == [0, 1, 0, 1])
        let byteCount = fills.reduce(0) { $0 + $1.queuedByteCount + $1.sentByteCount }
        #expect(byteCount == kit.outbox.byteCount)
        #expect(fills[1].sentByteCount >= 100)
        kit.receipt([first])
        #expect(kit.outbox.fills.map(\.sentCount) == [0, 0, 0, 0])
    }

    @Test func recipientsAreListedWhoHaveBeenWaitedForLongestFirst() throws {
        var kit = OutboxKit()
        let oldest = try kit.send(to: OutboxKit.carol)
        kit.advance(.seconds(1))
        try kit.send(to: OutboxKit.bob)
        try kit.send(to: OutboxKit.carol)
        let backlogs = kit.outbox.backlogs(countMax: 10)
        #expect(backlogs.map(\.to) == [OutboxKit.carol, OutboxKit.bob])
        #expect(backlogs.map(\.count) == [2, 1])
        #expect(backlogs.first?.oldest.id == oldest)
        #expect(backlogs.reduce(0) { $0 + $1.byteCount } == kit.outbox.byteCount)
        #expect(kit.outbox.backlogs(countMax: 1).map(\.to) == [OutboxKit.carol])
    }

    @Test func whatIsStuckIsListedAsLongAsItIs() throws {
        var kit = OutboxKit()
        kit.linkUp()
        let id = try kit.send()
        let away = try kit.send(to: OutboxKit.carol)
        kit.advance(.milliseconds(59_999))
        #expect(kit.outbox.stalls(now: kit.now, countMax: 10).isEmpty)
        #expect(kit.outbox.stall(of: id, now: kit.now) == nil)
        kit.advance(.milliseconds(1))
        let stalls = kit.outbox.stalls(now: kit.now, countMax: 10)
        #expect(stalls.map(\.oldest) == [id], "who is away is not stuck")
        #expect(stalls.first?.reason == .linkBlocked)
        #expect(stalls.first?.duration == .seconds(60))
        #expect(kit.outbox.stall(of: id, now: kit.now) == stalls.first)
        #expect(kit.outbox.stall(of: away, now: kit.now) == nil)
        #expect(kit.outbox.stalls(now: kit.now, countMax: 0).isEmpty)
        _ = kit.sent()
        kit.receipt([id])
        #expect(kit.outbox.stalls(now: kit.now, countMax: 10).isEmpty)
    }
}
