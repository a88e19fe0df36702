import StarlingCore
import StarlingMesh
import Testing

/// What neighbours ask a table for, and what it asks them for.
@Suite struct RouteRequestTests {
    typealias Kit = RouteTableKit

    // MARK: Others' requests

    @Test func aNumberRequestIsPassedOnTowardsTheDestination() throws {
        let kit = try Kit()
        for neighbour in UInt8(1)...3 { kit.up(neighbour) }
        try kit.hear(1, 9, 5000)
        kit.pass(.seconds(1))
        kit.forgetTold()
        let request = NumberRequest(destination: Kit.peer(9), number: 2, hopLimit: 5)
        try kit.ask(3, request)
        var passed = request
        (passed.hopLimit, passed.proof) = (4, Kit.proof(9))
        #expect(kit.frames(to: 1).flatMap(\.numberRequests) == [passed])
        #expect(kit.frames(to: 2).isEmpty && kit.updates(to: 3).isEmpty)
        // The same comes by other ways, and again: not at once.
        try kit.ask(2, request)
        #expect(kit.frames(to: 1).isEmpty)
        kit.pass(.milliseconds(400))
        try kit.ask(3, request)
        #expect(kit.frames(to: 1).flatMap(\.numberRequests) == [passed])
        // Without an answer for two seconds to all whose routes there are, for the first of them answers nothing.
        try kit.hear(2, 9, 9000)
        kit.pass(.seconds(2))
        kit.forgetTold()
        try kit.ask(3, request)
        for neighbour in UInt8(1)...2 {
            #expect(kit.frames(to: neighbour).flatMap(\.numberRequests) == [passed])
        }
        #expect(kit.frames(to: 3).flatMap(\.numberRequests).isEmpty)
        // As far as its limit only.
        try kit.ask(3, NumberRequest(destination: Kit.peer(9), number: 3, hopLimit: 1))
        #expect(kit.frames(to: 1).isEmpty)
    }

    /// A number that nobody could give would stand in the way of those that somebody needs.
    @Test func aRequestThatTheDestinationWouldNotAnswerIsNotPassedOn() throws {
        let kit = try Kit()
        for neighbour in UInt8(1)...3 { kit.up(neighbour) }
        try kit.hear(1, 9, 5000)
        kit.pass(.seconds(1))
        kit.forgetTold()
        try kit.ask(3, NumberRequest(destination: Kit.peer(9), number: 3, hopLimit: 5))
        try kit.ask(
            3,
            NumberRequest(destination: Kit.peer(9), number: 1 << 40, hopLimit: 5, proof: Kit.proof(9))
        )
        let other = Kit.proof(8, 50)
        try kit.ask(3, NumberRequest(destination: Kit.peer(9), number: 51, hopLimit: 5, proof: other))
        #expect(kit.frames(to: 1).isEmpty)
        // It does not delay the one that makes sense, nor does one with the destination's own word for a higher number.
        try kit.ask(2, NumberRequest(destination: Kit.peer(9), number: 2, hopLimit: 5))
        #expect(kit.frames(to: 1).flatMap(\.numberRequests).map(\.number) == [2])
        let proof = Kit.proof(9, 50)
        try kit.ask(2, NumberRequest(destination: Kit.peer(9), number: 51, hopLimit: 5, proof: proof))
        #expect(kit.frames(to: 1).flatMap(\.numberRequests).map(\.number) == [51])
    }

    @Test func aRequestLongAfterAnotherIsNoRepetition() throws {
        let kit = try Kit()
        for neighbour in UInt8(1)...3 { kit.up(neighbour) }
        try kit.hear(1, 9, 5000)
        try kit.hear(2, 9, 9000)
        kit.pass(.seconds(1))
        kit.forgetTold()
        let request = NumberRequest(destination: Kit.peer(9), number: 2, hopLimit: 5)
        try kit.ask(3, request)
        #expect(kit.frames(to: 1).flatMap(\.numberRequests).count == 1)
        kit.pass(.seconds(60))
        kit.forgetTold()
        try kit.ask(3, request)
        #expect(kit.frames(to: 1).flatMap(\.numberRequests).count == 1)
        #expect(kit.frames(to: 2).flatMap(\.numberRequests).isEmpty)
    }

