import StarlingCore
import StarlingCrypto
import StarlingNode
import StarlingSimulator
import StarlingTransports
import StarlingWorld

/// Two whole nodes in one simulation, Alice and Bob, each listening on port 4001.
struct NodePair {
    let simulation: Simulation
    let aliceHost: SimulatedHost
    let bobHost: SimulatedHost
    let alice: Node
    let bob: Node

    init(
        seed: UInt64 = 1,
        storage: SimulatedHost.Storage = .tables,
        _ change: (inout NodeConfiguration) throws -> Void = { _ in }
    ) throws {
        simulation = Simulation(seed: seed)
        var host = SimulatedHost.Configuration()
        host.storage = storage
        aliceHost = simulation.host("alice", configuration: host)
        bobHost = simulation.host("bob", configuration: host)
        alice = try Self.node(aliceHost, change)
        bob = try Self.node(bobHost, change)
        let (alice, bob) = (alice, bob)
        try simulation.complete(on: aliceHost) { try await alice.start() }
        try simulation.complete(on: bobHost) { try await bob.start() }
    }

    static func node(
        _ host: SimulatedHost,
        resolver: (any Resolver)? = nil,
        _ change: (inout NodeConfiguration) throws -> Void = { _ in }
    ) throws -> Node {
        var seed = host.world.random.bytes(count: 32)
        var configuration = NodeConfiguration(machineMemoryByteCount: 1 << 30)
        configuration.usesMDNS = false
        configuration.securities = [.noise]
        configuration.listenAddresses = [try Multiaddr("/ip4/0.0.0.0/tcp/4001")]
        try change(&configuration)
        var world = host.world
        if let resolver { world.resolver = resolver }
        return try Node(
            world: world,
            identity: try IdentityKey(wipingSeed: &seed),
            configuration: configuration
        )
    }

    /// Where Bob is, with his name.
    var bobAddress: Multiaddr {
        get throws { try Multiaddr("/ip4/10.0.0.2/tcp/4001/p2p/\(bob.peerID)") }
    }
}
