package import StarlingCore
package import StarlingMesh
package import StarlingTransports

/// How a node behaves.
///
/// Everything has a value that fits most nodes.
package struct NodeConfiguration: Sendable {
    /// Where to listen.
    ///
    /// Empty: the node dials only.
    package var listenAddresses: [Multiaddr] = []
    /// Peers to stay connected with, each with its `/p2p/` part.
    package var bootstrapAddresses: [Multiaddr] = []
    /// Whether to announce the node on its LANs and to look for others there.
    package var usesMDNS = true
    /// What people call the node; part of its agent version.
    package var name = ""
    /// Security protocols, the preferred first.
    package var securities: [SecurityProtocol] = [.noise, .tls]
    /// Who may measure the node with perf and echo, which move as many bytes as the other end likes.
    package var measurableBy = Diagnostics.Audience.near
    /// What identify says this node runs.
    package var agentVersion = "starling/\(NodeVersion.text)"
    /// Which network identify says this node belongs to.
    package var protocolVersion = "starling/1"
    /// Connections of the node, both directions.
    package var connectionCountMax: Int
    /// Memory that connections and streams may be charged with, in bytes.
    package var memoryByteCountMax: Int
    package var connectionLimits = ConnectionLimits()
    package var deliveryLimits = DeliveryDriver.Limits()
    /// Whether it tells its neighbours whom it reaches, and hears of that from them.
    package var usesRoutes = false
    package var routeLimits = RouteDriver.Limits()
    /// Whether a node of this identity has told routes before: when the store has none all the same, it has lost them.
    package var hasToldRoutes = false
    /// Another way to check destinations' signatures than one by one in each node.
    package var routeVerification: RouteProofCache.Verification?
    /// To which members of the mesh it stays connected, where it uses routes; `nil` leaves that to whoever dials.
    package var topology: Topology.Policy? = .mesh
    package var topologyLimits = TopologyDriver.Limits()
    package var livenessLimits = Liveness.Limits()
    /// How much it can carry for others, compared to other nodes, as it tells all; one of ``capacities``.
    ///
    /// Those with the highest product of capacity and uptime become super-peers. Whoever runs on a real machine asks that for
    /// what suits it.
    package var capacity: UInt16 = 1
    /// Whose messages it keeps while they are away, and who keeps its own.
    package var mailbox = MailboxConfiguration()

    /// Limits scaled to a machine: an eighth of its memory, and a connection for each 256 KiB of that,
    /// between 64 and 16,384.
    package init(machineMemoryByteCount: Int) {
        memoryByteCountMax = max(67_108_864, machineMemoryByteCount / 8)
        connectionCountMax = min(16_384, max(64, memoryByteCountMax / 262_144))
    }

    /// What a node may say that it can carry: with nothing it would never be a super-peer, and the frame has room for no more.
    package static let capacities = 1...Int(UInt16.max)

    /// How many routes a node may be told to keep.
    package static let routeCounts = 16...4096

    /// Makes it keep routes to so many others, and watch so many of them; those farther away are asked for when they are
    /// written to.
    ///
    /// - Precondition: ``routeCounts`` has it.
    package mutating func setRouteCountMax(_ count: Int) {
        precondition(Self.routeCounts.contains(count), "whoever takes numbers from outside looks at them")
        routeLimits.table.destinationCountMax = count
        routeLimits.table.heldCountMax = count
        routeLimits.table.soleCountMax = count / 2
        routeLimits.table.soughtCountMax = min(64, count)
        routeLimits.table.proofCountMax = 2 * count
        livenessLimits.memberCountMax = count
        topologyLimits.machine.peerCountMax = count
    }
}

/// The version of this software.
package enum NodeVersion {
    package static let text = "0.1.0"
}
