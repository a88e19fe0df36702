import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

@Suite struct OutboxTests {
    private static let bob = OutboxKit.bob

    @Test func nothingIsAnsweredOrSentBeforeTheDiskHasIt() throws {
        var kit = OutboxKit()
        kit.linkUp()
        let id = try kit.accept()
        #expect(kit.state(id) == .storing)
        let first = kit.outbox.nextAction()
        #expect(first == .write)
        let second = kit.outbox.nextAction()
        #expect(second == nil)
        kit.expectSent([])
        kit.write()
        kit.pull()
        kit.expectActions([.transmit(Self.bob), .accepted(id)])
        #expect(kit.state(id) == .queued)
        kit.expectSent([id])
        #expect(kit.state(id) == .sent)
        kit.receipt([id])
        #expect(kit.state(id) == .delivered)
        #expect(kit.outbox.count == 0 && kit.outbox.byteCount == 0)
        let actions = kit.takeActions()
        #expect(actions.first == .delivered(id))
        guard case .ended(let message)? = actions.last else {
            Issue.record("not told")
            return
        }
        #expect(message.attempts == 1 && message.ended == kit.wallNow && message.to == Self.bob)
    }

    @Test func anEndThatNobodyRepeatsIsToldWhenTheDiskHasIt() throws {
        var kit = OutboxKit()
        kit.linkUp()
        let id = try kit.send()
        _ = kit.sent()
        kit.outbox.receipt(
            [.init(id: id, outcome: .refusedByPolicy)],
            from: Self.bob,
            now: kit.now,
            wallNow: kit.wallNow
        )
        #expect(kit.state(id) == .sent, "a crash would forget it")
        let batch = kit.outbox.takeBatch()
        #expect(batch != nil)
        kit.outbox.storeFailed(now: kit.now)
        #expect(kit.state(id) == .sent)
        kit.pull()
        #expect(kit.state(id) == .refused(.refusedByPolicy), "written at the second attempt")
        try kit.restart()
        #expect(kit.state(id) == .refused(.refusedByPolicy))
    }

    @Test func whatTheDiskRefusesIsNotAccepted() throws {
        var kit = OutboxKit()
        kit.linkUp()
        let id = try kit.accept(key: [1])
        let batch = kit.outbox.takeBatch()
        #expect(batch != nil)
        let another = kit.outbox.takeBatch()
        #expect(another == nil, "one batch at a time")
        let other = try kit.accept()
        kit.outbox.storeFailed(now: kit.now)
        kit.pull()
        kit.expectActions([.notAccepted(id), .transmit(Self.bob), .accepted(other)])
        #expect(kit.state(id) == nil && kit.outbox.count == 1)
        let again = try kit.send(key: [1])
        #expect(again != id, "the key is free again")
        // The first number is not given again, the row that reserves it was written after all.
        let numbers = try kit.sentNumbers()
        #expect(numbers == [2, 3])
        try kit.restart()
        #expect(kit.outbox.count == 2)
    }

    @Test func theMostUrgentIsWrittenFirstHoweverManyWait() throws {
        var limits = Outbox.Limits()
        limits.batchByteCount = 4096
        var kit = OutboxKit(limits: limits)
        // On its way to the disk, while the others come.
        let first = try kit.accept(.low, byteCount: 1024)
        var batch = kit.outbox.takeBatch() ?? StoreBatch()
        kit.disk.apply(batch)
        let low = try (0..<20).map { _ in try kit.accept(.low, byteCount: 1024) }
        let urgent = try kit.accept(.emergency, byteCount: 1024)
        kit.outbox.stored(now: kit.now, wallNow: kit.wallNow)
        batch = kit.outbox.takeBatch() ?? StoreBatch()
        kit.disk.apply(batch)
        let byteCount = batch.changes.reduce(0) { sum, change in
            if case .put(let key, let value) = change, key.table == DeliveryTables.outbox {
                sum + value.count
            } else {
                sum
            }
        }
        #expect((1...4096).contains(byteCount))
        kit.outbox.stored(now: kit.now, wallNow: kit.wallNow)
        #expect(kit.state(first) == .queued && kit.state(urgent) == .queued)
        let written = low.prefix { kit.state($0) == .queued }.count
        #expect(written == 2, "the rest waits")
        #expect(low.dropFirst(written).allSatisfy { kit.state($0) == .storing })
        kit.pull()
        #expect(low.allSatisfy { kit.state($0) == .queued }, "batch by batch all are written")
        try kit.restart()
        #expect(kit.outbox.count == 22)
    }

