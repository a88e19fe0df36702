import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

@Suite struct OutboxLinkTests {
    private static let bob = OutboxKit.bob

    @Test func theQueuesHoldBackAndNothingIsLost() throws {
        var kit = OutboxKit()
        kit.linkUp()
        let ids = try (0..<300).map { _ in try kit.send() }
        kit.expectSent(Array(ids[..<200]))
        kit.expectSent([])
        kit.receipt(Array(ids[..<50]))
        kit.expectSent(Array(ids[200..<250]), "as many as have their receipt")
        kit.linkDown()
        kit.linkUp()
        kit.expectSent(Array(ids[50..<250]), "in the order of their numbers")
    }

    @Test func anEmergencyTakesTheOldestLowsPlace() throws {
        var kit = OutboxKit()
        kit.linkUp()
        let low = try (0..<3).map { _ in try kit.send(.low) }
        let urgent = try (0..<11).map { _ in try kit.send(.emergency) }
        kit.expectAction(.displaced(low: low[0], by: urgent[10]))
        #expect(kit.state(low[0]) == .queued)
        let sent = kit.sent()
        #expect(Array(sent.prefix(11)) == urgent)
        #expect(Set(sent.dropFirst(11)) == Set(low), "it is fed again, as its own queue has room")
    }

    @Test func withoutALowToDisplaceAnEmergencyWaits() throws {
        var kit = OutboxKit()
        kit.linkUp()
        let urgent = try (0..<12).map { _ in try kit.send(.emergency) }
        kit.expectSent(Array(urgent[..<10]))
        kit.receipt([urgent[3]])
        kit.expectSent([urgent[10]])
    }

    @Test func aGapHoldsTheSenderBackAtTheWindowsEnd() throws {
        var limits = Outbox.Limits()
        limits.windowCount = 64
        limits.queues.counts = [1000, 1000, 1000, 1000]
        limits.settlementCount = 1
        var kit = OutboxKit(limits: limits)
        kit.linkUp()
        let ids = try (0..<100).map { _ in try kit.send() }
        kit.expectSent(Array(ids[..<64]))
        kit.receipt(Array(ids[1..<64]))
        kit.settle()
        kit.expectSent([], "the first number is not settled")
        kit.receipt([ids[0]])
        kit.expectSent([], "the recipient has to hear of it first")
        kit.settle()
        kit.expectSent(Array(ids[64...]))
        // An EMERGENCY counts for itself.
        kit.linkDown()
        kit.linkUp()
        let urgent = try kit.send(.emergency)
        let next = kit.sent()
        #expect(next.first == urgent)
    }

    @Test func settlementsAreToldAfterSoManyOrSoLong() throws {
        var limits = Outbox.Limits()
        limits.settlementCount = 3
        var kit = OutboxKit(limits: limits)
        kit.linkUp()
        let ids = try (0..<6).map { _ in try kit.send() }
        _ = kit.sent()
        _ = kit.takeActions()
        kit.receipt(Array(ids[..<2]))
        kit.expectNoAction(.settle(Self.bob))
        kit.advance(.milliseconds(99))
        kit.expectNoAction(.settle(Self.bob))
        kit.advance(.milliseconds(1))
        kit.expectAction(.settle(Self.bob))
        let series = kit.settle() ?? []
        #expect(series.map(\.floor) == [3])
        let told = kit.outbox.takeSettlement(for: Self.bob, now: kit.now)
        #expect(told == nil, "told")
        kit.receipt(Array(ids[3...]))
        kit.advance(.zero)
        kit.expectAction(.settle(Self.bob))
        let next = kit.settle() ?? []
        #expect(next.map(\.floor) == [3] && next.map(\.ranges) == [[4...6]])
    }

