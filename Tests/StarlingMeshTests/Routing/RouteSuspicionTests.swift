import StarlingCore
import StarlingMesh
import Testing

/// Neighbours that answer nothing, as liveness has found out itself.
@Suite struct RouteSuspicionTests {
    typealias Kit = RouteTableKit

    private static func suspect(_ kit: Kit, _ neighbour: UInt8, _ suspicion: NeighbourSuspicion) {
        kit.act { $0.suspected(Kit.peer(neighbour), suspicion, now: $1, wallNow: $2) }
    }

    private static func suspicion(_ kit: Kit, of neighbour: UInt8, to destination: UInt8) -> UInt32? {
        kit.report(of: Kit.peer(destination))?.candidates.first { $0.peer == Kit.peer(neighbour) }?.suspicion
    }

    private static func requests(_ kit: Kit, to neighbour: UInt8) -> [UInt64] {
        kit.frames(to: neighbour).flatMap(\.numberRequests).map(\.number)
    }

    /// A table that reaches 9 over 1 at 15,000, and over 2 at `spare` and the link's 10,000.
    private static func kit(spare: UInt64) throws -> Kit {
        let kit = try Kit()
        for neighbour in UInt8(1)...3 { kit.up(neighbour) }
        try kit.hear(1, 9, 5000)
        kit.pass(.seconds(1))
        try kit.hear(2, 9, spare)
        kit.pass(.seconds(2))
        kit.forgetTold()
        return kit
    }

    @Test func whoIsSilentGivesWayAtOnceAndHasItsPlaceAgainAtOnce() throws {
        let kit = try Self.kit(spare: 14_000)
        #expect(kit.hops(to: 9) == [1, 2])
        Self.suspect(kit, 1, .silent)
        #expect(kit.hops(to: 9) == [2, 1])
        #expect(kit.actions.contains(.changed(Kit.peer(9))))
        Self.suspect(kit, 1, .none)
        #expect(kit.hops(to: 9) == [1, 2])
        #expect(Self.suspicion(kit, of: 1, to: 9) == 0)
    }

    @Test func aSilenceCountsAsLongAsItLastsAndDoesNotFade() throws {
        let kit = try Self.kit(spare: 14_000)
        Self.suspect(kit, 1, .silent)
        kit.pass(.seconds(200))
        #expect(Self.suspicion(kit, of: 1, to: 9) == 1_000_000 && kit.hops(to: 9) == [2, 1])
        Self.suspect(kit, 1, .silent)
        #expect(Self.suspicion(kit, of: 1, to: 9) == 1_000_000, "said again, it is no more")
        Self.suspect(kit, 1, .dead)
        #expect(Self.suspicion(kit, of: 1, to: 9) == 60_000_000)
        Self.suspect(kit, 1, .silent)
        #expect(Self.suspicion(kit, of: 1, to: 9) == 1_000_000)
        let candidate = kit.report(of: Kit.peer(9))?.candidates.first { $0.peer == Kit.peer(1) }
        #expect(candidate?.penalty == 0 && candidate?.metric == RouteKit.metric(1_015_000))
    }

    /// Over others it may be reached still, and the link stays.
    @Test func aSilentNeighbourItselfIsReachedOverOthers() throws {
        let kit = try Kit()
        for neighbour in [UInt8(1), 2, 9] { kit.up(neighbour, cost: 20_000) }
        try kit.hearSelf(9)
        try kit.hear(1, 9, 19_000)
        #expect(kit.hops(to: 9) == [9, 1])
        Self.suspect(kit, 9, .silent)
        #expect(kit.hops(to: 9) == [1, 9])
        #expect(kit.report(of: Kit.peer(9))?.candidates.map(\.reason) == [.detour, .spare])
        Self.suspect(kit, 9, .none)
        #expect(kit.hops(to: 9) == [9, 1])
        // Both are as bad: the link goes first.
        Self.suspect(kit, 9, .silent)
        Self.suspect(kit, 1, .silent)
        #expect(kit.hops(to: 9) == [9, 1])
    }

    /// The neighbour may have answered over its link, which it does not know to be dead.
    @Test func whatIsLostOnTheWayDoesNotBringItBackToASilentLink() throws {
        let kit = try Kit()
        for neighbour in [UInt8(1), 2, 9] { kit.up(neighbour, cost: 20_000) }
        try kit.hearSelf(9)
        try kit.hear(1, 9, 19_000)
        Self.suspect(kit, 9, .silent)
        for _ in 1...4 {
            kit.act { $0.lost(to: Kit.peer(9), via: Kit.peer(1), now: $1, wallNow: $2) }
            #expect(kit.hops(to: 9) == [1, 9])
        }
        // Another way that loses nothing is better.
        try kit.hear(2, 9, 18_000)
        #expect(kit.hops(to: 9).first == 2)
        Self.suspect(kit, 9, .none)
        #expect(kit.hops(to: 9).first == 9)
    }

