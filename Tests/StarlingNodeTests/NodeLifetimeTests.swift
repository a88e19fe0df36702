import StarlingCore
import StarlingIO
import StarlingNode
import StarlingProtocols
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Testing

/// What a stopped node leaves behind: nothing.
@Suite(.timeLimit(.minutes(20))) struct NodeLifetimeTests {
    /// References that do not keep what they name.
    private struct Remains {
        weak var node: Node?
        weak var swarm: Swarm?
        weak var identify: IdentifyDriver?
        weak var delivery: DeliveryDriver?
        weak var connection: (any Connection)?
        weak var loop: (any EventLoop)?

        init(_ node: Node, _ connection: (any Connection)? = nil) {
            self.node = node
            swarm = node.swarm
            identify = node.identify
            delivery = node.delivery
            self.connection = connection
            loop = node.world.loops[0]
        }

        func expectGone(_ location: SourceLocation = #_sourceLocation) {
            #expect(node == nil, "the node", sourceLocation: location)
            #expect(swarm == nil, "the swarm", sourceLocation: location)
            #expect(identify == nil, "identify", sourceLocation: location)
            #expect(delivery == nil, "the messages", sourceLocation: location)
            #expect(connection == nil, "a connection", sourceLocation: location)
        }
    }

    @Test func aStoppedNodeAndItsLoopAreFreed() async throws {
        let remains = try await Self.liveAndStop()
        for one in remains {
            one.expectGone()
            #expect(one.loop == nil, "the loop")
        }
    }

    /// Two nodes that meet, ping and echo, and stop.
    private static func liveAndStop() async throws -> [Remains] {
        let real = try RealNodes.world()
        defer { real.stop() }
        let (alice, bob) = (try RealNodes.node(real.world), try RealNodes.node(real.world))
        try await alice.start()
        let address = try #require(try await bob.start().first).with(peerID: bob.peerID)
        let connection = try await alice.swarm.connect(to: address)
        try await alice.ping(bob.peerID, count: 2) { _ in }
        // A stream that nobody ended, with bytes that nobody read.
        let stream = try await connection.openStream([ProtocolID.echo])
        try await stream.write([1, 2, 3])
        let remains = [Remains(alice, connection), Remains(bob)]
        await alice.stop()
        await bob.stop()
        await alice.world.store.close()
        await bob.world.store.close()
        return remains
    }

    @Test func aStoppedNodeOfTheSimulatorIsFreed() throws {
        let simulation = Simulation(seed: 3)
        let hosts = (simulation.host("alice"), simulation.host("bob"))
        let remains = try Self.liveAndStop(simulation, hosts.0, hosts.1)
        for one in remains { one.expectGone() }
    }

    private static func liveAndStop(
        _ simulation: Simulation,
        _ aliceHost: SimulatedHost,
        _ bobHost: SimulatedHost
    ) throws -> [Remains] {
        let alice = try NodePair.node(aliceHost) { $0.usesMDNS = true }
        let bob = try NodePair.node(bobHost) { $0.usesMDNS = true }
        try simulation.complete(on: aliceHost) { try await alice.start() }
        try simulation.complete(on: bobHost) { try await bob.start() }
        let connection = try simulation.complete(on: aliceHost) {
            let connection = try await alice.swarm.connect(
                to: try Multiaddr("/ip4/10.0.0.2/tcp/4001/p2p/\(bob.peerID)")
            )
            try await alice.ping(bob.peerID, count: 2) { _ in }
            try await connection.openStream([ProtocolID.echo]).write([1, 2, 3])
            return connection
        }
        try simulation.run(for: .seconds(5))
        let remains = [Remains(alice, connection), Remains(bob)]
        try simulation.complete(on: aliceHost) { await alice.stop() }
        try simulation.complete(on: bobHost) { await bob.stop() }
        return remains
    }
}