    @Test func theFloorRisesWhenTheDiskKnows() throws {
        var kit = OutboxKit()
        kit.linkUp()
        let id = try kit.send()
        _ = kit.sent()
        kit.outbox.receipt(
            [.init(id: id, outcome: .delivered)],
            from: Self.bob,
            now: kit.now,
            wallNow: kit.wallNow
        )
        kit.outbox.advance(to: kit.now + .seconds(1), wallNow: kit.wallNow)
        let early = kit.outbox.takeSettlement(for: Self.bob, now: kit.now)
        #expect(early == nil)
        kit.pull()
        let series = kit.outbox.takeSettlement(for: Self.bob, now: kit.now)
        #expect(series?.map(\.floor) == [2])
    }

    @Test func aNumberThatTheDiskHasNotReservedIsNotCalledSettled() throws {
        var limits = Outbox.Limits()
        limits.reservationCount = 1
        var kit = OutboxKit(limits: limits)
        kit.linkUp()
        let id = try kit.send()
        kit.receipt(kit.sent())
        // The second number is given and given up; after a crash it would be given again.
        let lost = try kit.accept()
        _ = kit.outbox.takeBatch()
        kit.outbox.storeFailed(now: kit.now)
        #expect(kit.outbox.message(lost) == nil && kit.state(id) == .delivered)
        let first = kit.settle()
        #expect(first?.map(\.floor) == [2])
        kit.receipt([id])
        let second = kit.settle()
        #expect(second?.map(\.floor) == [3], "the disk has it by now")
    }

    @Test func whoeverOwesAReceiptForASettledMessageIsToldAgain() throws {
        var kit = OutboxKit()
        kit.linkUp()
        let id = try kit.send()
        kit.receipt(kit.sent())
        kit.settle()
        _ = kit.takeActions()
        kit.receipt([id])
        kit.advance(.milliseconds(100))
        kit.expectActions([.settle(Self.bob)])
        let series = kit.outbox.takeSettlement(for: Self.bob, now: kit.now)
        #expect(series?.map(\.floor) == [2])
    }

    @Test func eachConnectionBeginsWithWhatIsSettled() throws {
        var kit = OutboxKit()
        kit.linkUp()
        kit.receipt([try kit.send()])
        kit.receipt(kit.sent())
        kit.settle()
        kit.linkDown()
        _ = kit.takeActions()
        kit.linkUp()
        kit.advance(.zero)
        kit.expectAction(.settle(Self.bob))
    }

    @Test func onlyOpenStreamsAreServed() throws {
        var kit = OutboxKit()
        kit.linkUp()
        let (high, low) = (try kit.send(.high), try kit.send(.low))
        kit.expectSent([low], among: PrioritySet(.low))
        kit.expectSent([high])
    }

    @Test func eachPriorityIsToldThatHasSomethingToSend() throws {
        var kit = OutboxKit()
        kit.linkUp()
        try kit.send(.low)
        kit.expectAction(.transmit(OutboxKit.bob))
        try kit.send(.low)
        kit.expectNoAction(.transmit(OutboxKit.bob), "that is known")
        try kit.send(.emergency)
        kit.expectAction(.transmit(OutboxKit.bob))
        kit.expectNoAction(.transmit(OutboxKit.bob))
        _ = kit.sent(among: PrioritySet(.emergency))
        try kit.send(.low)
        kit.expectNoAction(.transmit(OutboxKit.bob), "still")
        try kit.send(.emergency)
        kit.expectAction(.transmit(OutboxKit.bob))
    }

    @Test func emergenciesDoNotWaitForMemory() throws {
        var limits = Outbox.Limits()
        limits.envelopeByteCountMax = 3000
        limits.emergencyByteCountMax = 3000
        var kit = OutboxKit(limits: limits)
        kit.linkUp()
        for _ in 0..<5 { try kit.send(.low, byteCount: 1000) }
        let urgent = try kit.send(.emergency, byteCount: 1000)
        let first = kit.outbox.nextTransmission(to: OutboxKit.bob, now: kit.now, wallNow: kit.wallNow)
        #expect(first?.id == urgent, "the others take turns in what is there for them")
    }

