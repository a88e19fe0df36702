import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

/// Which routes may be used, how a higher number is had, and what is remembered for how long.
@Suite struct RouteFeasibilityTests {
    typealias Kit = RouteTableKit

    /// A table that tells 9 to its neighbour 3 at 15,000, by way of 1; 2 is there too.
    private static func told() throws -> Kit {
        let kit = try Kit()
        for neighbour in UInt8(1)...3 { kit.up(neighbour) }
        try kit.hear(1, 9, 5000)
        kit.pass(.seconds(1))
        kit.forgetTold()
        return kit
    }

    private static func requests(_ kit: Kit, to neighbour: UInt8) -> [NumberRequest] {
        kit.frames(to: neighbour).flatMap(\.numberRequests)
    }

    @Test func aRouteIsFeasibleWhenItIsBetterThanWhatWasTold() throws {
        let kit = try Self.told()
        #expect(kit.report(of: Kit.peer(9))?.feasibility?.metric.microseconds == 15_000)
        try kit.hear(2, 9, 15_000)
        #expect(kit.hops(to: 9) == [1])
        try kit.hear(2, 9, 14_999)
        #expect(kit.hops(to: 9) == [1, 2])
        try kit.hear(3, 9, 999_000, number: 2)
        #expect(kit.hops(to: 9) == [1, 2, 3])
    }

    @Test func anOlderNumberIsNotFeasibleHoweverNear() throws {
        let kit = try Kit()
        for neighbour in UInt8(1)...3 { kit.up(neighbour) }
        try kit.hear(1, 9, 5000, number: 7)
        try kit.hear(2, 9, 1, number: 6)
        #expect(kit.hops(to: 9) == [1])
    }

    /// What a neighbour told once of a route says for ever that it does not lead back.
    @Test func aMetricThatRisesKeepsTheRoute() throws {
        let kit = try Self.told()
        try kit.hear(1, 9, 900_000)
        #expect(kit.hops(to: 9) == [1])
        kit.pass(.seconds(1))
        #expect(kit.update(to: 3, of: 9)?.way?.metric.microseconds == 910_000)
        // Not beyond a withdrawal.
        try kit.hear(1, withdraws: 9)
        try kit.hear(1, 9, 900_000)
        #expect(kit.hops(to: 9) == [])
    }