    @Test func aNumberThatIsThereIsTold() throws {
        let kit = try Kit()
        for neighbour in UInt8(1)...3 { kit.up(neighbour) }
        try kit.hear(1, 9, 5000, number: 7)
        kit.pass(.seconds(1))
        kit.forgetTold()
        try kit.ask(3, NumberRequest(destination: Kit.peer(9), number: 7, hopLimit: 5))
        kit.pass(.seconds(1))
        #expect(kit.update(to: 3, of: 9)?.proof == Kit.proof(9, 7))
        // The next hop is not told what it told; with nobody else to ask, nobody is asked.
        try kit.ask(1, NumberRequest(destination: Kit.peer(9), number: 7, hopLimit: 5))
        kit.pass(.seconds(1))
        #expect(kit.update(to: 1, of: 9) == nil)
    }

    @Test func whoAsksForEverythingIsToldItWithTheProofs() throws {
        let kit = try Kit()
        kit.up(1)
        kit.up(2)
        for destination in UInt8(10)...20 { try kit.hear(1, destination, 5000) }
        kit.pass(.seconds(1))
        kit.forgetTold()
        try kit.ask(2, nil)
        kit.pass(.seconds(1))
        let updates = kit.updates(to: 2)
        #expect(updates.count == 12 && updates.allSatisfy { $0.proof != nil })
    }

    // MARK: Searches

    @Test func aDestinationThatIsNotKnownIsLookedForFartherAndFarther() throws {
        let kit = try Kit()
        kit.up(1)
        kit.up(2)
        kit.forgetTold()
        #expect(kit.find(9) == [] && kit.find(9) == [])
        var limits = [kit.frames(to: 1).flatMap(\.routeRequests)]
        for _ in 0..<2 {
            kit.pass(.seconds(2))
            limits.append(kit.frames(to: 1).flatMap(\.routeRequests))
        }
        #expect(limits == [2, 5, 10].map { [RouteRequest(destination: Kit.peer(9), hopLimit: $0)] })
        #expect(!kit.actions.contains(.notFound(Kit.peer(9))))
        kit.pass(.seconds(2))
        #expect(kit.actions.contains(.notFound(Kit.peer(9))))
    }

    @Test func whatIsFoundIsTold() throws {
        let kit = try Kit()
        kit.up(1)
        kit.forgetTold()
        #expect(kit.find(9) == [])
        try kit.hear(1, 9, 5000)
        #expect(kit.actions.contains(.changed(Kit.peer(9))))
        kit.pass(.seconds(10))
        #expect(!kit.actions.contains(.notFound(Kit.peer(9))))
        #expect(kit.find(9) == [1])
    }

    @Test func aSearchIsPassedOnToOthersOnce() throws {
        let kit = try Kit()
        for neighbour in UInt8(1)...3 { kit.up(neighbour) }
        kit.forgetTold()
        try kit.ask(1, Kit.peer(9), hopLimit: 2)
        let passed = [RouteRequest(destination: Kit.peer(9), hopLimit: 1)]
        #expect(kit.frames(to: 1).isEmpty)
        #expect(kit.frames(to: 2).flatMap(\.routeRequests) == passed)
        #expect(kit.frames(to: 3).flatMap(\.routeRequests) == passed)
        try kit.ask(2, Kit.peer(9), hopLimit: 2)
        #expect(kit.frames(to: 3).isEmpty)
        // A wider one is another one, and one link is no more to pass on.
        try kit.ask(2, Kit.peer(9), hopLimit: 5)
        #expect(kit.frames(to: 3).flatMap(\.routeRequests).map(\.hopLimit) == [4])
        try kit.ask(2, Kit.peer(8), hopLimit: 1)
        #expect(kit.frames(to: 3).isEmpty)
        // Who asked hears of it when it is found.
        try kit.hear(3, 9, 5000)
        kit.pass(.seconds(1))
        #expect(kit.update(to: 1, of: 9)?.way != nil)
    }
}
