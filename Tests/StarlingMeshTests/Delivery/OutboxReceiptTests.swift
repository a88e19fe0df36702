import StarlingCore
import Testing

@testable import StarlingMesh

/// Receipts are told at once; their rows follow.
@Suite struct OutboxReceiptTests {
    /// An outbox with a message that was sent.
    private func kitWithOneSent(_ limits: Outbox.Limits = Outbox.Limits()) throws -> (OutboxKit, MessageID) {
        var kit = OutboxKit(limits: limits)
        kit.linkUp()
        let id = try kit.send()
        kit.expectSent([id])
        _ = kit.takeActions()
        return (kit, id)
    }

    private func isEnd(_ action: OutboxAction) -> Bool {
        if case .ended = action { true } else { false }
    }

    private func expectEnds(
        _ count: Int,
        _ kit: inout OutboxKit,
        at location: SourceLocation = #_sourceLocation
    ) {
        let found = kit.takeActions().count(where: isEnd)
        #expect(found == count, sourceLocation: location)
    }

    @Test func aReceiptIsToldAtOnceAndItsRowFollows() throws {
        var (kit, id) = try kitWithOneSent()
        let heardAt = kit.wallNow
        kit.hear([id])
        kit.expectActions([.delivered(id)])
        #expect(kit.state(id) == .delivered && kit.outbox.message(id)?.ended == heardAt)
        #expect(kit.outbox.count == 0 && kit.outbox.backlogs(countMax: 9).isEmpty)
        #expect(kit.outbox.messages().isEmpty && kit.outbox.ended().map(\.id) == [id])
        kit.advance(kit.limits.receiptDelay - .nanoseconds(1))
        kit.expectActions([])
        #expect(kit.outbox.nextDeadline == kit.now + .nanoseconds(1))
        kit.advance(.nanoseconds(1))
        expectEnds(1, &kit)
        #expect(kit.state(id) == .delivered && kit.outbox.message(id)?.ended == heardAt)
        try kit.restart()
        #expect(kit.state(id) == .delivered && kit.outbox.message(id)?.ended == heardAt)
    }

    @Test func theNextMessageTakesTheRowAlong() throws {
        var (kit, id) = try kitWithOneSent()
        kit.hear([id])
        let next = try kit.send()
        let actions = kit.takeActions()
        #expect(actions.contains(where: isEnd) && actions.contains(.accepted(next)))
        try kit.restart()
        #expect(kit.state(id) == .delivered && kit.state(next) == .queued)
    }

    @Test func manyReceiptsDoNotWait() throws {
        var limits = Outbox.Limits()
        limits.receiptCountMax = 3
        var (kit, first) = try kitWithOneSent(limits)
        let ids = [first, try kit.send(), try kit.send()]
        _ = (kit.sent(), kit.takeActions())
        kit.hear(Array(ids[..<2]))
        expectEnds(0, &kit)
        kit.hear([ids[2]])
        expectEnds(3, &kit)
    }

    @Test func anEndThatNobodyRepeatsDoesNotWait() throws {
        var (kit, id) = try kitWithOneSent()
        let other = try kit.send()
        _ = (kit.sent(), kit.takeActions())
        kit.hear([id])
        kit.hear([other], .refusedByPolicy)
        expectEnds(2, &kit)
    }

    @Test func aCrashBeforeTheRowLeavesTheMessageOwed() throws {
        var (kit, id) = try kitWithOneSent()
        kit.hear([id])
        try kit.restart()
        #expect(kit.state(id) == .queued, "what was not written is forgotten")
        kit.linkUp()
        kit.expectSent([id])
        kit.receipt([id])
        try kit.restart()
        #expect(kit.state(id) == .delivered)
    }

    @Test func nothingIsSettledBeforeTheRowIsOnTheDisk() throws {
        var (kit, id) = try kitWithOneSent()
        kit.hear([id])
        let early = kit.settle()
        #expect(early == nil)
        kit.write()
        kit.pull()
        let series = kit.settle()
        #expect(series?.map(\.floor) == [2])
    }

    @Test func aRowThatCouldNotBeWrittenIsWrittenWithTheNextBatch() throws {
        var (kit, id) = try kitWithOneSent()
        kit.hear([id])
        let batch = kit.outbox.takeBatch()
        #expect(batch != nil)
        kit.outbox.storeFailed(now: kit.now)
        #expect(kit.state(id) == .delivered, "the recipient has it all the same")
        kit.pull()
        expectEnds(1, &kit)
        try kit.restart()
        #expect(kit.state(id) == .delivered)
    }
}
