import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

/// Neighbours that tell, ask and hang up as it suits them.
@Suite struct RouteHostilityTests {
    typealias Kit = RouteTableKit

    private static func kit(_ limits: RouteTable.Limits = .init(), neighbours: ClosedRange<UInt8>) throws
        -> Kit
    {
        let kit = try Kit(limits)
        for neighbour in neighbours { kit.up(neighbour) }
        return kit
    }

    private static func penalty(_ kit: Kit, of neighbour: UInt8, to destination: UInt8) -> UInt32? {
        kit.report(of: Kit.peer(destination))?.candidates.first { $0.peer == Kit.peer(neighbour) }?.penalty
    }

    private static func lose(_ kit: Kit, _ destination: UInt8, via neighbour: UInt8) {
        kit.act { $0.lost(to: Kit.peer(destination), via: Kit.peer(neighbour), now: $1, wallNow: $2) }
    }

    // MARK: Metrics

    @Test(arguments: [3_435_973_837, 3_440_000_000, 3_599_990_000] as [UInt64])
    func theHighestMetricsAreCompared(metric: UInt64) throws {
        let kit = try Self.kit(neighbours: 1...3)
        try kit.hear(1, 9, metric)
        try kit.hear(2, 9, metric)
        #expect(kit.hops(to: 9).sorted() == [1, 2])
    }

    // MARK: Places

    /// Destinations that come and go with one neighbour take no more places than those that it tells at once.
    @Test func whatANeighbourHasTakenBackCountsAsItsOwn() throws {
        var limits = RouteTable.Limits()
        (limits.destinationCountMax, limits.heldCountMax, limits.soleCountMax) = (12, 12, 6)
        let kit = try Self.kit(limits, neighbours: 1...2)
        for destination in UInt8(10)...40 {
            try kit.hear(1, destination, 5000)
            kit.pass(.milliseconds(100))
            try kit.hear(1, withdraws: destination)
        }
        // Others have room.
        try kit.hear(2, 50, 5000)
        #expect(kit.hops(to: 50) == [2])
        // It may tell again what it has told, but nothing else, also when it comes again.
        try kit.hear(1, 10, 5000)
        #expect(kit.hops(to: 10) == [1])
        kit.down(1)
        kit.up(1)
        try kit.hear(1, 51, 5000)
        #expect(kit.hops(to: 51) == [])
        try kit.hear(1, 10, 5000)
        #expect(kit.hops(to: 10) == [1])
        kit.pass(.seconds(700))
        try kit.hear(1, 51, 5000)
        #expect(kit.hops(to: 51) == [1])
        #expect(kit.tableFills.allSatisfy { !$0.isOverfull })
    }

    @Test func oneThatIsLookedForFindsAPlaceAmongThoseThatAreRemembered() throws {
        var limits = RouteTable.Limits()
        (limits.destinationCountMax, limits.heldCountMax, limits.soughtCountMax) = (4, 2, 1)
        let kit = try Self.kit(limits, neighbours: 1...2)
        for destination in UInt8(10)...16 {
            try kit.hear(1, destination, 5000)
            kit.pass(.milliseconds(100))
            try kit.hear(1, withdraws: destination)
        }
        try kit.hear(2, 30, 5000)
        #expect(kit.hops(to: 30) == [])
        #expect(kit.find(31) == [])
        try kit.hear(2, 31, 5000)
        #expect(kit.hops(to: 31) == [2])
        #expect(kit.tableFills.allSatisfy { !$0.isOverfull })
    }

    @Test func oneThatIsLookedForOnBehalfOfOthersHasAPlaceForAWhile() throws {
        var limits = RouteTable.Limits()
        limits.destinationCountMax = 6
        let kit = try Self.kit(limits, neighbours: 1...2)
        for destination in UInt8(10)...13 { try kit.hear(1, destination, UInt64(destination) * 10_000) }
        func known() -> [UInt8] { (UInt8(10)...50).filter { !kit.hops(to: $0).isEmpty } }
        try kit.ask(2, Kit.peer(20), hopLimit: 3)
        try kit.hear(1, 20, 3_000_000)
        #expect(known() == [10, 11, 12, 20])
        kit.pass(.seconds(29))
        try kit.hear(1, 15, 20_000)
        #expect(known() == [10, 11, 15, 20])
        kit.pass(.seconds(2))
        try kit.hear(1, 16, 20_000)
        #expect(known() == [10, 11, 15, 16])
    }