    @Test func memoryHoldsSoManyEnvelopesAndTheOthersTakeTurns() throws {
        var limits = Outbox.Limits()
        limits.envelopeByteCountMax = 3000
        var kit = OutboxKit(limits: limits)
        // Half as much again for one envelope of each peer that has none.
        let byteCountMax = 4500
        var wanted: Set<MessageID> = []
        for peer in [Self.bob, OutboxKit.carol] {
            for _ in 0..<10 { wanted.insert(try kit.send(to: peer, byteCount: 800)) }
        }
        kit.linkUp()
        kit.linkUp(OutboxKit.carol)
        #expect(kit.outbox.envelopeByteCount <= byteCountMax)
        var sent: Set<MessageID> = []
        for _ in 0..<20 {
            for peer in [Self.bob, OutboxKit.carol] {
                guard
                    let next = kit.outbox.nextTransmission(to: peer, now: kit.now, wallNow: kit.wallNow)
                else { continue }
                sent.insert(next.id)
                kit.pull()
                #expect(kit.outbox.envelopeByteCount <= byteCountMax)
            }
        }
        #expect(sent == wanted, "both had their turns")
        #expect(kit.outbox.envelopeByteCount == 0)
    }

    @Test func whatIsStuckIsToldOnceWithItsReason() throws {
        var kit = OutboxKit()
        kit.linkUp()
        let blocked = try kit.send()
        kit.advance(.seconds(60))
        kit.expectStalls([.linkBlocked])
        kit.expectSent([blocked])
        kit.advance(.seconds(120))
        kit.expectStalls([], "said once")
        kit.receipt([blocked])
        let silent = try kit.send()
        for _ in 0..<130 {
            _ = kit.sent()
            kit.advance(.seconds(1))
        }
        kit.expectStalls([.noReceipt])
        kit.receipt([silent])
        let full = try kit.send()
        for _ in 0..<130 {
            kit.receipt(kit.sent(), .refusedFull)
            kit.advance(.seconds(1))
        }
        kit.expectStalls([.recipientFull])
        #expect(kit.outbox.stallCount == 3)
        kit.receipt([full])
        kit.advance(.seconds(600))
        kit.expectStalls([], "nothing waits")
        try kit.send(to: OutboxKit.carol)
        kit.advance(.seconds(600))
        kit.expectStalls([], "who is away is not stuck")
    }

    @Test func idleSeriesMakeRoomForOthers() throws {
        var limits = Outbox.Limits()
        limits.laneCountMax = 2
        var kit = OutboxKit(limits: limits)
        kit.linkUp()
        kit.receipt([try kit.send()] + kit.sent())
        try kit.send(.low)
        try kit.send(.high)
        #expect(kit.disk.rows(of: DeliveryTables.lanes).count == 2, "the settled one went")
        try kit.send(.emergency)
        #expect(kit.outbox.count == 3, "those with messages stay, whatever the number")
    }

    @Test func urgentEnvelopesInMemoryAreWithinTheirLimit() throws {
        var limits = Outbox.Limits()
        (limits.envelopeByteCountMax, limits.emergencyByteCountMax) = (3000, 3000)
        var kit = OutboxKit(limits: limits)
        kit.linkUp()
        for priority in [MessagePriority.low, .emergency] {
            for _ in 0..<8 { try kit.send(priority, byteCount: 500) }
            let fill = try #require(kit.outbox.tableFills.first { $0.name == "outbox envelope bytes" })
            #expect(fill.count > (priority == .low ? 2000 : 3000) && !fill.isOverfull)
        }
    }

    @Test func aSeriesMayTakeThePlaceOfTheOnlyOneOfItsPeer() throws {
        var limits = Outbox.Limits()
        limits.laneCountMax = 1
        var kit = OutboxKit(limits: limits)
        kit.linkUp()
        kit.receipt([try kit.send()] + kit.sent())
        kit.linkDown()
        let urgent = try kit.send(.high)
        let other = try kit.send(to: OutboxKit.carol)
        kit.linkUp()
        kit.expectSent([urgent])
        kit.linkUp(OutboxKit.carol)
        let sent = kit.sent(to: OutboxKit.carol)
        #expect(sent == [other])
    }
}
