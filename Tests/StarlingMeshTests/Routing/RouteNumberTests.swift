import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

/// Whom a higher number reaches, and when.
@Suite struct RouteNumberTests {
    typealias Kit = RouteTableKit

    /// A table that tells 9 to its neighbours 2 and 3 at 15,000, by way of 1; what was told is forgotten.
    private static func told() throws -> Kit {
        let kit = try Kit()
        for neighbour in UInt8(1)...3 { kit.up(neighbour) }
        try kit.hear(1, 9, 5000)
        // The first digests are over.
        kit.pass(.seconds(60))
        kit.forgetTold()
        return kit
    }

    private static func proof(_ sequence: UInt64, laterBy duration: Duration) -> RouteProof {
        let end = Kit.wall.millisecondsSince1970 + (RouteProof.lifetime + duration).milliseconds
        return RouteProof(
            number: sequence,
            expires: WallTime(millisecondsSince1970: end),
            from: Kit.key(9)
        )
    }

    private static func request(_ number: UInt64) -> NumberRequest {
        NumberRequest(destination: Kit.peer(9), number: number, hopLimit: 5)
    }

    @Test func whoAskedForANumberIsToldItAtOnceAndOthersWithADigest() throws {
        let kit = try Self.told()
        try kit.ask(3, Self.request(2))
        kit.forgetTold()
        try kit.hear(1, 9, 5000, number: 2)
        #expect(kit.update(to: 3, of: 9)?.proof == Kit.proof(9, 2))
        #expect(kit.frames(to: 2).isEmpty)
        kit.pass(.seconds(51))
        let frame = try #require(kit.frames(to: 2).first { !$0.updates.isEmpty })
        #expect(frame.updates.map(\.proof) == [Kit.proof(9, 2)] && frame.digest != nil)
        #expect(kit.updates(to: 3).isEmpty, "it has that")
    }

    @Test func numbersThatNobodyAskedForAreToldEachTwoMinutes() throws {
        let kit = try Self.told()
        try kit.hear(1, 9, 5000, number: 2)
        kit.pass(.seconds(51))
        #expect(kit.update(to: 2, of: 9)?.proof?.number == 2)
        for number in UInt64(3)...5 {
            try kit.hear(1, 9, 5000, number: number)
            kit.pass(.seconds(20))
        }
        #expect(kit.updates(to: 2).isEmpty)
        kit.pass(.seconds(120))
        #expect(kit.updates(to: 2).compactMap(\.proof?.number) == [5])
    }

    @Test func aNumberGoesAlongWithOtherNewsOfTheRoute() throws {
        let kit = try Self.told()
        try kit.hear(1, 9, 5000, number: 2)
        #expect(kit.frames(to: 2).isEmpty)
        try kit.hear(1, 9, 50_000, number: 2)
        let update = try #require(kit.update(to: 2, of: 9))
        #expect(update.proof?.number == 2 && update.way?.metric == RouteKit.metric(60_000))
        kit.pass(.seconds(180))
        #expect(kit.updates(to: 2).isEmpty, "it is told once")
    }

    @Test func aProofThatEndsLaterGoesAlongWithTheNextFrame() throws {
        let kit = try Self.told()
        let way = RouteKit.way(5000, hops: 1)
        try kit.hear(1, [RouteUpdate(way, proof: Self.proof(2, laterBy: .seconds(3600)))])
        #expect(kit.frames(to: 2).isEmpty, "not by itself")
        let frame = try #require(kit.frame(to: 2, isSentAnyway: true))
        #expect(frame.updates.map(\.proof?.number) == [2])
    }

    /// Who has told nobody of a number has promised nothing: the other routes can be used still.
    @Test func aNumberThatNobodyWasToldMakesNoRouteUnfeasible() throws {
        let kit = try Self.told()
        try kit.hear(2, 9, 6000)
        #expect(kit.hops(to: 9) == [1, 2])
        try kit.hear(1, 9, 5000, number: 2)
        #expect(kit.hops(to: 9) == [1, 2])
        #expect(kit.report(of: Kit.peer(9))?.feasibility?.number == 1)
        // Once it is told they cannot, and what is told is on the disk before.
        kit.writes = false
        try kit.ask(3, Self.request(2))
        #expect(kit.hops(to: 9) == [1] && kit.updates(to: 3).isEmpty)
        #expect(kit.report(of: Kit.peer(9))?.feasibility?.number == 2)
        kit.writes = true
        kit.write()
        kit.settle()
        kit.pass(.milliseconds(50))
        #expect(kit.update(to: 3, of: 9)?.proof?.number == 2)
        try kit.hear(2, 9, 6000, number: 2)
        #expect(kit.hops(to: 9) == [1, 2])
    }

