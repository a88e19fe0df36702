import StarlingCore
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingWorld
import Testing

/// Nodes that find the ways to each other by themselves.
@Suite struct RouteDriverTests {
    private func hops(from one: Int, to other: Int, _ chain: NodeChain) throws -> [Int] {
        let (node, to) = (chain.nodes[one], chain.nodes[other].peerID)
        let reports = try chain.simulation.complete(on: chain.hosts[one]) { await node.routes.reports }
        let report = reports.first { $0.destination == to }
        return report?.candidates.compactMap { hop in chain.nodes.firstIndex { $0.peerID == hop.peer } } ?? []
    }

    @Test func aMessageFindsItsWayAlongAChain() throws {
        let chain = try NodeChain(count: 5, hasRoutes: false)
        let ids = try chain.send(["one", "two"], from: 0, to: 4)
        try chain.simulation.run(for: .seconds(5))
        #expect(try chain.states(ids, at: 0) == [.delivered, .delivered])
        #expect(try hops(from: 0, to: 4, chain) == [1])
        #expect(try hops(from: 4, to: 0, chain) == [3])
    }

    @Test func whenARelayDiesTheMessagesTakeAnotherWay() throws {
        let chain = try NodeChain(count: 4, hasRoutes: false)
        // A square: 0 and 2 are both neighbours of 1 and of 3.
        try chain.connect(3, 0)
        try chain.simulation.run(for: .seconds(2))
        #expect(Set(try hops(from: 0, to: 2, chain)) == [1, 3])
        let first = try hops(from: 0, to: 2, chain)[0]
        let relay = chain.nodes[first]
        let before = try chain.send(["before"], from: 0, to: 2)
        try chain.simulation.run(for: .seconds(1))
        try chain.simulation.complete(on: chain.hosts[first]) { await relay.stop() }
        let after = try chain.send(["after"], from: 0, to: 2)
        try chain.simulation.run(for: .seconds(5))
        #expect(try chain.states(before + after, at: 0) == [.delivered, .delivered])
        #expect(try hops(from: 0, to: 2, chain) == [4 - first])
    }

    /// The least of its round trips is as short as before.
    @Test func aLinkThatLosesPacketsCostsMore() throws {
        let chain = try NodeChain(count: 4, hasRoutes: false)
        try chain.connect(3, 0)
        try chain.simulation.run(for: .seconds(2))
        let first = try hops(from: 0, to: 2, chain)[0]
        chain.simulation.network.setLink(
            between: chain.hosts[0],
            and: chain.hosts[first],
            to: LinkProfile(lossRatio: 0.35)
        )
        try chain.simulation.run(for: .seconds(300))
        #expect(try hops(from: 0, to: 2, chain) == [4 - first, first])
    }

    @Test func aPeerWithoutRoutesIsLeftAlone() throws {
        let chain = try NodeChain(count: 2, hasRoutes: false)
        #expect(try hops(from: 0, to: 1, chain) == [])
        try chain.simulation.run(for: .seconds(1))
        #expect(try hops(from: 0, to: 1, chain) == [1])
        let other = chain.nodes[1]
        try chain.simulation.complete(on: chain.hosts[1]) { await other.routes.stop() }
        try chain.simulation.run(for: .seconds(400))
        let ids = try chain.send(["straight"], from: 0, to: 1)
        try chain.simulation.run(for: .seconds(1))
        #expect(try chain.states(ids, at: 0) == [.delivered])
    }
}
