import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

/// What neighbours can make grow, and what becomes of those that do not keep their word.
@Suite struct RouteLimitTests {
    typealias Kit = RouteTableKit

    private static func kit(destinations: Int, held: Int = 100, sole: Int = 100) throws -> Kit {
        var limits = RouteTable.Limits()
        (limits.destinationCountMax, limits.heldCountMax, limits.soleCountMax) = (destinations, held, sole)
        let kit = try Kit(limits)
        kit.up(1)
        kit.up(2)
        return kit
    }

    private static func known(_ kit: Kit) -> [UInt8] {
        (UInt8(10)...50).filter { !kit.hops(to: $0).isEmpty }
    }

    // MARK: Destinations

    @Test func theNearestDestinationsStay() throws {
        let kit = try Self.kit(destinations: 6)
        for destination in UInt8(10)...13 { try kit.hear(1, destination, UInt64(destination) * 10_000) }
        #expect(Self.known(kit) == [10, 11, 12, 13])
        try kit.hear(1, 14, 125_000)
        #expect(Self.known(kit) == [10, 11, 12, 13])
        kit.pass(.seconds(1))
        try kit.hear(1, 15, 20_000)
        #expect(Self.known(kit) == [10, 11, 12, 15])
        kit.pass(.seconds(1))
        // The one that gave way is told no more.
        #expect(kit.update(to: 2, of: 13) == RouteUpdate(withdrawing: Kit.peer(13)))
        #expect(kit.tableFills.allSatisfy { !$0.isOverfull })
    }

    @Test func thoseInUseAndNeighboursStay() throws {
        let kit = try Self.kit(destinations: 6)
        for destination in UInt8(10)...13 { try kit.hear(1, destination, UInt64(destination) * 10_000) }
        #expect(kit.find(13) == [1])
        try kit.hear(1, 15, 20_000)
        #expect(Self.known(kit) == [10, 11, 13, 15])
        // Ten minutes later it is as the others.
        for _ in 0..<20 {
            kit.pass(.seconds(30))
            try kit.hearDigest(1)
        }
        try kit.hear(1, 16, 20_000)
        #expect(Self.known(kit) == [10, 11, 15, 16])
        for neighbour in UInt8(3)...8 { kit.up(neighbour) }
        #expect(Self.known(kit) == [] && kit.destinationCount == 8)
        kit.down(3)
        #expect(kit.hops(to: 4) == [4])
    }

    @Test func oneThatIsLookedForIsTakenHoweverFar() throws {
        let kit = try Self.kit(destinations: 6)
        for destination in UInt8(10)...13 { try kit.hear(1, destination, UInt64(destination) * 10_000) }
        #expect(kit.find(20) == [])
        try kit.hear(1, 20, 3_000_000)
        #expect(Self.known(kit) == [10, 11, 12, 20])
    }

    @Test func noNeighbourFillsTheTable() throws {
        let kit = try Self.kit(destinations: 30, sole: 10)
        for destination in UInt8(10)...40 { try kit.hear(1, destination, 5000) }
        // Its own place counts as one that it alone tells.
        #expect(Self.known(kit).count == 9)
        for destination in UInt8(20)...29 { try kit.hear(2, destination, 500_000) }
        #expect(Self.known(kit).count == 18)
    }

    @Test func whatWasLeftOutIsAskedForWhenThereIsRoom() throws {
        let kit = try Self.kit(destinations: 18)
        for destination in UInt8(10)...30 { try kit.hear(1, destination, 5000) }
        #expect(Self.known(kit).count == 16)
        for destination in UInt8(10)...20 { try kit.hear(1, withdraws: destination) }
        kit.forgetTold()
        kit.pass(.seconds(31))
        #expect(kit.frames(to: 1).flatMap(\.routeRequests) == [RouteRequest(destination: nil)])
        kit.pass(.seconds(60))
        #expect(kit.frames(to: 1).flatMap(\.routeRequests) == [])
    }

    /// Destinations that come and go leave what was told of them, and that has a limit too.
    @Test func whatIsRememberedOfThoseThatWentIsBounded() throws {
        let kit = try Self.kit(destinations: 4, held: 3)
        for destination in UInt8(10)...20 {
            try kit.hear(1, destination, 5000)
            kit.pass(.seconds(1))
            try kit.hear(1, withdraws: destination)
            kit.pass(.seconds(1))
            #expect(kit.tableFills.allSatisfy { !$0.isOverfull })
        }
        try kit.hear(1, 30, 5000)
        #expect(kit.hops(to: 30) == [])
        // A neighbour has a place always, and ten minutes later everybody.
        kit.up(40)
        #expect(kit.hops(to: 40) == [40])
        kit.pass(.seconds(640))
        try kit.hear(1, 30, 5000)
        #expect(kit.hops(to: 30) == [1])
    }

