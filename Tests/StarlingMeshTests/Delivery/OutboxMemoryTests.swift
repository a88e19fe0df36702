import StarlingCore
import Testing

@testable import StarlingMesh

/// Which envelopes stand in memory, and who waits for room there.
@Suite struct OutboxMemoryTests {
    private static let (bob, carol) = (OutboxKit.bob, OutboxKit.carol)

    private static func kit(envelopeByteCountMax: Int, queueCount: Int = 1) -> OutboxKit {
        var limits = Outbox.Limits()
        limits.envelopeByteCountMax = envelopeByteCountMax
        limits.queues.counts = [1, 1, queueCount, 1]
        return OutboxKit(limits: limits)
    }

    @Test(arguments: [nil, Receipt.Outcome.refusedFull, .heldBack])
    func whatIsSentAgainFindsRoomThoughOthersWaitWithTheirEnvelopes(outcome: Receipt.Outcome?) throws {
        var kit = Self.kit(envelopeByteCountMax: 2500)
        kit.linkUp()
        let first = try kit.send(byteCount: 800)
        kit.expectSent([first])
        let others = try (0..<2).map { _ in try kit.send(byteCount: 800) }
        if outcome == .heldBack {
            // Its place is for others meanwhile.
            kit.receipt([first], .heldBack)
            kit.expectSent([others[0]])
            kit.receipt([others[0]])
            kit.expectSent([others[1]])
            kit.receipt([others[1]])
            for _ in 0..<2 { try kit.send(byteCount: 800) }
        } else if let outcome {
            kit.receipt([first], outcome)
        }
        var sent: [MessageID] = []
        for _ in 0..<20 {
            kit.advance(.seconds(1))
            sent += kit.sent()
            kit.receipt(sent)
        }
        #expect(sent.contains(first))
        kit.advance(.seconds(1))
        kit.receipt(kit.sent())
        #expect(kit.outbox.count == 0)
    }

    @Test func whoTakesNothingLeavesEveryOtherOneEnvelopeAtATime() throws {
        var kit = Self.kit(envelopeByteCountMax: 3000, queueCount: 100)
        let waiting = try (0..<3).map { _ in try kit.send(to: Self.carol, byteCount: 800) }
        kit.linkUp()
        for _ in 0..<10 { try kit.send(byteCount: 800) }
        kit.linkUp(Self.carol)
        let sent = kit.sent(to: Self.carol)
        #expect(sent == waiting)
        #expect(kit.outbox.tableFills.filter(\.isOverfull) == [])
    }

    @Test func whoWaitsForRoomIsFedWhenMessagesOfOthersEnd() throws {
        var kit = Self.kit(envelopeByteCountMax: 1000)
        let waiting = try kit.send(to: Self.carol, byteCount: 800)
        kit.linkUp()
        try kit.send(lifetime: .seconds(10), byteCount: 800)
        kit.linkUp(Self.carol)
        let early = kit.sent(to: Self.carol)
        #expect(early == [], "there is no room for both")
        kit.advance(.seconds(11))
        let sent = kit.sent(to: Self.carol)
        #expect(sent == [waiting])
    }

    @Test func whatIsOnItsWayToTheDiskGivesItsPlaceWhenItsRecipientHasGone() throws {
        var kit = Self.kit(envelopeByteCountMax: 1000)
        let waiting = try kit.send(to: Self.carol, byteCount: 800)
        kit.linkUp()
        _ = try kit.accept(byteCount: 800)
        kit.outbox.linkDown(Self.bob, now: kit.now)
        kit.pull()
        kit.linkUp(Self.carol)
        let sent = kit.sent(to: Self.carol)
        #expect(sent == [waiting])
    }

    @Test func sparesAreNoMoreThanTwiceThoseThatAre() throws {
        var kit = Self.kit(envelopeByteCountMax: 16_777_216)
        kit.linkUp()
        for _ in 0..<5000 {
            let ids = try (0..<2).map { _ in try kit.send() }
            for _ in ids { kit.receipt(kit.sent()) }
            kit.settle()
        }
        #expect(kit.outbox.spares.count <= Outbox.spareCountMin)
        #expect(kit.outbox.envelopeByteCount == 0)
    }

    @Test func whatCannotBeReadGivesItsPlaceBackOnce() throws {
        var kit = Self.kit(envelopeByteCountMax: 3000)
        for _ in 0..<3 { try kit.send(byteCount: 800) }
        let readable = try kit.send(.high, byteCount: 800)
        let rows = kit.disk.rows(of: DeliveryTables.outbox).dropLast()
        var lost = StoreBatch()
        for row in rows { lost.remove(row.key) }
        kit.disk.apply(lost)
        kit.linkUp()
        kit.expectSent([readable])
        #expect(kit.outbox.count == 1)
        #expect(kit.outbox.envelopeByteCount == 0)
        #expect(kit.outbox.peers.allSatisfy { $0.envelopeByteCount == 0 && $0.queues.count == 1 })
    }
}
