import StarlingCore
import StarlingCrypto
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Testing

/// What a node of a mesh leaves behind when it stops, or when its process dies: nothing.
@Suite(.timeLimit(.minutes(20))) struct MeshLifetimeTests {
    /// Objects by name, none of which this keeps.
    private struct Remains {
        private struct One {
            let name: String
            weak var object: AnyObject?
        }

        private var all: [One] = []

        init(_ node: Node) {
            let parts: [(String, AnyObject?)] = [
                ("node", node), ("swarm", node.swarm), ("delivery", node.delivery), ("routes", node.routes),
                ("liveness", node.liveness), ("records", node.records), ("topology", node.topology),
                ("traces", node.traces), ("mailboxes", node.mailboxes), ("shelf", node.shelf),
                ("tunnels", node.tunnels), ("blobs", node.blobs), ("identify", node.identify),
            ]
            for (name, object) in parts { all.append(One(name: name, object: object)) }
        }

        var names: [String] { all.filter { $0.object != nil }.map(\.name) }
    }

    private static let count = 5

    private static func address(_ index: Int) throws -> Multiaddr {
        var seed = [UInt8](repeating: UInt8(index + 1), count: 32)
        let peer = try IdentityKey(wipingSeed: &seed).peerID
        return try Multiaddr("/ip4/10.0.0.\(index + 1)/tcp/4001/p2p/\(peer)")
    }

    private static func node(_ host: SimulatedHost, _ index: Int) throws -> Node {
        var seed = [UInt8](repeating: UInt8(index + 1), count: 32)
        var configuration = NodeConfiguration(machineMemoryByteCount: 1 << 30)
        configuration.usesMDNS = false
        configuration.usesRoutes = true
        configuration.securities = [.noise]
        configuration.listenAddresses = [try Multiaddr("/ip4/0.0.0.0/tcp/4001")]
        configuration.bootstrapAddresses = try [address((index + 1) % count), address((index + 2) % count)]
        configuration.mailbox.addresses = try [address((index + 1) % count)]
        configuration.mailbox.policy = .anyone
        return try Node(
            world: host.world,
            identity: try IdentityKey(wipingSeed: &seed),
            configuration: configuration
        )
    }

    /// What is left of the first node of a mesh, after one that it wrote to has gone and come to its end.
    ///
    /// - Parameter end: Ends the first node.
    private static func remains(
        _ end: (Simulation, SimulatedHost, Node) throws -> Void
    ) throws -> Remains {
        let simulation = Simulation(seed: 5)
        let hosts = (0..<count).map { simulation.host("node-\($0)") }
        var nodes = try hosts.enumerated().map { try node($0.element, $0.offset) }
        for (host, node) in zip(hosts, nodes) { try simulation.complete(on: host) { try await node.start() } }
        try simulation.run(for: .seconds(30))
        let gone = nodes[3]
        try simulation.complete(on: hosts[3]) { await gone.stop() }
        let peers = nodes.map(\.peerID)
        let first = nodes[0]
        try simulation.complete(on: hosts[0]) {
            for peer in peers.dropFirst() {
                let content = MessageContent(type: .data, payload: Array("text".utf8))
                _ = try await first.delivery.accept(MessageDraft(to: peer, content: content))
            }
        }
        try simulation.run(for: .seconds(90))
        let remains = Remains(first)
        nodes = []
        try end(simulation, hosts[0], first)
        try simulation.run(for: .seconds(600))
        return remains
    }

    @Test func aStoppedNodeOfAMeshIsFreed() throws {
        let remains = try Self.remains { simulation, host, node in
            try simulation.complete(on: host) {
                await node.stop()
                await node.world.store.close()
            }
        }
        #expect(remains.names == [])
    }

    @Test func aCrashedNodeOfAMeshIsFreed() throws {
        let remains = try Self.remains { simulation, host, node in
            host.crash(.power, leaving: .unwinding)
            host.loop.perform {
                _ = host.loop.startTask {
                    await node.stop()
                    await node.world.store.close()
                }
            }
        }
        #expect(remains.names == [])
    }
}
