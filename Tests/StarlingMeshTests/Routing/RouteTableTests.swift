import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

/// Neighbours, what is told of them, and which route is taken.
@Suite struct RouteTableTests {
    typealias Kit = RouteTableKit

    @Test func aNeighbourIsARouteOfOneHop() throws {
        let kit = try Kit()
        kit.up(1, cost: 10_000)
        let hop = try #require(kit.nextHops(to: Kit.peer(1)).first)
        #expect(hop == RouteHop(peer: Kit.peer(1), metric: RouteKit.metric(10_000), hops: 1))
        #expect(kit.actions.contains(.changed(Kit.peer(1))))
        kit.down(1)
        #expect(kit.hops(to: 1) == [])
        #expect(kit.actions.filter { $0 == .changed(Kit.peer(1)) }.count == 2)
        #expect(kit.destinationCount == 0)
    }

    @Test func aNodeTellsItselfWithItsProof() throws {
        let kit = try Kit()
        kit.up(1)
        kit.pass(.milliseconds(50))
        let update = try #require(kit.updates(to: 1).first)
        #expect(update.destination == MessageKit.alice.peerID)
        #expect(update.way == .init(metric: .zero, hops: 0))
        try #require(update.proof).verify()
        #expect(update.proof?.number == kit.number)
        #expect(kit.nextHops(to: MessageKit.alice.peerID) == [])
    }

    @Test func aNeighbourIsToldToOthersOnceItHasProvenItself() throws {
        let kit = try Kit()
        kit.up(1, cost: 10_000)
        kit.up(2)
        #expect(kit.update(to: 2, of: 1) == nil)
        kit.pass(.seconds(1))
        try kit.hearSelf(1)
        let update = try #require(kit.update(to: 2, of: 1))
        #expect(update.way == .init(metric: RouteKit.metric(10_000), hops: 1))
        #expect(update.proof == Kit.proof(1))
        // A neighbour is not told of itself.
        #expect(kit.update(to: 1, of: 1) == nil)
    }

    @Test func whoComesLaterIsToldEverything() throws {
        let kit = try Kit()
        kit.up(1)
        try kit.hear(1, 9, 5000)
        kit.up(2, cost: 20_000)
        kit.pass(.milliseconds(50))
        #expect(kit.update(to: 2, of: 9)?.way == .init(metric: RouteKit.metric(15_000), hops: 2))
    }

    /// Where many begin at once, each would otherwise tell every way that its links bring one by one, and take it back.
    @Test func whatComesUpTogetherIsToldInOneFrame() throws {
        let kit = try Kit()
        kit.up(1)
        kit.pass(.milliseconds(20))
        kit.up(2)
        try kit.hear(2, 9, 50_000)
        kit.up(3)
        try kit.hear(3, 9, 5000)
        #expect(kit.frames(to: 1).isEmpty)
        kit.pass(.milliseconds(30))
        let frames = kit.frames(to: 1)
        #expect(frames.count == 1 && frames.first?.updates.count == 2)
        #expect(frames.first?.updates.last?.way?.metric.microseconds ?? .max < 50_000)
    }

    @Test func aNeighbourThatIsNotFartherIsToldNothingThatItCouldNotUse() throws {
        for withdraws in [true, false] {
            let kit = try Kit()
            kit.up(1, cost: 10_000)
            kit.up(2, cost: 10_000)
            kit.pass(.seconds(1))
            try kit.hear(2, 9, 14_000)
            try kit.hear(1, 9, 5000)
            kit.pass(.seconds(2))
            // It goes over the first, and the second, a spare, is nearer than this node.
            #expect(kit.hops(to: 9) == [1, 2])
            #expect(kit.update(to: 2, of: 9) == nil)
            if withdraws { try kit.hear(2, withdraws: 9) } else { try kit.hear(2, 9, 16_000) }
            kit.pass(.seconds(2))
            #expect(kit.update(to: 2, of: 9)?.way == .init(metric: RouteKit.metric(15_000), hops: 2))
        }
    }