    @Test func withoutAFeasibleRouteAHigherNumberIsAskedFor() throws {
        let kit = try Self.told()
        try kit.hear(2, 9, 20_000)
        #expect(Self.requests(kit, to: 2) == [])
        kit.down(1)
        #expect(kit.hops(to: 9) == [])
        let asked = Self.requests(kit, to: 2)
        #expect(
            asked == [NumberRequest(destination: Kit.peer(9), number: 2, hopLimit: 10, proof: Kit.proof(9))]
        )
        #expect(kit.update(to: 3, of: 9) == RouteUpdate(withdrawing: Kit.peer(9)))
        try kit.hear(2, 9, 20_000, number: 2)
        #expect(kit.hops(to: 9) == [2])
        kit.pass(.seconds(60))
        #expect(Self.requests(kit, to: 2) == [])
    }

    @Test func itIsAskedForSoonAndThenWithEachDigest() throws {
        let kit = try Self.told()
        try kit.hear(2, 9, 20_000)
        kit.down(1)
        var times: [Int64] = []
        let start = kit.now
        for _ in 0..<12_000 {
            if !Self.requests(kit, to: 2).isEmpty { times.append(start.duration(to: kit.now).milliseconds) }
            kit.pass(.milliseconds(10))
        }
        #expect(times.prefix(7) == [0, 560, 1680, 3920, 8400, 17_360, 35_280])
        let later = times.dropFirst(7)
        #expect(
            later.count == 3 && zip(later, later.dropFirst()).allSatisfy { $1 - $0 == 30_000 },
            "\(times)"
        )
    }

    @Test func aBetterRouteIsAskedForNowAndThen() throws {
        let kit = try Self.told()
        try kit.hear(2, 9, 50_000)
        #expect(Self.requests(kit, to: 2) == [])
        // Twice as good is not enough.
        try kit.hear(1, 9, 110_001)
        #expect(Self.requests(kit, to: 2) == [])
        // The one in use has become far worse than the other.
        try kit.hear(1, 9, 900_000)
        #expect(Self.requests(kit, to: 2).map(\.number) == [2])
        try kit.hear(1, 9, 950_000)
        #expect(Self.requests(kit, to: 2) == [] && Self.requests(kit, to: 1) == [])
        kit.pass(.seconds(10))
        try kit.hear(1, 9, 900_000)
        // In vain the first time: of all then.
        #expect(Self.requests(kit, to: 2).map(\.number) == [2])
        #expect(Self.requests(kit, to: 1).map(\.number) == [2])
        #expect(kit.hops(to: 9) == [1])
    }

    @Test func whatWasToldSurvivesARestart() throws {
        let kit = try Kit(memory: .kept, disk: Self.told().disk)
        for neighbour in UInt8(1)...3 { kit.up(neighbour) }
        try kit.hear(2, 9, 15_000)
        #expect(kit.hops(to: 9) == [])
        try kit.hear(1, 9, 14_999)
        #expect(kit.hops(to: 9) == [1])
    }

    @Test func whatWasToldIsRememberedForTenMinutes() throws {
        let kit = try Self.told()
        try kit.hear(1, withdraws: 9)
        kit.pass(.seconds(590))
        try kit.hear(2, 9, 15_000)
        #expect(kit.hops(to: 9) == [])
        try kit.hear(2, withdraws: 9)
        #expect(kit.disk.rows(of: RoutingTables.distances).count == 1)
        kit.pass(.seconds(45))
        #expect(kit.disk.rows(of: RoutingTables.distances).isEmpty)
        try kit.hear(2, 9, 15_000)
        #expect(kit.hops(to: 9) == [2])
    }

    @Test func whatIsRememberedIsForgottenThoughAWorseRouteIsTold() throws {
        let kit = try Self.told()
        try kit.hear(1, withdraws: 9)
        try kit.hear(2, 9, 15_000)
        for _ in 0..<19 {
            kit.pass(.seconds(30))
            try kit.hearDigest(2)
            #expect(kit.hops(to: 9) == [])
        }
        for _ in 0..<3 {
            kit.pass(.seconds(30))
            try kit.hearDigest(2)
        }
        #expect(kit.hops(to: 9) == [2])
        #expect(kit.disk.rows(of: RoutingTables.distances).count == 1, "what is told now")
    }

    @Test func whileARouteIsToldItIsRememberedForEver() throws {
        let kit = try Self.told()
        for _ in 0..<40 {
            kit.pass(.seconds(30))
            try kit.hearDigest(1)
        }
        #expect(kit.report(of: Kit.peer(9))?.feasibility?.metric.microseconds == 15_000)
    }

    // MARK: Lost distances

    @Test func whoHasLostThemUsesNeighboursOnlyUntilAllIsVoid() throws {
        let kit = try Kit(memory: .lost)
        kit.up(1)
        kit.up(2)
        try kit.hearSelf(1)
        try kit.hear(1, 9, 5000)
        #expect(kit.hops(to: 9) == [] && kit.hops(to: 1) == [1])
        #expect(kit.report(of: Kit.peer(9))?.candidates.first?.reason == .waiting)
        kit.pass(.seconds(1))
        // A neighbour is told: nothing comes behind it.
        let updates = kit.updates(to: 2)
        #expect(updates.contains { $0.destination == Kit.peer(1) })
        #expect(!updates.contains { $0.destination == Kit.peer(9) })
        kit.pass(.seconds(298))
        #expect(kit.hops(to: 9) == [])
        try kit.hearDigest(1)
        kit.pass(.seconds(1))
        #expect(kit.hops(to: 9) == [1])
        #expect(kit.update(to: 2, of: 9)?.way != nil)
    }

    /// A copied identity, or a disk that was emptied: who says that it is new is told otherwise by its own signature.
    @Test func whoHasForgottenThatItHasAPastWaitsToo() throws {
        let kit = try Kit(memory: .fresh)
        kit.up(1)
        try kit.hear(1, 9, 5000)
        #expect(kit.hops(to: 9) == [1])
        let proof = RouteProof(number: 500, expires: RouteKit.expires, from: MessageKit.alice)
        try kit.hear(1, [RouteUpdate(RouteKit.way(5000, hops: 2), proof: proof)])
        #expect(kit.hops(to: 9) == [] && kit.number == 501)
        for _ in 0..<10 {
            kit.pass(.seconds(30))
            try kit.hearDigest(1)
        }
        kit.pass(.seconds(1))
        #expect(kit.hops(to: 9) == [1])
    }

    @Test func aWaitThatWasCutShortBeginsAgain() throws {
        var kit = try Kit(memory: .lost)
        kit.pass(.seconds(200))
        kit = try Kit(memory: .kept, disk: kit.disk)
        kit.up(1)
        try kit.hear(1, 9, 5000)
        for _ in 0..<9 {
            kit.pass(.seconds(30))
            try kit.hearDigest(1)
        }
        #expect(kit.hops(to: 9) == [])
        kit.pass(.seconds(31))
        #expect(kit.hops(to: 9) == [1])
        // One that is over is over.
        kit = try Kit(memory: .kept, disk: kit.disk)
        kit.up(1)
        try kit.hear(1, 9, 5000)
        #expect(kit.hops(to: 9) == [1])
    }

    @Test(arguments: [
        StoreRow(key: StoreKey(RoutingTables.distances, [1, 2]), value: []),
        StoreRow(key: StoreKey(RoutingTables.distances, Kit.peer(9).multihash), value: [8, 1]),
        StoreRow(key: StoreKey(RoutingTables.numbers, 1), value: []),
        StoreRow(key: StoreKey(RoutingTables.numbers, 3), value: []),
    ]) func aRowThatCannotBeReadIsALoss(row: StoreRow) throws {
        let kit = try Kit()
        let limits = RouteTable.Limits()
        var table = RouteTable(identity: MessageKit.alice, limits: limits, now: kit.now)
        #expect(throws: RouteRowError.self) { try table.restore(row, now: kit.now) }
        table.begin(.kept, now: kit.now, wallNow: kit.wallNow)
        kit.table = table
        kit.settle()
        kit.up(1)
        try kit.hear(1, 9, 5000)
        #expect(kit.hops(to: 9) == [])
    }
}