    @Test func linksAreBounded() throws {
        var limits = RouteTable.Limits()
        limits.linkCountMax = 3
        let kit = try Kit(limits)
        for neighbour in UInt8(1)...4 { kit.up(neighbour) }
        #expect(kit.hops(to: 3) == [3] && kit.hops(to: 4) == [])
        kit.down(1)
        kit.up(4)
        #expect(kit.hops(to: 4) == [4])
        // One that is remembered for what it did gives way too.
        try kit.hear(2, 9, 5000)
        kit.act { $0.lost(to: Kit.peer(9), via: Kit.peer(2), now: $1, wallNow: $2) }
        kit.down(2)
        kit.up(5)
        #expect(kit.hops(to: 5) == [5])
        #expect(kit.tableFills.allSatisfy { !$0.isOverfull })
    }

    // MARK: Rates

    @Test func whoTellsTooMuchIsReadLater() throws {
        let kit = try Kit()
        kit.up(1)
        let proof = Kit.proof(9)
        func tell(_ count: Int) throws {
            for _ in 0..<count { try kit.hear(1, [RouteUpdate(RouteKit.way(5000, hops: 1), proof: proof)]) }
        }
        try tell(4000)
        #expect(kit.pausesReading(of: 1) == nil)
        try tell(1092)
        let until = try #require(kit.pausesReading(of: 1))
        // 5,092 updates, and one signature that counts for three more: 1,000 in each second.
        #expect(until == kit.now + .seconds(1))
        kit.pass(.seconds(1))
        #expect(kit.pausesReading(of: 1) == nil)
    }

    @Test func whoAsksTooMuchIsAskedForLess() throws {
        let kit = try Kit()
        kit.up(1)
        kit.up(2)
        var frame = RouteFrame()
        var asked = 0
        for _ in 0..<5 {
            frame.routeRequests = (0..<64).map { _ in
                asked += 1
                return RouteRequest(destination: Kit.nobody(asked), hopLimit: 5)
            }
            try kit.hear(1, frame)
        }
        #expect(kit.frames(to: 2).flatMap(\.routeRequests).count == 100)
        kit.pass(.seconds(1))
        frame.routeRequests = (0..<64).map { RouteRequest(destination: Kit.nobody(1000 + $0), hopLimit: 5) }
        try kit.hear(1, frame)
        #expect(kit.frames(to: 2).flatMap(\.routeRequests).count == 4)
    }

    @Test func searchesAreBounded() throws {
        var limits = RouteTable.Limits()
        limits.searchCountMax = 3
        let kit = try Kit(limits)
        kit.up(1)
        for destination in UInt8(10)...14 { #expect(kit.find(destination) == []) }
        #expect(
            kit.actions.contains(.notFound(Kit.peer(10))) && kit.actions.contains(.notFound(Kit.peer(11)))
        )
        #expect(kit.tableFills.allSatisfy { !$0.isOverfull })
    }

    // MARK: Promises

    @Test func oneThatDoesNotDeliverGivesWay() throws {
        let kit = try Kit()
        for neighbour in UInt8(1)...3 { kit.up(neighbour) }
        try kit.hear(1, 9, 1)
        try kit.hear(2, 9, 9000)
        #expect(kit.hops(to: 9) == [1, 2])
        kit.act { $0.lost(to: Kit.peer(9), via: Kit.peer(1), now: $1, wallNow: $2) }
        #expect(kit.hops(to: 9) == [2, 1])
        // It is tried again when the penalty has faded.
        for _ in 0..<60 {
            kit.pass(.seconds(30))
            for neighbour in UInt8(1)...2 { try kit.hearDigest(neighbour) }
        }
        #expect(kit.hops(to: 9) == [1, 2])
    }

