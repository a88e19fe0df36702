import StarlingCore
import StarlingCrypto
import StarlingIO
import StarlingNode
import StarlingStore
import StarlingTransports
import StarlingWorld

/// Nodes over the system's loops and sockets, on loopback.
enum RealNodes {
    static func world(loopCount: Int = 2) throws -> RealWorld {
        try RealWorld.make(
            loopCount: loopCount,
            log: Log(levelMin: .error, sink: StandardErrorLog(format: .json))
        )
    }

    /// A node that listens on a free port and keeps its store in memory.
    static func node(_ world: World) throws -> Node {
        var world = world
        world.store = try SQLiteStore.inMemory(loop: world.loops[0], wallClock: world.wallClock)
        var seed = world.random.bytes(count: 32)
        var configuration = NodeConfiguration(machineMemoryByteCount: 1 << 30)
        configuration.usesMDNS = false
        configuration.securities = [.noise]
        configuration.listenAddresses = [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
        return try Node(
            world: world,
            identity: try IdentityKey(wipingSeed: &seed),
            configuration: configuration
        )
    }
}
