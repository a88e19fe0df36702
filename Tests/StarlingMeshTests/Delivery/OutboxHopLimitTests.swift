import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

/// Messages that may cross fewer links than the ways to their recipients have.
@Suite struct OutboxHopLimitTests {
    private static let bob = OutboxKit.bob

    @Test func aMessageMayCrossOneToTenLinks() throws {
        var kit = OutboxKit()
        for hopLimit in [0, 11, 255] as [UInt8] {
            #expect(throws: AcceptError.hopLimitOutOfRange) { try kit.accept(hopLimit: hopLimit) }
        }
        #expect(kit.outbox.count == 0)
        kit.linkUp()
        for hopLimit in [1, 10] as [UInt8] {
            try kit.send(hopLimit: hopLimit)
            let sent = kit.outbox.nextTransmission(to: Self.bob, now: kit.now, wallNow: kit.wallNow)
            let transmission = try #require(sent)
            #expect(transmission.hopLimit == hopLimit)
            #expect(try Envelope(parsing: transmission.envelope.span).header.hopLimit == hopLimit)
        }
        try kit.send()
        let sent = kit.outbox.nextTransmission(to: Self.bob, now: kit.now, wallNow: kit.wallNow)
        #expect(sent?.hopLimit == 10, "where nothing is said")
    }

    private func expectShortfall(
        _ kit: OutboxKit,
        _ id: MessageID,
        _ expected: (Int, Int)?,
        at location: SourceLocation = #_sourceLocation
    ) {
        let found = kit.outbox.shortfall(of: id)
        #expect(found?.linkCount == expected?.0 && found?.hopLimit == expected?.1, sourceLocation: location)
    }

    @Test func whatMayNotComeSoFarWaitsAndNothingElse() throws {
        var kit = OutboxKit()
        let early = try kit.send(hopLimit: 2)
        kit.linkUp(linkCount: 3)
        let (late, fits) = (try kit.send(hopLimit: 1), try kit.send(hopLimit: 3))
        kit.expectSent([fits])
        #expect(kit.outbox.envelopeByteCount == 0, "memory is for those who can be sent")
        expectShortfall(kit, early, (3, 2))
        expectShortfall(kit, late, (3, 1))
        expectShortfall(kit, fits, nil)
        #expect(kit.state(early) == .queued && kit.outbox.count(to: Self.bob) == 3)
        #expect(kit.outbox.fills.map(\.queuedCount) == [0, 0, 2, 0])
        kit.setLinkCount(2)
        kit.expectSent([early], "a shorter way is there")
        expectShortfall(kit, early, nil)
        expectShortfall(kit, late, (2, 1))
        kit.receipt([early, fits])
        #expect(kit.state(early) == .delivered)
        kit.linkDown()
        expectShortfall(kit, late, nil)
        kit.linkUp()
        kit.expectSent([late])
    }

    @Test func thoseThatWaitedGoInTheirOrder() throws {
        var kit = OutboxKit()
        kit.linkUp(linkCount: 5)
        let ids = try (0..<6).map { try kit.send(hopLimit: $0 % 2 == 0 ? 3 : 4) }
        kit.expectSent([])
        kit.setLinkCount(4)
        kit.expectSent([ids[1], ids[3], ids[5]])
        kit.setLinkCount(3)
        kit.expectSent([ids[0], ids[2], ids[4]])
    }

    @Test func aWayThatGetsLongerHoldsBackWhatIsInLineAndWhatIsSentAgain() throws {
        var limits = Outbox.Limits()
        limits.queues.counts = [3, 3, 3, 3]
        var kit = OutboxKit(limits: limits)
        kit.linkUp(linkCount: 2)
        let sent = try kit.send(hopLimit: 2)
        kit.expectSent([sent])
        let inLine = try (0..<2).map { _ in try kit.send(hopLimit: 2) }
        let others = try (0..<3).map { _ in try kit.send() }
        kit.setLinkCount(3)
        kit.expectSent(Array(others[..<2]), "they leave their places to others")
        for id in inLine { expectShortfall(kit, id, (3, 2)) }
        expectShortfall(kit, sent, nil)
        kit.receipt(Array(others[..<2]))
        kit.expectSent([others[2]])
        #expect(kit.outbox.envelopeByteCount == 0, "what is held back takes no memory")
        kit.receipt([others[2]])
        kit.advance(.seconds(60))
        kit.expectSent([])
        expectShortfall(kit, sent, (3, 2))
        kit.setLinkCount(2)
        let again = kit.sent()
        #expect(Set(again) == Set([sent] + inLine))
        kit.receipt(again)
        #expect(kit.outbox.count == 0 && kit.outbox.tableFills.allSatisfy { !$0.isOverfull })
    }

    @Test func aReceiptAndTheLifetimesEndSettleWhatWaits() throws {
        var kit = OutboxKit()
        kit.linkUp(linkCount: 2)
        let arrived = try kit.send(hopLimit: 2)
        kit.expectSent([arrived])
        kit.setLinkCount(4)
        kit.advance(.seconds(60))
        let ends = try kit.send(lifetime: .seconds(5), hopLimit: 3)
        kit.expectSent([])
        kit.receipt([arrived])
        #expect(kit.state(arrived) == .delivered, "it was there all the time")
        kit.advance(.seconds(5))
        #expect(kit.state(ends) == .expired && kit.outbox.count == 0)
        kit.setLinkCount(1)
        kit.expectSent([])
    }

    /// Nothing is sent in vain that would show that the peer is worth another attempt.
    @Test func aConnectionIsTriedForWhatHasNoWay() throws {
        var kit = OutboxKit()
        kit.linkUp(linkCount: 3)
        let fits = try kit.send()
        kit.expectSent([fits])
        kit.expectNoAction(.reach(Self.bob))
        let far = try kit.send(hopLimit: 2)
        kit.expectAction(.reach(Self.bob))
        kit.outbox.unreachable(Self.bob, now: kit.now)
        kit.pull()
        kit.expectNoAction(.reach(Self.bob), "not at once")
        kit.advance(.seconds(600))
        kit.expectAction(.reach(Self.bob))
        kit.linkDown()
        kit.linkUp()
        _ = kit.takeActions()
        let sent = kit.sent()
        #expect(sent.contains(far))
        kit.receipt(sent)
        kit.advance(.seconds(600))
        kit.expectNoAction(.reach(Self.bob), "it is connected")
    }

    @Test func aRestartKnowsHowFarMessagesMayCome() throws {
        var kit = OutboxKit()
        let id = try kit.send(hopLimit: 2)
        try kit.restart()
        kit.linkUp(linkCount: 3)
        kit.expectSent([])
        expectShortfall(kit, id, (3, 2))
        kit.setLinkCount(2)
        kit.expectSent([id])
    }

    @Test func whatWaitsForAShorterWayIsToldToBeStuck() throws {
        var kit = OutboxKit()
        kit.linkUp(linkCount: 3)
        try kit.send(hopLimit: 2)
        kit.advance(.seconds(60))
        kit.expectStalls([.tooFar])
    }
}
