import StarlingCore
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Synchronization
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

    /// Of two connections the one stays that the node with the smaller name dialled: a stream is moved to that, and nowhere else.
    @Test(arguments: [true, false]) func aStreamIsMovedOnlyToTheConnectionThatStays(staysFirst: Bool) throws {
        let pair = try NodePair {
            $0.usesRoutes = true
            $0.topology = nil
        }
        let nodes = [(pair.aliceHost, pair.alice, 1), (pair.bobHost, pair.bob, 2)]
            .sorted { $0.1.peerID < $1.1.peerID }
        let (small, large) = (nodes[0], nodes[1])
        /// By its address alone, or the connection that there is would do.
        func dial(_ one: (SimulatedHost, Node, Int), _ other: (SimulatedHost, Node, Int)) throws {
            let (node, address) = (one.1, try Multiaddr("/ip4/10.0.0.\(other.2)/tcp/4001"))
            try pair.simulation.complete(on: one.0) { _ = try await node.swarm.connect(to: address) }
            try pair.simulation.run(for: .seconds(3))
        }
        if staysFirst { try dial(small, large) } else { try dial(large, small) }
        let events = Mutex<[NeighbourEvent]>([])
        let node = small.1
        try pair.simulation.complete(on: small.0) {
            await node.routes.observe { (event: NeighbourEvent) in events.withLock { $0.append(event) } }
        }
        if staysFirst { try dial(large, small) } else { try dial(small, large) }
        let moves = events.withLock { $0.count { $0 == .resumed(large.1.peerID) } }
        #expect(moves == (staysFirst ? 0 : 1))
        try pair.simulation.run(for: .seconds(30))
        let left = try pair.simulation.complete(on: small.0) { await node.swarm.allConnections.map(\.info) }
        #expect(left.map(\.direction) == [.outbound])
    }

    /// Whether two nodes have a connection, by the word of the first.
    private func isConnected(_ one: Int, _ other: Int, _ chain: NodeChain) throws -> Bool {
        let (node, peer) = (chain.nodes[one], chain.nodes[other].peerID)
        return try chain.simulation.complete(on: chain.hosts[one]) { await node.swarm.isConnected(peer) }
    }

    /// Its connections stand for half a minute and more.
    @Test func whenARelayGoesSilentTheRoutesDoNotWaitForTheEndOfItsConnection() throws {
        let chain = try NodeChain(count: 4, hasRoutes: false)
        try chain.connect(3, 0)
        try chain.simulation.run(for: .seconds(5))
        let first = try hops(from: 0, to: 2, chain)[0]
        #expect(first == 1 || first == 3)
        chain.hosts[first].crash(.power)
        try chain.simulation.run(for: .seconds(8))
        #expect(try isConnected(0, first, chain))
        #expect(try hops(from: 0, to: 2, chain) == [4 - first, first])
        // Nothing has to be lost before it is sent the other way.
        let ids = try chain.send(["after"], from: 0, to: 2)
        try chain.simulation.run(for: .milliseconds(500))
        #expect(try chain.states(ids, at: 0) == [.delivered])
        #expect(try chain.message(ids[0], at: 0)?.attempts == 1)
    }

    /// Two nodes that live, and nothing passes between them: a third one carries what they have for each other.
    @Test func aNeighbourBehindADeadLinkIsReachedOverOthersAndOverItsLinkAgain() throws {
        let chain = try NodeChain(count: 3, hasRoutes: false)
        try chain.connect(0, 2)
        try chain.simulation.run(for: .seconds(5))
        #expect(try hops(from: 0, to: 2, chain).first == 2)
        func setCut(_ isCut: Bool) {
            chain.simulation.network.cut(from: chain.hosts[0], to: chain.hosts[2], isCut)
            chain.simulation.network.cut(from: chain.hosts[2], to: chain.hosts[0], isCut)
        }
        setCut(true)
        try chain.simulation.run(for: .seconds(12))
        let (node, peer) = (chain.nodes[0], chain.nodes[2].peerID)
        let member = try chain.simulation.complete(on: chain.hosts[0]) { await node.liveness.member(peer) }
        #expect(member?.state == .alive, "others reach it")
        #expect(try isConnected(0, 2, chain))
        #expect(try hops(from: 0, to: 2, chain) == [1, 2])
        let ids = try chain.send(["around"], from: 0, to: 2)
        try chain.simulation.run(for: .milliseconds(500))
        #expect(try chain.states(ids, at: 0) == [.delivered])
        setCut(false)
        try chain.simulation.run(for: .seconds(14))
        #expect(try isConnected(0, 2, chain))
        #expect(try hops(from: 0, to: 2, chain).first == 2)
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