    @Test func aMessageLargerThanABatchIsOneOfItsOwn() throws {
        var limits = Outbox.Limits()
        limits.batchByteCount = 4096
        var kit = OutboxKit(limits: limits)
        let ids = try (0..<2).map { _ in try kit.accept(byteCount: 10_000) }
        _ = kit.outbox.takeBatch()
        kit.outbox.stored(now: kit.now, wallNow: kit.wallNow)
        #expect(ids.map { kit.state($0) } == [.queued, .storing])
        kit.pull()
        #expect(kit.state(ids[1]) == .queued)
    }

    @Test func numbersAreNeverGivenTwice() throws {
        var limits = Outbox.Limits()
        limits.reservationCount = 4
        var kit = OutboxKit(limits: limits)
        var seen: Set<UInt64> = []
        for _ in 0..<5 {
            kit.linkUp()
            for _ in 0..<3 { try kit.send() }
            let numbers = try kit.sentNumbers()
            #expect(numbers.count == 3 && seen.isDisjoint(with: numbers))
            seen.formUnion(numbers)
            let ids = kit.outbox.messages().map(\.id)
            kit.receipt(ids)
            try kit.restart()
            #expect(kit.outbox.count == 0)
        }
    }

    @Test func aDamagedLaneRowCostsNoMessageAndNoNumberTwice() throws {
        var kit = OutboxKit()
        kit.linkUp()
        let ids = try (0..<5).map { _ in try kit.send() }
        _ = kit.sent()
        kit.receipt(Array(ids[3...]))
        kit.disk.drop(DeliveryTables.lanes)
        try kit.restart()
        #expect(kit.outbox.messages().map(\.id) == Array(ids[..<3]))
        kit.linkUp()
        let numbers = try kit.sentNumbers()
        #expect(numbers == [1, 2, 3])
        try kit.send()
        kit.expectSent([], "its number may be beyond what the recipient keeps track of")
        kit.receipt(Array(ids[..<3]))
        kit.settle()
        let next = try kit.sentNumbers()
        #expect(next.count == 1 && next[0] > 5, "4 and 5 were settled")
    }

    @Test func eachPriorityCountsForItself() throws {
        var kit = OutboxKit()
        kit.linkUp()
        for priority in MessagePriority.allCases { try kit.send(priority) }
        try kit.send(.low)
        let places = try kit.sentPlaces()
        #expect(Set(places.map(\.series)).count == 4)
        #expect(places.map(\.number).sorted() == [1, 1, 1, 1, 2])
    }