    /// What changes all the time is told when it has come to rest; who asked does not wait for that.
    @Test func anAnswerDoesNotWaitForTheRest() throws {
        let kit = try Self.told()
        // Its metric rises and falls until the pause is the longest.
        for round in 0..<40 {
            try kit.hear(1, 8, round % 2 == 0 ? 5000 : 500_000)
            kit.pass(.milliseconds(60))
        }
        try kit.hear(1, 8, 5000)
        kit.forgetTold()
        try kit.ask(2, Kit.peer(9))
        kit.pass(.milliseconds(60))
        #expect(kit.updates(to: 2).map(\.destination) == [Kit.peer(9)])
    }

    // MARK: Asking

    @Test func theBestIsAskedFirstAndThenAll() throws {
        let kit = try Kit()
        for neighbour in UInt8(1)...4 { kit.up(neighbour) }
        try kit.hear(1, 9, 5000)
        kit.pass(.seconds(1))
        try kit.hear(2, 9, 40_000)
        try kit.hear(3, 9, 30_000)
        kit.forgetTold()
        kit.down(1)
        func asked() -> [UInt8] {
            (UInt8(2)...4).filter { neighbour in
                kit.frames(to: neighbour).contains { !$0.numberRequests.isEmpty }
            }
        }
        #expect(asked() == [3])
        kit.pass(.seconds(1))
        #expect(asked() == [2, 3])
    }

    /// Neighbours that have not heard of the number could not tell whether anybody would answer.
    @Test func aRequestAfterARestartHasTheProofOfTheRunBefore() throws {
        var kit = try Kit()
        for neighbour in UInt8(1)...3 { kit.up(neighbour) }
        try kit.hear(1, 9, 5000, number: 7)
        kit.pass(.seconds(1))
        kit = try Kit(memory: .kept, disk: kit.disk)
        kit.up(2)
        try kit.hear(2, 9, 6000, number: 3)
        let asked = kit.frames(to: 2).flatMap(\.numberRequests)
        #expect(asked.map(\.number) == [8] && asked.map(\.proof) == [Kit.proof(9, 7)])
    }

    // MARK: This node's numbers

    @Test func aNumberThatIsAskedForEndsWithTheOneBefore() throws {
        let kit = try Kit()
        kit.up(1)
        kit.pass(.seconds(1))
        let first = try #require(kit.updates(to: 1).compactMap(\.proof).last)
        kit.pass(.seconds(600))
        kit.forgetTold()
        let request = NumberRequest(destination: MessageKit.alice.peerID, number: kit.number + 1, hopLimit: 1)
        try kit.ask(1, request)
        let second = try #require(kit.updates(to: 1).compactMap(\.proof).last)
        #expect(second.number == first.number + 1 && second.expires == first.expires)
        // The renewal is not put off by it.
        kit.pass(.seconds(3600 - 601 + 51))
        let third = try #require(kit.updates(to: 1).compactMap(\.proof).last)
        #expect(third.number == first.number + 2 && third.expires > first.expires)
    }

    @Test func whoAsksTooOftenIsAnsweredLater() throws {
        let kit = try Kit()
        kit.up(1)
        let first = kit.number
        func askForNext() throws {
            try kit.ask(
                1,
                NumberRequest(destination: MessageKit.alice.peerID, number: kit.number + 1, hopLimit: 1)
            )
        }
        for _ in 0..<20 { try askForNext() }
        #expect(kit.number == first + 8)
        kit.forgetTold()
        kit.pass(.seconds(2))
        #expect(kit.number == first + 9, "the one that was asked for, and no more")
        #expect(kit.updates(to: 1).compactMap(\.proof?.number).last == first + 9)
    }
}