    @Test func aDistanceIsToldOnceItIsOnTheDisk() throws {
        let kit = try Kit()
        kit.up(1)
        kit.up(2)
        kit.pass(.seconds(1))
        kit.writes = false
        try kit.hear(1, 9, 5000)
        #expect(kit.hops(to: 9) == [1])
        #expect(kit.update(to: 2, of: 9) == nil)
        kit.pass(.seconds(5))
        #expect(kit.update(to: 2, of: 9) == nil)
        kit.write()
        kit.settle()
        #expect(kit.update(to: 2, of: 9)?.way?.metric == RouteKit.metric(15_000))
        // A withdrawal promises nothing, and waits for nothing.
        try kit.hear(1, withdraws: 9)
        kit.pass(.seconds(1))
        #expect(kit.update(to: 2, of: 9) == RouteUpdate(withdrawing: Kit.peer(9)))
    }

    @Test func aWriteThatFailsIsTriedAgain() throws {
        let kit = try Kit()
        kit.up(1)
        kit.up(2)
        kit.writes = false
        try kit.hear(1, 9, 5000)
        let batch = kit.takeBatch()
        #expect(batch != nil && kit.takeBatch() == nil)
        kit.act { $0.storeFailed(now: $1, wallNow: $2) }
        kit.pass(.milliseconds(900))
        kit.actions = []
        kit.pass(.milliseconds(200))
        #expect(kit.actions.contains(.write))
        #expect(kit.takeBatch() == batch)
        kit.act { $0.stored(now: $1, wallNow: $2) }
        kit.pass(.seconds(1))
        #expect(kit.update(to: 2, of: 9)?.way != nil)
    }

    @Test func theProofIsToldWithEachNumberAndNotAgain() throws {
        let kit = try Kit()
        kit.up(1)
        kit.up(2)
        try kit.hear(1, 9, 5000)
        kit.pass(.seconds(1))
        #expect(kit.update(to: 2, of: 9)?.proof == Kit.proof(9))
        try kit.hear(1, 9, 50_000)
        kit.pass(.seconds(1))
        let second = try #require(kit.update(to: 2, of: 9))
        #expect(second.proof == nil && second.way?.metric == RouteKit.metric(60_000))
        try kit.hear(1, 9, 50_000, number: 2)
        kit.pass(.seconds(51))
        #expect(kit.update(to: 2, of: 9)?.proof == Kit.proof(9, 2))
        try kit.hear(1, withdraws: 9)
        kit.pass(.seconds(1))
        try kit.hear(1, 9, 50_000, number: 2)
        kit.pass(.seconds(1))
        #expect(kit.update(to: 2, of: 9)?.proof == Kit.proof(9, 2))
    }

