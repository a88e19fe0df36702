import StarlingCore
import StarlingCrypto
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingTransports
import StarlingWorld

/// Whole nodes of which each knows the first one alone, and that see to their connections themselves.
final class MeshFleet {
    let simulation: Simulation
    private(set) var hosts: [SimulatedHost] = []
    private(set) var nodes: [Node] = []
    private(set) var isRunning: [Bool] = []
    private let change: (inout NodeConfiguration) -> Void

    /// - Parameter gap: From one node's start to the next one's.
    init(
        count: Int,
        seed: UInt64 = 1,
        gap: Duration = .milliseconds(50),
        _ change: @escaping (inout NodeConfiguration) -> Void = { _ in }
    ) throws {
        simulation = Simulation(seed: seed)
        self.change = change
        for _ in 0..<count {
            try join()
            try simulation.run(for: gap)
        }
    }

    /// One more node starts, which knows one other.
    func join(knowing other: Int = 0) throws {
        let host = simulation.host("node-\(hosts.count)")
        let known = try nodes.isEmpty ? [] : [address(other)]
        let node = try NodePair.node(host) {
            $0.usesRoutes = true
            $0.bootstrapAddresses = known
            change(&$0)
        }
        hosts.append(host)
        nodes.append(node)
        isRunning.append(true)
        try simulation.complete(on: host) { try await node.start() }
    }

    func address(_ index: Int) throws -> Multiaddr {
        Multiaddr(hosts[index].address ?? .v4(0), tcpPort: 4001).with(peerID: nodes[index].peerID)
    }

    func kill(_ index: Int, _ crash: SimulatedHost.Crash = .process) {
        isRunning[index] = false
        hosts[index].crash(crash)
    }

    func stop(_ index: Int) throws {
        isRunning[index] = false
        let node = nodes[index]
        try simulation.complete(on: hosts[index]) { await node.stop() }
    }

    /// A node that was stopped or killed starts again.
    func restart(_ index: Int) throws {
        let node = try Node(
            world: hosts[index].restart(),
            identity: nodes[index].identity,
            configuration: nodes[index].configuration
        )
        (nodes[index], isRunning[index]) = (node, true)
        try simulation.complete(on: hosts[index]) { try await node.start() }
    }

    // MARK: Views

    var running: [Int] { nodes.indices.filter { isRunning[$0] } }

    /// Whom each running node has links to.
    func links() throws -> [Int: [Int]] {
        var links: [Int: [Int]] = [:]
        for index in running {
            let node = nodes[index]
            let peers = try simulation.complete(on: hosts[index]) { await node.topology?.neighbours ?? [] }
            links[index] = peers.compactMap { peer in nodes.firstIndex { $0.peerID == peer } }
        }
        return links
    }

    /// What a node takes the others for.
    func states(at index: Int) throws -> [Int: LivenessClaim.State] {
        let node = nodes[index]
        let members = try simulation.complete(on: hosts[index]) { await node.liveness.members }
        var states: [Int: LivenessClaim.State] = [:]
        for member in members {
            guard let other = nodes.firstIndex(where: { $0.peerID == member.peer }) else { continue }
            states[other] = member.state
        }
        return states
    }

    /// What all running nodes take one for, each in its place.
    func opinions(of index: Int) throws -> [LivenessClaim.State?] {
        let peer = nodes[index].peerID
        return try running.filter { $0 != index }.map { other in
            let node = nodes[other]
            return try simulation.complete(on: hosts[other]) { await node.liveness.member(peer)?.state }
        }
    }

    /// Whether there is a way over links from each running node to each other one.
    func isConnected() throws -> Bool {
        let links = try links()
        return FleetTopology.isConnected(running) { links[$0] ?? [] }
    }
}
