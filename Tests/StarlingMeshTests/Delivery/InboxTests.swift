import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

@Suite struct InboxTests {
    @Test func aReceiptIsSignedWhenTheDiskHasTheMessage() {
        var kit = InboxKit()
        let position = kit.added(InboxKit.header(1))
        kit.expectReceipts([])
        #expect(kit.inbox.entry(at: position)?.state == .storing)
        #expect(kit.inbox.entries().isEmpty)
        kit.pull()
        kit.expectActions([.arrived(position: 1), .answer(InboxKit.alice)])
        kit.expectReceipts([(1, .delivered)])
        #expect(kit.inbox.entries().map(\.id) == [InboxKit.id(1)])
    }

    @Test func aBatchIsFullUntilItIsOnItsWay() {
        var limits = Inbox.Limits()
        limits.batchByteCountMax = 1
        var kit = InboxKit(limits: limits)
        #expect(!kit.inbox.isBatchFull)
        for number in UInt64(1)...2 { _ = kit.added(InboxKit.header(number)) }
        #expect(kit.inbox.isBatchFull)
        _ = kit.inbox.takeBatch()
        #expect(!kit.inbox.isBatchFull, "the next one is empty")
        _ = kit.added(InboxKit.header(3))
        #expect(kit.inbox.isBatchFull)
        kit.inbox.storeFailed(now: kit.now)
        kit.pull()
        #expect(!kit.inbox.isBatchFull && kit.inbox.count == 1)
    }

    @Test func whatTheDiskDoesNotTakeHasNotCome() {
        var kit = InboxKit()
        let position = kit.added(InboxKit.header(1))
        _ = kit.inbox.takeBatch()
        kit.inbox.storeFailed(now: kit.now)
        kit.pull()
        kit.expectActions([.lost(position: position), .answer(InboxKit.alice)])
        kit.expectReceipts([(1, .refusedFull)])
        #expect(kit.inbox.count == 0 && kit.inbox.byteCount == 0 && kit.inbox.owedCount == 0)
        kit.take(1)
        kit.expectReceipts([(1, .delivered)], "it is welcome again")
    }

    @Test func aMessageIsTakenOnceHoweverOftenItComes() throws {
        var kit = InboxKit()
        _ = kit.add(InboxKit.header(1))
        kit.expect(.duplicate, of: InboxKit.header(1))
        kit.pull()
        kit.expectReceipts([(1, .delivered)])
        for _ in 0..<3 { kit.expect(.duplicate, of: InboxKit.header(1)) }
        kit.expectReceipts([(1, .delivered)], "the same answer again")
        try kit.restart()
        kit.expectReceipts([(1, .delivered)], "owed over a restart")
        kit.expect(.duplicate, of: InboxKit.header(1))
        #expect(kit.inbox.count == 1)
    }