    @Test func theOutboxIsLimited() throws {
        var limits = Outbox.Limits()
        limits.messageCountMax = 3
        limits.byteCountMax = 200
        var kit = OutboxKit(limits: limits)
        let body = MessageContent(type: .data, payload: [UInt8](repeating: 1, count: 100)).encoded.count
        try kit.send(byteCount: 100)
        #expect(throws: AcceptError.tooManyBytes(byteCountMax: 200)) {
            try kit.send(byteCount: 201 - 2 * body + 100)
        }
        try kit.send(byteCount: 200 - 2 * body + 100)
        #expect(kit.outbox.byteCount == 200)
        kit = OutboxKit(limits: limits)
        for _ in 0..<3 { try kit.send() }
        #expect(throws: AcceptError.tooManyMessages(countMax: 3)) { try kit.send() }
        kit.linkUp()
        let sent = kit.sent()
        kit.receipt([sent[0]])
        try kit.send()
        #expect(kit.outbox.count == 3)
    }

    @Test func lifetimesAndKeysHaveTheirRange() throws {
        var kit = OutboxKit()
        for lifetime in [Duration.zero, .microseconds(999), .seconds(30 * 86_400) + .milliseconds(1)] {
            #expect(throws: AcceptError.lifetimeOutOfRange) { try kit.accept(lifetime: lifetime) }
        }
        for lifetime in [Duration.milliseconds(1), .seconds(30 * 86_400)] { try kit.send(lifetime: lifetime) }
        for count in [0, 65] {
            #expect(throws: AcceptError.invalidKey) {
                try kit.accept(key: [UInt8](repeating: 1, count: count))
            }
        }
        let id = try kit.send(key: [UInt8](repeating: 1, count: 64))
        let same = try kit.send(key: [UInt8](repeating: 1, count: 64))
        #expect(same == id)
        #expect(throws: AcceptError.keyTaken(by: id)) {
            try kit.accept(to: OutboxKit.carol, key: [UInt8](repeating: 1, count: 64))
        }
        #expect(kit.outbox.count == 3)
    }

    @Test func aKeyNamesItsMessageAlsoLater() throws {
        var limits = Outbox.Limits()
        limits.historyCountMax = 2
        var kit = OutboxKit(limits: limits)
        let id = try kit.send(key: [9])
        try kit.restart()
        let restored = try kit.send(key: [9])
        #expect(restored == id)
        kit.linkUp()
        _ = kit.sent()
        kit.receipt([id])
        try kit.restart()
        let settled = try kit.send(key: [9])
        #expect(settled == id, "after its end")
        #expect(kit.outbox.message(key: [9])?.state == .delivered)
        kit.linkUp()
        for _ in 0..<2 {
            try kit.send()
            kit.receipt(kit.sent())
        }
        let fresh = try kit.send(key: [9])
        #expect(fresh != id, "forgotten with the history")
        #expect(kit.disk.rows(of: DeliveryTables.outbox).count == 3)
    }

    @Test func aMessageExpiresWhereverItIs() throws {
        var kit = OutboxKit()
        let away = try kit.send(to: OutboxKit.carol, lifetime: .seconds(10))
        kit.linkUp()
        let sent = try kit.send(lifetime: .seconds(10))
        kit.expectSent([sent])
        let queued = try kit.send(lifetime: .seconds(10))
        let stays = try kit.send(lifetime: .seconds(11))
        kit.advance(.seconds(10) - .milliseconds(1))
        #expect(kit.outbox.count == 4)
        kit.advance(.milliseconds(1))
        for id in [away, sent, queued] { #expect(kit.state(id) == .expired) }
        #expect(kit.state(stays) == .queued)
        // A receipt that comes now changes nothing: a message has one end.
        kit.receipt([sent])
        #expect(kit.state(sent) == .expired)
        try kit.restart()
        #expect(kit.state(away) == .expired && kit.outbox.count == 1)
        kit.wallNow.millisecondsSince1970 += 1000
        try kit.restart()
        kit.advance(.milliseconds(1))
        #expect(kit.state(stays) == .expired, "time passed while nobody ran")
    }

    @Test func jumpsOfTheClockDoNotExpireARunningMessage() throws {
        var kit = OutboxKit()
        let id = try kit.send(lifetime: .seconds(60))
        kit.wallNow.millisecondsSince1970 += 600_000
        kit.advance(.seconds(59))
        #expect(kit.state(id) == .queued)
        kit.advance(.seconds(1))
        #expect(kit.state(id) == .expired)
    }

    @Test func aLongMessageIsGivenTheTimeThatASlowLinkTakes() throws {
        var limits = Outbox.Limits()
        limits.linkBytesPerSecond = 10_000
        var kit = OutboxKit(limits: limits)
        kit.linkUp()
        let id = try kit.send(byteCount: 100_000)
        kit.expectSent([id])
        kit.advance(.seconds(10))
        kit.expectSent([], "it may be on its way")
        kit.advance(.seconds(2))
        kit.expectSent([id])
    }

    @Test func whatWasNotAnsweredIsSentAgainEverLater() throws {
        var kit = OutboxKit()
        kit.linkUp()
        let id = try kit.send()
        var waits: [Double] = []
        for _ in 0..<11 {
            kit.expectSent([id])
            let start = kit.now
            while kit.state(id) == .sent, let deadline = kit.outbox.nextDeadline {
                kit.advance(kit.now.duration(to: deadline))
            }
            waits.append(start.duration(to: kit.now).inSeconds)
        }
        for (wait, expected) in zip(waits, [1.0, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]) {
            #expect(wait >= expected * 0.9 && wait <= expected * 1.1, "\(waits)")
        }
        kit.linkDown()
        #expect(kit.state(id) == .queued)
        kit.linkUp()
        kit.expectSent([id], "at once when the peer is seen again")
        #expect(kit.outbox.message(id)?.attempts == 12)
    }

    @Test func aPeerThatIsAwayIsReachedForEverLater() throws {
        var kit = OutboxKit()
        try kit.send()
        kit.expectAction(.reach(Self.bob))
        try kit.send()
        kit.expectNoAction(.reach(Self.bob), "once at a time")
        for expected in [1.0, 2, 4] {
            kit.outbox.unreachable(Self.bob, now: kit.now)
            kit.pull()
            kit.expectActions([])
            let start = kit.now
            while kit.takeActions() != [.reach(Self.bob)], let deadline = kit.outbox.nextDeadline {
                kit.advance(kit.now.duration(to: deadline))
            }
            let wait = start.duration(to: kit.now).inSeconds
            #expect(wait >= expected * 0.9 && wait <= expected * 1.1)
        }
        kit.linkUp()
        kit.receipt(kit.sent())
        kit.linkDown()
        kit.advance(.seconds(3600))
        kit.expectNoAction(.reach(Self.bob), "nothing waits for it")
    }

    @Test func whatComesAfterNothingWaitedIsReachedForAtOnce() throws {
        var kit = OutboxKit()
        let first = try kit.send(lifetime: .seconds(60))
        kit.expectAction(.reach(Self.bob))
        for _ in 0..<6 {
            kit.outbox.unreachable(Self.bob, now: kit.now)
            kit.pull()
            while kit.state(first) == .queued, kit.takeActions() != [.reach(Self.bob)] {
                kit.advance(kit.now.duration(to: try #require(kit.outbox.nextDeadline)))
            }
        }
        #expect(kit.state(first) == .expired)
        try kit.send(lifetime: .seconds(1))
        kit.expectNoAction(.reach(Self.bob), "it was just tried")
        kit.advance(.seconds(3600))
        kit.expectNoAction(.reach(Self.bob), "nothing waits for it")
        try kit.send()
        kit.expectAction(.reach(Self.bob))
        kit.outbox.unreachable(Self.bob, now: kit.now)
        kit.pull()
        kit.advance(.seconds(50))
        kit.expectNoAction(.reach(Self.bob), "it failed more and more often")
    }

    @Test func anAttemptThatFailsWhenNothingWaitsAnyMoreCounts() throws {
        var kit = OutboxKit()
        try kit.send(lifetime: .seconds(1))
        kit.expectAction(.reach(Self.bob))
        kit.advance(.seconds(2))
        kit.outbox.unreachable(Self.bob, now: kit.now)
        kit.pull()
        try kit.send()
        kit.expectNoAction(.reach(Self.bob), "it has just failed")
        kit.advance(.seconds(2))
        kit.expectAction(.reach(Self.bob))
    }

    @Test func aDialForSomethingElseThatFailsHoldsUpNothing() throws {
        var kit = OutboxKit()
        try kit.send(lifetime: .seconds(1))
        kit.linkUp()
        kit.advance(.seconds(2))
        kit.linkDown()
        _ = kit.takeActions()
        kit.outbox.unreachable(Self.bob, now: kit.now)
        kit.pull()
        try kit.send()
        kit.expectAction(.reach(Self.bob))
    }

    @Test func aWayThatComesAndGoesDoesNotPutOffTheNextAttempt() throws {
        var kit = OutboxKit()
        try kit.send()
        kit.outbox.unreachable(Self.bob, now: kit.now)
        kit.pull()
        _ = kit.takeActions()
        var reachCount = 0
        for _ in 0..<40 {
            kit.linkUp(linkCount: 2)
            _ = kit.sent()
            kit.advance(.milliseconds(300))
            kit.linkDown()
            kit.advance(.milliseconds(300))
            guard kit.takeActions().contains(.reach(Self.bob)) else { continue }
            reachCount += 1
            kit.outbox.unreachable(Self.bob, now: kit.now)
            kit.pull()
        }
        #expect((3...4).contains(reachCount), "after 1, 2, 4 and 8 s and no more often")
    }

    @Test func overOthersWithoutAReceiptTheLinkIsTriedAgain() throws {
        var kit = OutboxKit()
        let id = try kit.send()
        kit.outbox.unreachable(Self.bob, now: kit.now)
        kit.linkUp(linkCount: 2)
        _ = kit.takeActions()
        kit.advance(.seconds(2))
        kit.expectAction(.reach(Self.bob))
        kit.outbox.unreachable(Self.bob, now: kit.now)
        kit.receipt([id])
        try kit.send()
        kit.advance(.seconds(600))
        kit.expectNoAction(.reach(Self.bob), "it has answered since")
    }

    @Test(arguments: [Receipt.Outcome.refusedFull, .heldBack, .fetching, .refusedNoSpace])
    func whoAnswersAnythingHasBeenReached(outcome: Receipt.Outcome) throws {
        var kit = OutboxKit()
        try kit.send()
        for _ in 0..<6 {
            kit.outbox.unreachable(Self.bob, now: kit.now)
            kit.pull()
            _ = kit.takeActions()
            while !kit.takeActions().contains(.reach(Self.bob)) {
                kit.advance(kit.now.duration(to: try #require(kit.outbox.nextDeadline)))
            }
        }
        kit.linkUp()
        kit.receipt(kit.sent(), outcome)
        kit.linkDown()
        _ = kit.takeActions()
        kit.advance(.milliseconds(1100))
        kit.expectAction(.reach(Self.bob))
    }

    @Test func afterARestartWhatWaitsIsReachedFor() throws {
        var kit = OutboxKit()
        let ids = try (0..<3).map { try kit.send(lifetime: .seconds(60 + $0)) }
        try kit.restart()
        kit.expectActions([.reach(Self.bob)])
        #expect(kit.outbox.messages().map(\.id) == ids)
        kit.linkUp()
        kit.expectSent(ids)
        let asked = kit.takeActions()
        #expect(asked.filter { if case .load = $0 { true } else { false } }.count == 3)
    }

    @Test func refusalsEndAMessageWithTheirReason() throws {
        for outcome in Receipt.Outcome.allCases where !outcome.isTransient {
            var kit = OutboxKit()
            kit.linkUp()
            let id = try kit.send()
            kit.receipt(kit.sent(), outcome)
            let expected: OutboxMessage.State =
                outcome == .delivered ? .delivered : outcome == .expired ? .expired : .refused(outcome)
            #expect(kit.state(id) == expected)
            try kit.restart()
            #expect(kit.state(id) == expected)
        }
    }

    @Test func aFullRecipientIsTriedOneAtATime() throws {
        var kit = OutboxKit()
        kit.linkUp()
        let ids = try (0..<5).map { _ in try kit.send() }
        kit.expectSent(ids)
        kit.receipt(ids, .refusedFull)
        kit.expectSent([], "it gets a rest")
        #expect(kit.outbox.message(ids[0])?.lastRefusal == .refusedFull)
        kit.advance(.seconds(1.2))
        let probe = kit.sent()
        #expect(probe.count == 1)
        kit.receipt(probe, .refusedFull)
        kit.advance(.seconds(1.2))
        kit.expectSent([], "twice as long")
        kit.advance(.seconds(1.2))
        let again = kit.sent()
        #expect(again.count == 1)
        kit.receipt(again)
        #expect(Set(kit.sent()) == Set(ids).subtracting(again), "it has room again")
    }

    @Test func emergenciesAreNotHeldBackWithOthersThatWereRefused() throws {
        var kit = OutboxKit()
        kit.linkUp()
        let low = try kit.send(.low)
        kit.expectSent([low])
        kit.receipt([low], .refusedFull)
        let urgent = try (0..<2).map { _ in try kit.send(.emergency) }
        kit.expectSent(urgent, "they have places of their own")
        kit.receipt(urgent, .refusedFull)
        kit.expectSent([], "until those are full too")
        kit.advance(.seconds(1.2))
        let probes = kit.sent()
        #expect(probes.count == 2 && urgent.contains(probes[0]) && probes[1] == low, "one of each kind")
        kit.receipt([probes[0]])
        kit.expectSent(urgent.filter { $0 != probes[0] }, "there is room for the other")
    }

    @Test func aFullOutboxTakesSomeEmergencies() throws {
        var limits = Outbox.Limits()
        limits.messageCountMax = 2
        limits.emergencyCountMax = 1
        var kit = OutboxKit(limits: limits)
        for _ in 0..<2 { try kit.send(.low) }
        #expect(throws: AcceptError.tooManyMessages(countMax: 2)) { try kit.send(.high) }
        try kit.send(.emergency)
        #expect(throws: AcceptError.tooManyMessages(countMax: 3)) { try kit.send(.emergency) }
        limits.messageCountMax = 10
        limits.byteCountMax = 100
        limits.emergencyByteCountMax = 100
        kit = OutboxKit(limits: limits)
        #expect(throws: AcceptError.tooManyBytes(byteCountMax: 100)) { try kit.send(.high, byteCount: 110) }
        try kit.send(.emergency, byteCount: 110)
        #expect(throws: AcceptError.tooManyBytes(byteCountMax: 200)) {
            try kit.send(.emergency, byteCount: 110)
        }
    }

    @Test func aReceiptIsTakenFromTheRecipientOnly() throws {
        var kit = OutboxKit()
        kit.linkUp()
        kit.linkUp(OutboxKit.carol)
        let id = try kit.send()
        _ = kit.sent()
        kit.receipt([id], from: OutboxKit.carol)
        #expect(kit.state(id) == .sent)
        let forged = Receipt(
            for: [.init(id: id, outcome: .delivered)],
            to: OutboxKit.carol,
            created: kit.wallNow,
            from: MessageKit.bob
        )
        kit.outbox.receipt(forged, now: kit.now, wallNow: kit.wallNow)
        #expect(kit.state(id) == .sent, "that one is to somebody else")
    }

    @Test func aDamagedEnvelopeEndsItsMessage() throws {
        var kit = OutboxKit()
        let id = try kit.send()
        kit.disk.drop(DeliveryTables.outbox)
        kit.linkUp()
        #expect(kit.state(id) == .damaged)
        #expect(kit.outbox.count == 0)
    }

    @Test func theHistoryIsLimitedInNumberAndTime() throws {
        var limits = Outbox.Limits()
        limits.historyCountMax = 3
        limits.forgottenCountMax = 2
        var kit = OutboxKit(limits: limits)
        kit.linkUp()
        var ids: [MessageID] = []
        for _ in 0..<4 {
            ids.append(try kit.send())
            kit.receipt(kit.sent())
        }
        #expect(kit.state(ids[0]) == nil)
        #expect(kit.outbox.ended().map(\.id) == [ids[3], ids[2], ids[1]])
        #expect(kit.disk.rows(of: DeliveryTables.outbox).count == 3, "it goes with the last one")
        #expect(kit.outbox.ended(before: ids[3], countMax: 1).map(\.id) == [ids[2]])
        #expect(kit.outbox.ended(before: ids[2]).map(\.id) == [ids[1]])
        #expect(kit.outbox.ended(before: ids[1]).isEmpty)
        #expect(kit.outbox.ended(before: ids[0]).isEmpty, "nothing stands behind what is forgotten")
        try kit.restart()
        #expect(kit.outbox.ended().map(\.id) == [ids[3], ids[2], ids[1]])
        kit.advance(.seconds(7 * 86_400))
        #expect(kit.outbox.ended().count == 3)
        kit.advance(.milliseconds(1))
        #expect(kit.outbox.ended().isEmpty)
        #expect(kit.disk.rows(of: DeliveryTables.outbox).isEmpty)
    }
}