    @Test func othersAreToldOfASilenceThatLasts() throws {
        let kit = try Kit()
        for neighbour in UInt8(1)...2 { kit.up(neighbour) }
        try kit.hear(1, 9, 5000)
        kit.pass(.seconds(5))
        kit.forgetTold()
        Self.suspect(kit, 1, .silent)
        kit.pass(.milliseconds(1900))
        #expect(kit.update(to: 2, of: 9) == nil)
        kit.pass(.milliseconds(200))
        #expect(kit.update(to: 2, of: 9)?.way?.metric == RouteKit.metric(1_015_000))
        Self.suspect(kit, 1, .none)
        kit.pass(.seconds(5))
        #expect(kit.update(to: 2, of: 9)?.way?.metric == RouteKit.metric(15_000))
        // One that does not last is told nobody.
        Self.suspect(kit, 1, .silent)
        kit.pass(.seconds(1))
        Self.suspect(kit, 1, .none)
        kit.pass(.seconds(5))
        #expect(kit.update(to: 2, of: 9) == nil)
        // Nor of a death: it may be another's word.
        Self.suspect(kit, 1, .dead)
        kit.pass(.milliseconds(1900))
        #expect(kit.update(to: 2, of: 9) == nil)
        kit.pass(.milliseconds(200))
        #expect(kit.update(to: 2, of: 9)?.way?.metric == RouteKit.metric(60_015_000))
        // Of one who has been silent for longer it is told at once.
        Self.suspect(kit, 1, .none)
        kit.pass(.seconds(5))
        Self.suspect(kit, 1, .silent)
        kit.pass(.seconds(3))
        _ = kit.updates(to: 2)
        Self.suspect(kit, 1, .dead)
        kit.pass(.milliseconds(100))
        #expect(kit.update(to: 2, of: 9)?.way?.metric == RouteKit.metric(60_015_000))
    }

    @Test func aHigherNumberIsAskedForWhenTheSilenceLasts() throws {
        let kit = try Self.kit(spare: 20_000)
        #expect(kit.hops(to: 9) == [1])
        Self.suspect(kit, 1, .silent)
        kit.pass(.milliseconds(1900))
        #expect(Self.requests(kit, to: 2) == [])
        kit.pass(.milliseconds(200))
        #expect(Self.requests(kit, to: 2) == [2])
        try kit.hear(2, 9, 20_000, number: 2)
        #expect(kit.hops(to: 9) == [2])
        let other = try Self.kit(spare: 20_000)
        Self.suspect(other, 1, .silent)
        other.pass(.seconds(1))
        Self.suspect(other, 1, .none)
        other.pass(.seconds(20))
        #expect(Self.requests(other, to: 2) == [])
        Self.suspect(other, 1, .dead)
        other.pass(.milliseconds(2100))
        #expect(Self.requests(other, to: 2) == [2])
    }

    @Test func anotherConnectionBeginsWithoutSuspicion() throws {
        let kit = try Self.kit(spare: 14_000)
        Self.suspect(kit, 1, .dead)
        kit.down(1)
        // Nobody is suspected who is not there.
        Self.suspect(kit, 1, .dead)
        Self.suspect(kit, 50, .dead)
        kit.up(1)
        try kit.hear(1, 9, 5000)
        #expect(Self.suspicion(kit, of: 1, to: 9) == 0 && kit.hops(to: 9).first == 1)
    }

    @Test(arguments: [false, true]) func whatGaveWayMeanwhileIsAskedFor(givesWay: Bool) throws {
        var limits = RouteTable.Limits()
        limits.entryCountMax = 2
        let kit = try Kit(limits)
        for neighbour in UInt8(1)...3 { kit.up(neighbour) }
        try kit.hear(1, 9, 5000)
        try kit.hear(2, 9, 6000)
        Self.suspect(kit, 1, .silent)
        if givesWay {
            try kit.hear(3, 9, 7000)
            #expect(kit.hops(to: 9) == [2, 3])
        }
        kit.pass(.milliseconds(100))
        kit.forgetTold()
        Self.suspect(kit, 1, .none)
        let isAsked = kit.frames(to: 1).flatMap(\.routeRequests).contains(RouteRequest(destination: nil))
        #expect(isAsked == givesWay)
        guard givesWay else { return }
        try kit.hear(1, 9, 5000)
        #expect(kit.hops(to: 9) == [2, 1])
    }

    /// Four routes over silent neighbours stand in the way of one that was not kept.
    @Test func whenAllNeighboursThatAreKeptAreSilentTheOthersAreAsked() throws {
        let kit = try Kit()
        for neighbour in UInt8(1)...5 { kit.up(neighbour) }
        for neighbour in UInt8(1)...4 { try kit.hear(neighbour, 9, 1) }
        kit.pass(.seconds(1))
        try kit.hear(5, 9, 50_000)
        kit.forgetTold()
        for neighbour in UInt8(1)...3 { Self.suspect(kit, neighbour, .dead) }
        #expect(Self.requests(kit, to: 5) == [])
        Self.suspect(kit, 4, .dead)
        kit.pass(.milliseconds(2100))
        #expect(Self.requests(kit, to: 5) == [2])
        try kit.hear(5, 9, 50_000, number: 2)
        #expect(kit.hops(to: 9).first == 5)
    }

    /// Each end of each link takes the other one for silent or dead at any time.
    @Test(arguments: UInt64(1)...4) func noSuspicionMakesALoop(seed: UInt64) {
        var fabric = RouteFabric(seed: seed, nodeCount: 12)
        fabric.connectMesh(degree: 4)
        fabric.run(for: .seconds(5))
        for step in 0..<60 {
            if step % 4 == 0 { fabric.change() }
            fabric.suspect(fabric.draws.below(fabric.links.count))
            fabric.run(for: .milliseconds(fabric.draws.below(3000)))
        }
        #expect(fabric.violations == [], "seed \(seed)")
        #expect(fabric.check.checkAll() == nil, "seed \(seed)")
        for link in fabric.links.indices { fabric.acquit(link) }
        fabric.run(for: .seconds(120))
        #expect(fabric.violations == [], "seed \(seed)")
        #expect(fabric.missing.map { "\($0)" } == [], "seed \(seed)")
    }
}