    @Test func anAnswerHalvesThePenaltyAndEachLossDoublesIt() throws {
        let kit = try Kit()
        kit.up(1)
        try kit.hear(1, 9, 5000)
        try kit.hear(1, 8, 5000)
        func penalty(_ destination: UInt8) -> UInt32? {
            kit.report(of: Kit.peer(destination))?.candidates.first?.penalty
        }
        // The neighbour's own part is an eighth, for all that it tells.
        kit.act { $0.lost(to: Kit.peer(9), via: Kit.peer(1), now: $1, wallNow: $2) }
        #expect(penalty(9) == 1_125_000 && penalty(8) == 125_000)
        kit.act { $0.lost(to: Kit.peer(9), via: Kit.peer(1), now: $1, wallNow: $2) }
        #expect(penalty(9) == 2_250_000 && penalty(8) == 250_000)
        for _ in 0..<20 { kit.act { $0.lost(to: Kit.peer(9), via: Kit.peer(1), now: $1, wallNow: $2) } }
        let most = RouteTable.Limits().penaltyMax
        #expect((penalty(9) ?? 0) <= 2 * most && (penalty(8) ?? 0) <= most)
        for _ in 0..<40 { kit.act { $0.delivered(to: Kit.peer(9), via: Kit.peer(1), now: $1, wallNow: $2) } }
        #expect(penalty(9) == 0 && penalty(8) == 0)
    }

    /// What others seem to lose may be made up: it counts for the one destination, and no more than so much.
    @Test func whatOthersSeemToLoseCountsForTheDestinationAlone() throws {
        let kit = try Kit()
        for neighbour in UInt8(1)...3 { kit.up(neighbour) }
        for destination in UInt8(8)...9 {
            try kit.hear(1, destination, 1)
            try kit.hear(2, destination, 9000)
        }
        func doubt(_ destination: UInt8) {
            kit.act { $0.doubted(to: Kit.peer(destination), via: Kit.peer(1), now: $1, wallNow: $2) }
        }
        func penalty(_ destination: UInt8) -> UInt32? {
            kit.report(of: Kit.peer(destination))?.candidates.first { $0.peer == Kit.peer(1) }?.penalty
        }
        doubt(9)
        #expect(kit.hops(to: 9) == [2, 1] && kit.hops(to: 8) == [1, 2])
        #expect(penalty(9) == 1_000_000 && penalty(8) == 0)
        for _ in 0..<10 { doubt(9) }
        #expect(penalty(9) == RouteTable.Limits().doubtMax && penalty(8) == 0)
        // What this node has lost itself counts for more, and is not made less by what others seem to lose.
        for _ in 0..<3 { kit.act { $0.lost(to: Kit.peer(9), via: Kit.peer(1), now: $1, wallNow: $2) } }
        let own = penalty(9)
        doubt(9)
        #expect(penalty(9) == own && own ?? 0 > RouteTable.Limits().doubtMax)
        doubt(1)
        #expect(kit.nextHops(to: Kit.peer(1)).first?.metric.microseconds ?? 0 < 1_000_000)
    }

    @Test func aNeighbourIsNotToBlameForItself() throws {
        let kit = try Kit()
        kit.up(1)
        kit.act { $0.lost(to: Kit.peer(1), via: Kit.peer(1), now: $1, wallNow: $2) }
        #expect(kit.nextHops(to: Kit.peer(1)).first?.metric.microseconds == 10_000)
    }

    /// A flatterer has made everything else unfeasible; a higher number undoes that.
    @Test func oneThatFlattersItselfIsFoundOut() throws {
        let kit = try Kit()
        for neighbour in UInt8(1)...3 { kit.up(neighbour) }
        try kit.hear(1, 9, 1)
        kit.pass(.seconds(1))
        try kit.hear(2, 9, 50_000)
        #expect(kit.hops(to: 9) == [1])
        kit.forgetTold()
        kit.act { $0.lost(to: Kit.peer(9), via: Kit.peer(1), now: $1, wallNow: $2) }
        #expect(kit.frames(to: 2).flatMap(\.numberRequests).map(\.number) == [2])
        try kit.hear(1, 9, 1, number: 2)
        try kit.hear(2, 9, 50_000, number: 2)
        #expect(kit.hops(to: 9).first == 2)
    }

    /// Routes that cannot be used take all places; the one that can be is not kept, until a higher number is told.
    @Test func whatCannotBeUsedKeepsNobodyOut() throws {
        let kit = try Kit()
        for neighbour in UInt8(1)...5 { kit.up(neighbour) }
        try kit.hear(1, 9, 1)
        kit.pass(.seconds(1))
        for neighbour in UInt8(2)...4 { try kit.hear(neighbour, 9, 50_000) }
        try kit.hear(5, 9, 60_000)
        #expect(kit.report(of: Kit.peer(9))?.candidates.count == 4)
        kit.forgetTold()
        kit.act { $0.lost(to: Kit.peer(9), via: Kit.peer(1), now: $1, wallNow: $2) }
        #expect(kit.frames(to: 5).flatMap(\.numberRequests).map(\.number) == [2])
        #expect(kit.hops(to: 9) == [1])
        try kit.hear(5, 9, 60_000, number: 2)
        #expect(kit.hops(to: 9).first == 5)
    }
}