    @Test func alsoWhenItWasAcknowledgedAndSettled() throws {
        var kit = InboxKit()
        let position = kit.taken(1)
        kit.expect(true) { $0.acknowledge(position) }
        kit.pull()
        kit.expect(.duplicate, of: InboxKit.header(1))
        kit.settle(2)
        #expect(kit.inbox.owedCount == 0)
        kit.expect(.refused(.expired), of: InboxKit.header(1))
        try kit.restart()
        kit.expect(.refused(.expired), of: InboxKit.header(1))
        #expect(
            kit.disk.rows(of: DeliveryTables.inbox).isEmpty && kit.disk.rows(of: DeliveryTables.owed).isEmpty
        )
    }

    @Test(arguments: [-600, 0, 600]) func aReplayAfterARestartIsNotTakenWhateverTheClockSays(seconds: Int64)
        throws
    {
        var kit = InboxKit()
        kit.take(1)
        kit.wallNow.millisecondsSince1970 += seconds * 1000
        try kit.restart()
        for header in [InboxKit.header(1), InboxKit.header(1, floor: 1)] {
            kit.expect(.duplicate, of: header)
        }
        kit.advance(.seconds(2 * 86_400))
        try kit.restart()
        // Its receipt is owed no longer, its number is known all the same.
        #expect(kit.inbox.owedCount == 0)
        kit.expect(.refused(.expired), of: InboxKit.header(1))
        kit.wallNow.millisecondsSince1970 -= 2 * 86_400_000
        kit.expect(.refused(.expired), of: InboxKit.header(1))
        #expect(kit.inbox.count == 1)
    }

    @Test func anotherMessageOfTheSameNumberIsRefused() {
        var kit = InboxKit()
        kit.take(1)
        var other = InboxKit.header(1)
        other.id = InboxKit.id(99)
        kit.expect(.refused(.expired), of: other)
        #expect(kit.inbox.count == 1)
    }

    @Test func theWindowHoldsTheSenderBack() {
        var kit = InboxKit()
        kit.take(1)
        guard case .take(let ticket) = kit.offer(InboxKit.header(4096)) else {
            Issue.record("within the window")
            return
        }
        kit.inbox.abandon(ticket)
        kit.expect(.refused(.heldBack), of: InboxKit.header(4097))
        kit.settle(2)
        guard case .take = kit.offer(InboxKit.header(4097)) else {
            Issue.record("the floor has risen")
            return
        }
        guard case .take = kit.offer(InboxKit.header(9000, floor: 8000)) else {
            Issue.record("the message itself says that the floor has risen")
            return
        }
    }

    @Test func aRefusalForGoodIsRemembered() throws {
        var kit = InboxKit()
        guard case .take(let ticket) = kit.offer(InboxKit.header(1)) else {
            Issue.record("not taken")
            return
        }
        kit.inbox.refuse(ticket, .unreadable, now: kit.now)
        kit.expectReceipts([])
        kit.pull()
        kit.expectReceipts([(1, .unreadable)])
        try kit.restart()
        kit.expectReceipts([(1, .unreadable)])
        kit.expect(.duplicate, of: InboxKit.header(1))
        kit.expectReceipts([(1, .unreadable)])
        #expect(kit.inbox.count == 0 && kit.inbox.byteCount == 0)
    }

    @Test func aLifetimeEndsWithSomeTolerance() {
        var kit = InboxKit()
        let header = InboxKit.header(1, lifetime: .seconds(60))
        kit.advance(.seconds(60 + 900))
        guard case .take(let ticket) = kit.offer(header) else {
            Issue.record("clocks differ")
            return
        }
        kit.inbox.abandon(ticket)
        kit.advance(.milliseconds(1))
        kit.expect(.refused(.expired), of: header)
        kit.pull()
        kit.expectReceipts([(1, .expired)])
        kit.wallNow = MessageKit.created
        kit.expect(.duplicate, of: header)
        kit.expect(.refused(.expired), of: InboxKit.header(5, series: 9, lifetime: .seconds(-1000)))
        #expect(kit.inbox.seriesCount == 1, "what is too old begins no series")
    }

    @Test func aFullInboxRefusesForNow() {
        var limits = Inbox.Limits()
        limits.entryCountMax = 2
        limits.byteCountMax = 100
        limits.senderShareFactor = .max
        var kit = InboxKit(limits: limits)
        kit.take(1)
        guard case .take(let ticket) = kit.offer(InboxKit.header(2)) else {
            Issue.record("there is room")
            return
        }
        kit.expect(.refused(.refusedFull), of: InboxKit.header(3))
        kit.inbox.abandon(ticket)
        let left = 100 - kit.inbox.byteCount
        kit.expect(.refused(.refusedFull), of: InboxKit.header(3), byteCount: left + 1)
        let position = kit.added(InboxKit.header(3), byteCount: left)
        kit.pull()
        #expect(kit.inbox.byteCount == 100)
        kit.expect(.refused(.refusedFull), of: InboxKit.header(4), byteCount: 1)
        kit.expect(true) { $0.acknowledge(position) }
        _ = kit.taken(4)
        kit.expectReceipts(
            [
                (1, .delivered), (3, .refusedFull), (3, .refusedFull), (3, .delivered), (4, .refusedFull),
                (4, .delivered),
            ],
            "in the order of the answers"
        )
    }

    @Test func oneSenderLeavesRoomForOthers() {
        var limits = Inbox.Limits()
        limits.entryCountMax = 10
        var kit = InboxKit(limits: limits)
        for number in UInt64(1)...8 { _ = kit.taken(number) }
        kit.expect(.refused(.refusedFull), of: InboxKit.header(9))
        kit.expectReceipts(
            (UInt64(1)...8).map { ($0, .delivered) } + [(9, .refusedFull)],
            "and may come again"
        )
        // Two are free, for two who have nothing yet.
        let carol = MessageKit.key(3).peerID
        _ = kit.added(InboxKit.header(1, from: carol))
        _ = kit.added(InboxKit.header(1, from: MessageKit.key(4).peerID))
        kit.expect(.refused(.refusedFull), of: InboxKit.header(1, from: MessageKit.key(5).peerID))
        kit.pull()
        for position in UInt64(1)...3 { kit.expect(true) { $0.acknowledge(position) } }
        _ = kit.taken(9)
    }

    @Test func oneSenderLeavesBytesForOthers() throws {
        var limits = Inbox.Limits()
        limits.byteCountMax = 1000
        var kit = InboxKit(limits: limits)
        _ = kit.added(InboxKit.header(1), byteCount: 800)
        kit.pull()
        let carol = MessageKit.key(3).peerID
        let left = 1000 - kit.inbox.byteCount
        for _ in 0..<2 {
            kit.expect(.refused(.refusedFull), of: InboxKit.header(2), byteCount: 1)
            kit.expect(.refused(.refusedFull), of: InboxKit.header(1, from: carol), byteCount: left + 1)
            // As much is held after a restart.
            try kit.restart()
        }
        _ = kit.added(InboxKit.header(1, from: carol), byteCount: left)
    }

    @Test func whatOneSenderDoesNotConfirmLeavesReceiptsForOthers() {
        var limits = Inbox.Limits()
        limits.owedCountMax = 10
        var kit = InboxKit(limits: limits)
        for number in UInt64(1)...8 {
            let position = kit.taken(number)
            kit.expect(true) { $0.acknowledge(position) }
            kit.pull()
        }
        kit.expect(.refused(.refusedFull), of: InboxKit.header(9))
        _ = kit.added(InboxKit.header(1, from: MessageKit.key(3).peerID))
        kit.settle(4)
        _ = kit.taken(9)
    }

    @Test func aFullInboxTakesSomeEmergencies() {
        var limits = Inbox.Limits()
        limits.entryCountMax = 1
        limits.senderShareFactor = .max
        limits.emergencyCountMax = 1
        limits.emergencyByteCountMax = 50
        var kit = InboxKit(limits: limits)
        kit.take(1)
        kit.expect(.refused(.refusedFull), of: InboxKit.header(2))
        var urgent = InboxKit.header(1, series: 2)
        urgent.priority = .emergency
        _ = kit.added(urgent)
        kit.pull()
        urgent = InboxKit.header(2, series: 2)
        urgent.priority = .emergency
        kit.expect(.refused(.refusedFull), of: urgent)
        limits.byteCountMax = 10
        limits.emergencyCountMax = 2
        kit = InboxKit(limits: limits)
        kit.expect(.refused(.refusedFull), of: InboxKit.header(1), byteCount: 11)
        kit.expect(.refused(.refusedFull), of: urgent, byteCount: 61)
        _ = kit.added(urgent, byteCount: 60)
    }

    @Test func tooManyReceiptsThatNobodyConfirmsRefuseForNow() {
        var limits = Inbox.Limits()
        limits.owedCountMax = 3
        limits.senderShareFactor = .max
        var kit = InboxKit(limits: limits)
        for number in UInt64(1)...3 { kit.take(number) }
        kit.expect(.refused(.refusedFull), of: InboxKit.header(4))
        kit.settle(1, [2...2])
        _ = kit.taken(4)
    }

    @Test func anEntryIsHandedOutUntilItIsAcknowledged() throws {
        var kit = InboxKit()
        let first = kit.added(InboxKit.header(1), handsOut: true)
        kit.pull()
        kit.expectActions([.handOut(position: first, attempt: 1), .answer(InboxKit.alice)])
        let second = kit.taken(2)
        kit.expect(true) { $0.handOut(second) }
        kit.expect(false, "once at a time") { $0.handOut(second) }
        #expect(kit.inbox.entry(at: second)?.state == .handingOut)
        _ = kit.takeActions()
        kit.pull()
        kit.expectActions([.handOut(position: second, attempt: 1)])
        try kit.restart()
        #expect(kit.inbox.entries().map(\.attempt) == [1, 1])
        for position in [first, second] { kit.expect(true) { $0.handOut(position) } }
        _ = kit.takeActions()
        kit.pull()
        kit.expectActions([.handOut(position: first, attempt: 2), .handOut(position: second, attempt: 2)])
        kit.expect(true) { $0.acknowledge(through: second) == 2 }
        kit.pull()
        try kit.restart()
        #expect(kit.inbox.count == 0)
        #expect(kit.disk.rows(of: DeliveryTables.attempts).isEmpty)
        let third = kit.taken(3)
        #expect(third > second, "a position never means another entry")
        kit.expect(false) { $0.handOut(second) || $0.acknowledge(second) }
        #expect(kit.inbox.entry(of: InboxKit.id(3))?.position == third)
    }

    @Test func whoWaitsForAnEntryThatIsAcknowledgedMeanwhileIsTold() {
        var kit = InboxKit()
        let position = kit.taken(1)
        _ = kit.takeActions()
        kit.expect(true) { $0.handOut(position) && $0.acknowledge(position) }
        kit.pull()
        kit.expectActions([.withdrawn(position: position)])
    }

    @Test func anEntryThatIsPutBackWaitsAgain() {
        var kit = InboxKit()
        let position = kit.taken(1)
        kit.expect(true) { $0.handOut(position) }
        kit.inbox.putBack(position)
        #expect(
            kit.inbox.entry(at: position)?.state == .handingOut,
            "the disk has not said that anybody has it"
        )
        kit.pull()
        _ = kit.takeActions()
        kit.inbox.putBack(position)
        kit.inbox.putBack(position)
        #expect(kit.inbox.entry(at: position)?.state == .waiting)
        kit.pull()
        kit.expectActions([.arrived(position: position)])
        kit.expect(true) { $0.handOut(position) }
        kit.pull()
        kit.expectActions([.handOut(position: position, attempt: 2)])
    }

    @Test func whatIsBeingWrittenIsNotAcknowledged() {
        var kit = InboxKit()
        let position = kit.added(InboxKit.header(1))
        kit.expect(false) { $0.acknowledge(position) || $0.handOut(position) }
    }

    @Test func whatIsSettledIsWrittenWithSomethingElseOrALittleLater() throws {
        var kit = InboxKit()
        kit.take(1)
        kit.hear(2)
        #expect(kit.inbox.owedCount == 0)
        #expect(kit.disk.rows(of: DeliveryTables.owed).count == 1, "not written yet")
        kit.advance(kit.limits.settlementDelay - .milliseconds(1))
        #expect(kit.disk.rows(of: DeliveryTables.owed).count == 1)
        kit.advance(.milliseconds(1))
        #expect(kit.disk.rows(of: DeliveryTables.owed).isEmpty && kit.inbox.nextDeadline == nil)

        kit.take(2)
        kit.hear(3)
        kit.take(3)
        #expect(kit.disk.rows(of: DeliveryTables.owed).count == 1, "written with the next message")

        kit.hear(4)
        try kit.restart()
        #expect(kit.inbox.owedCount == 1, "a crash that is quicker has the receipt sent again")
        kit.expect(.duplicate, of: InboxKit.header(3))
        kit.settle(4)
        #expect(kit.inbox.owedCount == 0 && kit.disk.rows(of: DeliveryTables.owed).isEmpty)
    }

    @Test func receiptsAreSentAgainUntilTheyAreConfirmed() {
        var kit = InboxKit()
        kit.take(1)
        kit.take(2)
        kit.expectReceipts([(1, .delivered), (2, .delivered)])
        kit.advance(.milliseconds(899))
        kit.expectReceipts([])
        kit.advance(.milliseconds(201))
        kit.expectReceipts([(1, .delivered), (2, .delivered)])
        kit.advance(.milliseconds(1500))
        kit.expectReceipts([], "twice as long")
        kit.advance(.milliseconds(700))
        kit.settle(1, [2...2])
        kit.expectReceipts([(1, .delivered)], "what is confirmed is not sent")
        kit.inbox.linkDown(InboxKit.alice)
        kit.advance(.seconds(3600))
        kit.expectReceipts([])
        kit.inbox.linkUp(InboxKit.alice, now: kit.now)
        kit.expectReceipts([(1, .delivered)], "at once when the sender is seen again")
        kit.settle(3)
        #expect(kit.inbox.owedCount == 0 && kit.inbox.nextDeadline == nil)
        #expect(kit.disk.rows(of: DeliveryTables.owed).isEmpty)
    }

    @Test func whoConfirmsNothingIsAskedEverMoreRarely() {
        var kit = InboxKit()
        kit.take(1)
        kit.expectReceipts([(1, .delivered)])
        var waits: [Int] = []
        while waits.count < 4 {
            var halves = 0
            while halves < 40, kit.receipts().isEmpty {
                kit.advance(.milliseconds(500))
                halves += 1
            }
            waits.append(halves)
            // The sender has lost its store, and settles in a series of its own.
            kit.settle(2, series: 9)
        }
        #expect(waits == waits.sorted() && Set(waits).count == 4, "\(waits)")
    }

    /// Others of its messages are confirmed all the time: that is no reason to begin anew with what never is, nor to blame the way.
    @Test func whoLostItsStoreIsAskedEverMoreRarelyThoughItSendsOn() {
        var kit = InboxKit()
        kit.take(1)
        _ = kit.receipts()
        var repeatedAt: [Int] = []
        for half in 0..<400 {
            let number = UInt64(half + 1)
            kit.take(number, series: 9)
            let sent = kit.receipts()
            if sent.contains(where: { $0.id == InboxKit.id(1) }) { repeatedAt.append(half) }
            let isOverdue = kit.inbox.takeOverdue(for: InboxKit.alice)
            #expect(!isOverdue || half < 3)
            kit.settle(number + 1, series: 9)
            kit.advance(.milliseconds(1500))
        }
        #expect((6...10).contains(repeatedAt.count), "\(repeatedAt)")
    }

    @Test func aHeaderThatConfirmsAReceiptBeginsTheWaitAnew() {
        var kit = InboxKit()
        kit.take(1)
        kit.expectReceipts([(1, .delivered)])
        for number in UInt64(2)...20 {
            kit.advance(.milliseconds(400))
            kit.take(number, floor: number)
            kit.expectReceipts([(number, .delivered)], "and none again")
        }
        let isOverdue = kit.inbox.takeOverdue(for: InboxKit.alice)
        #expect(!isOverdue)
    }

    @Test func aReceiptIsOwedForAWhileAfterTheLifetime() {
        var kit = InboxKit()
        kit.take(1)
        kit.inbox.linkDown(InboxKit.alice)
        kit.advance(.seconds(86_400 + 3600) - .milliseconds(1))
        #expect(kit.inbox.owedCount == 1)
        kit.advance(.milliseconds(1))
        #expect(kit.inbox.owedCount == 0)
        #expect(kit.disk.rows(of: DeliveryTables.owed).isEmpty)
    }

    @Test func aSenderHasSoManySeriesAndOldOnesMakeRoom() {
        var limits = Inbox.Limits()
        limits.senderSeriesCountMax = 2
        var kit = InboxKit(limits: limits)
        kit.take(1, series: 1)
        kit.take(1, series: 2)
        kit.expect(.refused(.heldBack), of: InboxKit.header(1, series: 3))
        kit.settle(2, series: 1)
        kit.expect(.refused(.heldBack), of: InboxKit.header(1, series: 3))
        kit.advance(.seconds(86_400 + 3600) + .milliseconds(1))
        _ = kit.added(InboxKit.header(2, series: 3, lifetime: .seconds(10 * 86_400)))
        kit.pull()
        #expect(kit.inbox.seriesCount == 2 && kit.disk.rows(of: DeliveryTables.series).count == 2)
    }

    @Test func soManySeriesAreKnownInAll() {
        var limits = Inbox.Limits()
        limits.seriesCountMax = 2
        var kit = InboxKit(limits: limits)
        kit.take(1, series: 1)
        kit.take(1, series: 2)
        kit.expect(.refused(.heldBack), of: InboxKit.header(1, series: 3))
        kit.settle(2, series: 2)
        kit.advance(.seconds(86_400 + 3600) + .milliseconds(1))
        _ = kit.added(InboxKit.header(2, series: 3, lifetime: .seconds(10 * 86_400)))
    }

    @Test func seriesOfWhichNoMessageWasTakenMakeRoomAtOnce() {
        var limits = Inbox.Limits()
        limits.seriesCountMax = 8
        limits.entryCountMax = 3
        var kit = InboxKit(limits: limits)
        for number in 1...100 as ClosedRange<UInt64> {
            let settled = Settlement.Series(series: number % 16, floor: 2, ranges: [3...40])
            let stranger = MessageKit.key(UInt8(number)).peerID
            kit.inbox.settlement([settled], from: stranger, now: kit.now, wallNow: kit.wallNow)
            kit.pull()
        }
        #expect(kit.inbox.seriesCount == 8)
        kit.take(1, series: 1)
        #expect(kit.inbox.count == 1)
        for number in 2...4 as ClosedRange<UInt64> { kit.take(1, series: number) }
        kit.expect(.refused(.refusedFull), of: InboxKit.header(1, series: 5))
        for number in 6...100 as ClosedRange<UInt64> {
            kit.expect(.refused(.refusedFull), of: InboxKit.header(1, series: number))
        }
        #expect(kit.inbox.tableFills.filter(\.isOverfull) == [])
    }

    @Test(arguments: [(16, 1), (1, 16)])
    func aSeriesMayTakeThePlaceOfTheOnlyOneOfItsSender(ofSender: Int, inAll: Int) {
        var limits = Inbox.Limits()
        (limits.senderSeriesCountMax, limits.seriesCountMax) = (ofSender, inAll)
        var kit = InboxKit(limits: limits)
        let first = kit.taken(1)
        kit.expect(true) { $0.acknowledge(first) }
        kit.settle(2)
        kit.inbox.linkDown(InboxKit.alice)
        kit.advance(.seconds(86_400 + 3600) + .milliseconds(1))
        let position = kit.added(InboxKit.header(1, series: 2, lifetime: .seconds(10 * 86_400)))
        kit.pull()
        // Whoever comes next gets a place of its own.
        kit.inbox.linkUp(MessageKit.key(3).peerID, now: kit.now)
        kit.inbox.linkUp(InboxKit.alice, now: kit.now)
        kit.pull()
        kit.expect(true) { $0.acknowledge(position) }
        let receipts = kit.receipts()
        #expect(receipts == [.init(id: InboxKit.id(1, series: 2), outcome: .delivered)])
    }

    @Test func anIdleSeriesHoldsNothingOfManyOpenNumbers() {
        var kit = InboxKit()
        for number in UInt64(1)...2000 { _ = kit.add(InboxKit.header(number)) }
        kit.pull()
        #expect(kit.inbox.series[0].decisions.capacity >= 2000)
        kit.settle(2001)
        #expect(kit.inbox.owedCount == 0)
        #expect(kit.inbox.series[0].decisions.capacity <= 64)
    }

    @Test func answersToAPeerThatDoesNotReadAreLimited() {
        var limits = Inbox.Limits()
        limits.answerCountMax = 3
        var kit = InboxKit(limits: limits)
        for number in UInt64(1)...5 {
            kit.inbox.answer(InboxKit.id(number), .refusedByPolicy, to: InboxKit.alice)
        }
        kit.expectReceipts((UInt64(1)...3).map { ($0, .refusedByPolicy) })
    }

    @Test func aMessageToSomebodyElseIsRefused() {
        var kit = InboxKit()
        var header = InboxKit.header(1)
        header.to = MessageKit.key(3).peerID
        kit.expect(.refused(.refusedByPolicy), of: header)
        (header.to, header.place) = (nil, nil)
        kit.expect(.refused(.refusedByPolicy), of: header)
    }

    @Test func strangersWithoutALinkLeaveNothingBehind() {
        var kit = InboxKit()
        for number in UInt8(10)...20 {
            let stranger = MessageKit.key(number).peerID
            kit.inbox.answer(InboxKit.id(1), .refusedByPolicy, to: stranger)
            kit.expect(.refused(.expired), of: InboxKit.header(1, from: stranger, lifetime: .seconds(-2000)))
        }
        #expect(kit.inbox.senderIndex.count == 1)
    }

    @Test func aDamagedSeriesRowTakesNothingTwice() throws {
        var kit = InboxKit()
        kit.take(1)
        kit.disk.drop(DeliveryTables.series)
        var damaged = kit
        #expect(throws: DeliveryRowError.inconsistent) { try damaged.restart() }
        // The receipt's row lost what it belongs to; the entry still knows its number.
        kit.disk.drop(DeliveryTables.owed)
        try kit.restart()
        kit.expect(.refused(.expired), of: InboxKit.header(1))
        #expect(kit.inbox.count == 1)
    }
}