    @Test func whatFoundNoPlaceInANeighboursShareIsAskedForWhenItHasRoom() throws {
        var limits = RouteTable.Limits()
        limits.soleCountMax = 3
        let kit = try Self.kit(limits, neighbours: 1...1)
        for destination in UInt8(10)...12 { try kit.hear(1, destination, 5000) }
        #expect(kit.hops(to: 11) == [1] && kit.hops(to: 12) == [])
        kit.forgetTold()
        kit.pass(.seconds(90))
        #expect(kit.frames(to: 1).flatMap(\.routeRequests) == [])
        try kit.hear(1, withdraws: 11)
        kit.pass(.seconds(700))
        #expect(kit.frames(to: 1).flatMap(\.routeRequests).contains(RouteRequest(destination: nil)))
    }

    @Test func aShareThatStaysFullIsNotAskedForAgain() throws {
        var limits = RouteTable.Limits()
        limits.soleCountMax = 3
        let kit = try Self.kit(limits, neighbours: 1...2)
        for destination in UInt8(10)...12 { try kit.hear(1, destination, 5000) }
        kit.forgetTold()
        for _ in 0..<20 {
            try kit.hear(1, withdraws: 11)
            try kit.hear(1, 11, 5000)
            try kit.hear(1, 12, 5000)
            kit.pass(.seconds(30))
        }
        #expect(kit.hops(to: 11) == [1] && kit.hops(to: 12) == [])
        for neighbour in UInt8(1)...2 {
            #expect(!kit.frames(to: neighbour).flatMap(\.routeRequests).contains { $0.destination == nil })
        }
    }

    /// A node that may keep fewer routes than the one before keeps what that has told.
    @Test func aSmallerTableTakesAllDistancesOfTheLastRun() throws {
        let kit = try Self.kit(neighbours: 1...2)
        for destination in UInt8(10)...40 { try kit.hear(1, destination, 5000) }
        kit.pass(.seconds(1))
        var limits = RouteTable.Limits()
        (limits.destinationCountMax, limits.heldCountMax) = (8, 8)
        let next = try Kit(limits, memory: .kept, disk: kit.disk)
        next.up(1)
        try next.hear(1, 10, 4000)
        // After a loss it would wait.
        #expect(next.hops(to: 10) == [1])
        #expect(next.tableFills.allSatisfy { !$0.isOverfull })
    }

    // MARK: Penalties

    @Test(arguments: [false, true]) func aPenaltyIsNotShedByTellingAgain(hangsUp: Bool) throws {
        let kit = try Self.kit(neighbours: 1...3)
        try kit.hear(1, 9, 1)
        Self.lose(kit, 9, via: 1)
        let before = try #require(Self.penalty(kit, of: 1, to: 9))
        if hangsUp {
            kit.down(1)
            kit.up(1)
        } else {
            try kit.hear(1, withdraws: 9)
        }
        try kit.hear(1, 9, 1, number: 2)
        #expect(Self.penalty(kit, of: 1, to: 9) == before)
        // It fades also while nothing is told.
        try kit.hear(1, withdraws: 9)
        for _ in 0..<100 {
            kit.pass(.seconds(30))
            for neighbour in UInt8(1)...3 { try kit.hearDigest(neighbour) }
        }
        try kit.hear(1, 9, 1, number: 3)
        #expect(Self.penalty(kit, of: 1, to: 9) == 0)
    }

    /// Honest routes that were not kept are unfeasible: a higher number makes them feasible.
    @Test func whenAllRoutesFailEverybodyIsAskedForAHigherNumber() throws {
        let kit = try Self.kit(neighbours: 1...6)
        for neighbour in UInt8(1)...4 { try kit.hear(neighbour, 9, 1) }
        kit.pass(.seconds(1))
        try kit.hear(5, 9, 50_000)
        #expect(kit.hops(to: 9).sorted() == [1, 2, 3, 4])
        kit.forgetTold()
        for neighbour in UInt8(1)...3 { Self.lose(kit, 9, via: neighbour) }
        #expect(kit.frames(to: 5).flatMap(\.numberRequests) == [])
        Self.lose(kit, 9, via: 4)
        #expect(kit.frames(to: 5).flatMap(\.numberRequests).map(\.number) == [2])
        try kit.hear(5, 9, 50_000, number: 2)
        #expect(kit.hops(to: 9).first == 5)
    }

    // MARK: Requests