    @Test func aMetricAloneIsTakenWithTheProofToldBefore() throws {
        let kit = try Kit()
        kit.up(1)
        try kit.hear(1, 9, 5000, number: 7)
        try kit.hear(1, [RouteUpdate(RouteKit.way(90_000, hops: 2), to: Kit.peer(9))])
        let candidate = try #require(kit.report(of: Kit.peer(9))?.candidates.first)
        #expect(
            candidate.number == 7 && candidate.told == RouteKit.metric(90_000) && candidate.hops == 3
        )
        // Without one before, it is asked for.
        kit.up(2)
        kit.forgetTold()
        try kit.hear(2, [RouteUpdate(RouteKit.way(1000, hops: 2), to: Kit.peer(8))])
        #expect(kit.hops(to: 8) == [])
        #expect(kit.frames(to: 2).flatMap(\.routeRequests) == [RouteRequest(destination: Kit.peer(8))])
    }

    @Test func theNearestWinsAndStaysUntilAnotherIsClearlyNearer() throws {
        let kit = try Kit()
        for neighbour in UInt8(1)...3 { kit.up(neighbour) }
        try kit.hear(1, 9, 100_000)
        try kit.hear(2, 9, 99_000)
        #expect(kit.hops(to: 9).first == 1)
        try kit.hear(3, 9, 80_000)
        #expect(kit.hops(to: 9).first == 3)
        try kit.hear(3, 9, 95_000)
        #expect(kit.hops(to: 9).first == 3)
    }

    @Test func aDirectLinkWinsUnlessItMeasuresWorse() throws {
        let kit = try Kit()
        kit.up(1, cost: 20_000)
        kit.up(2, cost: 20_000)
        try kit.hearSelf(1)
        try kit.hear(2, 1, 19_000)
        #expect(kit.hops(to: 1).first == 1)
        kit.act { $0.linkMeasured(Kit.peer(1), Kit.quality(cost: 200_000), now: $1, wallNow: $2) }
        #expect(kit.hops(to: 1) == [2, 1])
    }

    @Test func smallChangesOfALinkDoNotCount() throws {
        let kit = try Kit()
        kit.up(1, cost: 20_000)
        func metric() -> UInt32? { kit.nextHops(to: Kit.peer(1)).first?.metric.microseconds }
        kit.pass(.seconds(11))
        kit.act { $0.linkMeasured(Kit.peer(1), Kit.quality(cost: 24_000), now: $1, wallNow: $2) }
        #expect(metric() == 20_000)
        kit.act { $0.linkMeasured(Kit.peer(1), Kit.quality(cost: 26_000), now: $1, wallNow: $2) }
        #expect(metric() == 26_000)
        // Not again so soon, unless it is far worse.
        kit.act { $0.linkMeasured(Kit.peer(1), Kit.quality(cost: 40_000), now: $1, wallNow: $2) }
        #expect(metric() == 26_000)
        kit.act { $0.linkMeasured(Kit.peer(1), Kit.quality(cost: 60_000), now: $1, wallNow: $2) }
        #expect(metric() == 60_000)
        kit.pass(.seconds(11))
        kit.act { $0.linkMeasured(Kit.peer(1), Kit.quality(cost: 20_000), now: $1, wallNow: $2) }
        #expect(metric() == 20_000)
    }

    /// A neighbour's own link is taken unless it costs more than twice what a way over others does, and again once that costs
    /// more than two thirds of it.
    @Test func aLinkWinsUnlessItMeasuresMuchWorse() throws {
        let kit = try Kit()
        kit.up(9, cost: 100_000)
        kit.up(1, cost: 10_000)
        try kit.hear(1, 9, 41_000)
        #expect(kit.hops(to: 9) == [9, 1])
        try kit.hear(1, 9, 39_000)
        #expect(kit.hops(to: 9) == [1, 9])
        try kit.hear(1, 9, 56_000)
        #expect(kit.hops(to: 9) == [1, 9], "it is not left for a little")
        try kit.hear(1, 9, 57_000)
        #expect(kit.hops(to: 9) == [9, 1])
        try kit.hear(1, 9, 1000, hops: 5)
        #expect(kit.hops(to: 9) == [9, 1], "more links than messages are sent around over")
        try kit.hear(1, 9, 1000, hops: 4)
        #expect(kit.hops(to: 9) == [1, 9])
        kit.down(1)
        #expect(kit.hops(to: 9) == [9])
    }

    @Test func aLinkKeepsItsPlaceAmongBetterWays() throws {
        let kit = try Kit()
        kit.up(9, cost: 100_000)
        for neighbour in UInt8(1)...4 {
            kit.up(neighbour)
            try kit.hear(neighbour, 9, 10_000 + UInt64(neighbour))
        }
        #expect(kit.hops(to: 9) == [1, 9, 2, 3])
    }

    /// Whoever flatters itself gets what is for its neighbours once.
    @Test func aWayAroundThatDoesNotDeliverIsLeft() throws {
        let kit = try Kit()
        kit.up(9, cost: 100_000)
        kit.up(1, cost: 10_000)
        try kit.hear(1, 9, 1)
        #expect(kit.hops(to: 9) == [1, 9])
        kit.act { $0.lost(to: Kit.peer(9), via: Kit.peer(1), now: $1, wallNow: $2) }
        #expect(kit.hops(to: 9) == [9, 1])
        kit.pass(.seconds(120))
        #expect(kit.hops(to: 9).first == 9)
    }

    /// However bad the link is; and the way is tried again when it has been a while.
    @Test func aWayAroundIsLeftForAWhileByWhatIsLostOnIt() throws {
        let kit = try Kit()
        kit.up(9, cost: 20_000_000)
        kit.up(1, cost: 10_000)
        try kit.hear(1, 9, 1)
        #expect(kit.hops(to: 9) == [1, 9])
        kit.act { $0.lost(to: Kit.peer(9), via: Kit.peer(1), now: $1, wallNow: $2) }
        #expect(kit.hops(to: 9) == [9, 1])
        kit.pass(.seconds(31))
        #expect(kit.hops(to: 9) == [1, 9])
        for _ in 0..<3 {
            kit.act { $0.lost(to: Kit.peer(9), via: Kit.peer(1), now: $1, wallNow: $2) }
        }
        kit.pass(.seconds(61))
        #expect(kit.hops(to: 9) == [9, 1])
    }

    @Test func aWayThatIsTooLongHidesNoOther() throws {
        let kit = try Kit()
        kit.up(9, cost: 1_000_000)
        for neighbour in UInt8(1)...2 { kit.up(neighbour, cost: 10_000) }
        try kit.hear(1, 9, 1, hops: 8)
        try kit.hear(2, 9, 10_000)
        #expect(kit.hops(to: 9).first == 2)
    }

    @Test func aLinkThatComesUpIsTakenUnlessItIsTwiceAsBad() throws {
        let kit = try Kit()
        kit.up(1, cost: 10_000)
        try kit.hear(1, 9, 50_000)
        #expect(kit.hops(to: 9) == [1])
        kit.up(9, cost: 95_000)
        #expect(kit.hops(to: 9) == [9, 1])
        kit.down(9)
        kit.up(9, cost: 125_000)
        #expect(kit.hops(to: 9) == [1, 9])
    }

    @Test func howLongAWayAroundIsIsToldWhenItChanges() throws {
        let kit = try Kit()
        kit.up(9, cost: 100_000)
        kit.up(1, cost: 10_000)
        try kit.hear(1, 9, 1000)
        #expect(kit.nextHops(to: Kit.peer(9)).first?.hops == 2)
        kit.forgetTold()
        try kit.hear(1, 9, 1000, hops: 3)
        #expect(!kit.actions.contains(.changed(Kit.peer(9))), "it can wait")
        kit.pass(.seconds(31))
        #expect(kit.actions.contains(.changed(Kit.peer(9))))
        #expect(kit.nextHops(to: Kit.peer(9)).first?.hops == 4)
    }

    @Test func thoseOverWhichMessagesGoAreNotTold() throws {
        let kit = try Kit()
        for neighbour in UInt8(1)...3 { kit.up(neighbour) }
        try kit.hear(1, 9, 100_000)
        kit.pass(.seconds(1))
        #expect(kit.update(to: 1, of: 9) == nil)
        #expect(kit.update(to: 2, of: 9)?.way != nil)
        // 2 becomes one of them: what it was told stands, and it is told no more.
        try kit.hear(2, 9, 100_000)
        kit.pass(.seconds(1))
        #expect(kit.update(to: 2, of: 9) == nil)
        try kit.hear(2, 9, 60_000)
        try kit.hear(1, 9, 60_000)
        kit.pass(.seconds(1))
        #expect(kit.update(to: 2, of: 9) == nil)
        #expect(kit.update(to: 3, of: 9)?.way != nil)
        // It withdraws, and may be told again.
        try kit.hear(2, withdraws: 9)
        kit.pass(.seconds(1))
        #expect(kit.update(to: 2, of: 9)?.way != nil)
        // Without a route there is nothing that stands.
        try kit.hear(2, 9, 60_000)
        kit.pass(.seconds(1))
        try kit.hear(1, withdraws: 9)
        try kit.hear(2, withdraws: 9)
        kit.pass(.seconds(1))
        #expect(kit.update(to: 2, of: 9) == RouteUpdate(withdrawing: Kit.peer(9)))
    }

    @Test func aLeafWritesAndTellsNothing() throws {
        let kit = try Kit()
        kit.up(1)
        kit.actions = []
        try kit.hear(1, 9, 5000)
        kit.pass(.seconds(1))
        #expect(kit.disk.rows(of: RoutingTables.distances) == [])
        #expect(kit.update(to: 1, of: 9) == nil)
        #expect(kit.report(of: Kit.peer(9))?.isTold == false)
    }

    @Test func aRouteHasTenLinksAtMost() throws {
        let kit = try Kit()
        kit.up(1)
        kit.up(2)
        try kit.hear(1, 9, 5000, hops: 9)
        try kit.hear(1, 8, 5000, hops: 8)
        kit.pass(.seconds(1))
        #expect(kit.nextHops(to: Kit.peer(9)).first?.hops == 10)
        // The neighbour's own link would be the eleventh.
        let updates = kit.updates(to: 2)
        #expect(!updates.contains { $0.destination == Kit.peer(9) })
        #expect(updates.contains { $0.destination == Kit.peer(8) })
        try kit.hear(1, 9, 5000, hops: 10)
        #expect(kit.hops(to: 9) == [])
    }

    @Test func aWayThatGetsLongerOrShorterIsTold() throws {
        let kit = try Kit()
        kit.up(1)
        try kit.hear(1, 9, 5000, hops: 2)
        kit.pass(.seconds(31))
        // Also where this node sends nothing itself: others may, over it.
        for (hops, isTold) in [(2, false), (4, true), (1, true)] as [(UInt8, Bool)] {
            kit.actions = []
            try kit.hear(1, 9, 5000, hops: hops)
            kit.pass(.seconds(31))
            #expect(kit.actions.contains(.changed(Kit.peer(9))) == isTold, "\(hops) links behind it")
            #expect(kit.nextHops(to: Kit.peer(9)).map(\.hops) == [Int(hops) + 1])
        }
    }

    @Test func fourRoutesOfADestinationAreKept() throws {
        let kit = try Kit()
        for neighbour in UInt8(1)...6 { kit.up(neighbour) }
        for neighbour in UInt8(1)...4 { try kit.hear(neighbour, 9, 100_000 + UInt64(neighbour) * 1000) }
        try kit.hear(5, 9, 105_000)
        #expect(kit.hops(to: 9) == [1, 2, 3, 4])
        try kit.hear(6, 9, 50_000)
        let candidates = try #require(kit.report(of: Kit.peer(9))?.candidates)
        #expect(candidates.map(\.peer) == [6, 1, 2, 3].map { Kit.peer($0) })
    }

    @Test func itIsSaidWhyARouteIsTaken() throws {
        let kit = try Kit()
        for neighbour in UInt8(1)...4 { kit.up(neighbour) }
        try kit.hear(1, 9, 100_000)
        try kit.hear(2, 9, 102_000)
        kit.pass(.seconds(5))
        try kit.hear(3, 9, 300_000)
        let report = try #require(kit.report(of: Kit.peer(9)))
        #expect(report.candidates.map(\.peer) == [Kit.peer(1), Kit.peer(2), Kit.peer(3)])
        #expect(report.candidates.map(\.reason) == [.first, .balanced, .unfeasible])
        #expect(kit.report(of: Kit.peer(1))?.candidates.map(\.reason) == [.direct])
        #expect(report.candidates[0].age == .seconds(5) && report.candidates[2].age == .zero)
        #expect(report.feasibility?.metric == RouteKit.metric(110_000) && report.isTold)
        #expect(kit.reports.count == 5)
        #expect(kit.report(of: Kit.peer(50)) == nil)
    }

    @Test func theOneInUseIsCalledTheBestOnlyWhereItIs() throws {
        let kit = try Kit()
        for neighbour in UInt8(1)...3 { kit.up(neighbour) }
        func reasons(_ destination: UInt8) -> [RouteReason]? {
            kit.report(of: Kit.peer(destination))?.candidates.map(\.reason)
        }
        try kit.hear(1, 9, 100_000)
        try kit.hear(2, 9, 100_000)
        #expect(reasons(9) == [.first, .balanced], "none is better")
        try kit.hear(2, 9, 99_000)
        #expect(kit.hops(to: 9) == [1, 2] && reasons(9) == [.kept, .balanced])
        try kit.hear(2, 9, 80_000)
        #expect(kit.hops(to: 9) == [2, 1] && reasons(9)?.first == .first)
        // A link is taken though a way over others costs less, until that is much less.
        kit.up(8, cost: 100_000)
        try kit.hear(1, 8, 60_000)
        #expect(kit.hops(to: 8) == [8, 1] && reasons(8)?.first == .direct)
        try kit.hear(1, 8, 30_000)
        #expect(kit.hops(to: 8) == [1, 8] && reasons(8)?.first == .detour)
    }
}
