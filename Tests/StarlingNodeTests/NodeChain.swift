import StarlingCore
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingWorld
import Testing

/// Nodes of which each is connected to the next one alone.
struct NodeChain {
    let simulation: Simulation
    let hosts: [SimulatedHost]
    let nodes: [Node]

    /// - Parameter hasRoutes: Whether the first one is told the way to the last one, and so on along the chain.
    init(count: Int, seed: UInt64 = 1, link: LinkProfile? = nil, hasRoutes: Bool = true) throws {
        var configuration = Simulation.Configuration()
        if let link { configuration.link = link }
        configuration.traceDetail = .lengths
        let simulation = Simulation(seed: seed, configuration: configuration)
        self.simulation = simulation
        hosts = (0..<count).map { simulation.host("node-\($0)") }
        nodes = try hosts.map { host in
            try NodePair.node(host) {
                $0.usesRoutes = true
                $0.topology = nil
            }
        }
        for (host, node) in zip(hosts, nodes) { try simulation.complete(on: host) { try await node.start() } }
        for index in 0..<count - 1 { try connect(index, index + 1) }
        guard hasRoutes else { return }
        for index in 0..<count - 1 { try route(index, to: count - 1, over: index + 1) }
    }

    /// A chain up to the last of some nodes, each of which hands what is for somebody who is away to the next of them, and the
    /// last to the first; whoever stands before them hands it to the first, too.
    static func circle(_ numbers: ClosedRange<Int>) throws -> (chain: NodeChain, away: PeerID) {
        let chain = try NodeChain(count: numbers.upperBound + 1, hasRoutes: false)
        try chain.connect(numbers.upperBound, numbers.lowerBound)
        let away = try NodeChain(count: 1, seed: 9).nodes[0].peerID
        for number in 0...numbers.upperBound {
            let next = number == numbers.upperBound ? numbers.lowerBound : number + 1
            try chain.route(number, to: away, over: next)
        }
        return (chain, away)
    }

    func connect(_ one: Int, _ other: Int) throws {
        let address = try Multiaddr("/ip4/10.0.0.\(other + 1)/tcp/4001/p2p/\(nodes[other].peerID)")
        let node = nodes[one]
        try simulation.complete(on: hosts[one]) { _ = try await node.swarm.connect(to: address) }
    }

    func route(_ one: Int, to last: Int, over hop: Int) throws {
        try route(one, to: nodes[last].peerID, over: hop)
    }

    private func route(_ one: Int, to: PeerID, over hop: Int) throws {
        let (node, over) = (nodes[one], nodes[hop].peerID)
        try simulation.complete(on: hosts[one]) { await node.delivery.setRoute(to: to, [over], linkCount: 2) }
    }

    /// Has messages accepted at one node for another one.
    func send(
        _ texts: [String],
        from one: Int,
        to other: Int,
        hopLimit: UInt8 = OutboxRequest.hopLimitIfNone,
        lifetime: Duration? = nil,
        recordsPath: Bool = false
    ) throws -> [MessageID] {
        let (node, to) = (nodes[one], nodes[other].peerID)
        return try simulation.complete(on: hosts[one]) {
            var ids: [MessageID] = []
            for text in texts {
                let content = MessageContent(type: .data, payload: Array(text.utf8))
                var draft = MessageDraft(to: to, content: content)
                draft.hopLimit = hopLimit
                if let lifetime { draft.lifetime = lifetime }
                draft.recordsPath = recordsPath
                ids.append(try await node.delivery.accept(draft))
            }
            return ids
        }
    }

    /// What is known of a message.
    func message(_ id: MessageID, at one: Int) throws -> OutboxMessage? {
        let node = nodes[one]
        return try simulation.complete(on: hosts[one]) { await node.delivery.report(on: id)?.message }
    }

    /// What stands between a message and its recipient.
    func obstacle(_ id: MessageID, at one: Int) throws -> DeliveryObstacle? {
        let node = nodes[one]
        return try simulation.complete(on: hosts[one]) { await node.delivery.report(on: id)?.obstacle }
    }

    /// What became of messages.
    func states(_ ids: [MessageID], at one: Int) throws -> [OutboxMessage.State?] {
        let node = nodes[one]
        return try simulation.complete(on: hosts[one]) {
            var states: [OutboxMessage.State?] = []
            for id in ids { states.append(await node.delivery.report(on: id)?.message.state) }
            return states
        }
    }

    func report(_ one: Int) throws -> DeliveryReport {
        let node = nodes[one]
        return try simulation.complete(on: hosts[one]) { await node.delivery.deliveryReport(countMax: 0) }
    }
}

extension DeliveryDriver {
    /// Says over which neighbours a peer is reached, as routes of so many links would.
    func setRoute(to peer: PeerID, _ hops: [PeerID], linkCount: Int) {
        setRoute(to: peer, hops.map { RouteHop(peer: $0, metric: .zero, hops: linkCount) })
    }
}

extension Swarm {
    /// Knows an address of a peer from now on.
    func know(_ address: Multiaddr, of peer: PeerID) {
        peerBook.add(
            [address],
            of: peer,
            source: .identify,
            lifetime: .seconds(3600),
            now: world.loops[0].now
        )
    }
}