    @Test func numbersAreAnsweredHoweverManyRoutesAreAskedFor() throws {
        let kit = try Self.kit(neighbours: 1...2)
        try kit.hear(2, 9, 5000)
        kit.pass(.seconds(1))
        kit.forgetTold()
        for number in 0..<300 { try kit.ask(1, Kit.nobody(number), hopLimit: 5) }
        #expect(kit.frames(to: 2).flatMap(\.routeRequests).count == 100)
        try kit.ask(1, NumberRequest(destination: Kit.peer(9), number: 2, hopLimit: 5, proof: nil))
        #expect(kit.frames(to: 2).flatMap(\.numberRequests).map(\.number) == [2])
        kit.pass(.seconds(1))
        for number in 300..<400 { try kit.ask(1, Kit.nobody(number), hopLimit: 5) }
        #expect(kit.frames(to: 2).flatMap(\.routeRequests).count == 4)
    }

    @Test func aRequestThatEndsSoonDoesNotStandInTheWayOfOneThatGoesFar() throws {
        let kit = try Self.kit(neighbours: 1...3)
        try kit.hear(3, 9, 5000)
        kit.pass(.seconds(1))
        kit.forgetTold()
        func ask(_ neighbour: UInt8, hopLimit: UInt8) throws -> [UInt8] {
            try kit.ask(
                neighbour,
                NumberRequest(destination: Kit.peer(9), number: 2, hopLimit: hopLimit, proof: nil)
            )
            return kit.frames(to: 3).flatMap(\.numberRequests).map(\.hopLimit)
        }
        #expect(try ask(1, hopLimit: 2) == [1])
        #expect(try ask(2, hopLimit: 2) == [])
        #expect(try ask(2, hopLimit: 255) == [10])
        #expect(try ask(1, hopLimit: 255) == [])
    }

    @Test func theProofThatStandsWithARouteAnswersAlsoWhenManyOthersCame() throws {
        var limits = RouteTable.Limits()
        limits.proofCountMax = 2
        let kit = try Self.kit(limits, neighbours: 1...2)
        try kit.hear(2, 9, 5000, number: 7)
        for destination in UInt8(10)...13 { try kit.hear(2, destination, 5000) }
        kit.pass(.seconds(1))
        kit.forgetTold()
        try kit.ask(1, NumberRequest(destination: Kit.peer(9), number: 8, hopLimit: 5, proof: nil))
        #expect(kit.frames(to: 2).flatMap(\.numberRequests).map(\.number) == [8])
    }

    // MARK: Rates

    @Test func forgedProofsOfTheReaderItselfEndTheStream() throws {
        let kit = try Self.kit(neighbours: 1...2)
        let proof = RouteProof(number: 100, expires: Kit.proof(1).expires, from: MessageKit.alice)
        let way = RouteKit.way(5000, hops: 1)
        var frame = RouteFrame()
        frame.updates = [RouteUpdate(way, proof: proof)]
        // The number stands before the signature.
        let written =
            MessageKit.field(1, 100) + MessageKit.field(2, UInt64(proof.expires.millisecondsSince1970))
        var wire = frame.encoded
        let place = try #require(wire.indices.first { wire[$0...].starts(with: written) })
        wire.replaceSubrange(place..<place + 2, with: MessageKit.field(1, 99))
        var offset = 0
        _ = try Varint.read(wire.span, at: &offset)
        let forged = try RouteKit.parse(Array(wire[offset...]))
        #expect(throws: RouteBreach.invalidProof(.wrongSignature)) { try kit.hear(1, forged) }
        #expect(kit.number < 90)
        try kit.hear(2, [RouteUpdate(way, proof: proof)])
        #expect(kit.number == 101)
    }

    @Test func whoHangsUpHasNoMoreThanBefore() throws {
        let kit = try Self.kit(neighbours: 1...2)
        let proof = Kit.proof(9)
        func tell(_ count: Int) throws {
            for _ in 0..<count { try kit.hear(1, [RouteUpdate(RouteKit.way(5000, hops: 1), proof: proof)]) }
        }
        try tell(4200)
        #expect(kit.pausesReading(of: 1) != nil)
        kit.down(1)
        kit.up(1)
        #expect(kit.pausesReading(of: 1) != nil)
        kit.down(1)
        kit.pass(.seconds(60))
        kit.up(1)
        try tell(4000)
        #expect(kit.pausesReading(of: 1) == nil)
    }
}
