internal import StarlingCore
internal import StarlingCrypto
internal import StarlingMesh
internal import StarlingNode
internal import StarlingWorld

/// Whole nodes that reach each other over hops, and how long they take to do so again when a link dies.
///
/// The nodes are the daemon's own code; only their worlds are simulated. The same options give the same times.
package struct ConvergenceFleet: Sendable {
    /// What is simulated.
    package struct Options: Sendable {
        package var seed: UInt64 = 1
        package var nodeCount = 64
        /// Neighbours of a node, on average.
        package var degree = 6
        package var link = LinkProfile(latency: .milliseconds(10), jitter: .milliseconds(2))
        /// Links that die one after the other, for good.
        package var deathCount = 5
        package var death = Death.heard

        package init() {}
    }

    /// What the ends of a link hear of its death.
    package enum Death: Sendable {
        /// Both hear of it at once: their connection breaks.
        case heard
        /// Nothing: what they send each other is swallowed, as where a cable is cut, and each has to find out.
        case silent
    }

    package struct Report: Sendable, Equatable {
        /// From the start until every node reached every other one, in virtual time; `nil` when that did not come about.
        package var joining: Duration?
        /// From each death until every node reached every other one for good.
        package var healings: [Duration] = []
        /// Deaths after which not all nodes reached all others.
        package var failureCount = 0
        /// Changes of routes that made a way lead in a circle.
        package var circleCount = 0
    }

    /// How long the nodes may take to find all ways.
    private static let joinPatience = Duration.seconds(120)
    /// How long what is not told at once has to come to rest.
    private static let rest = Duration.seconds(30)
    private static let step = Duration.milliseconds(10)

    private let options: Options

    /// - Precondition: each node has three neighbours or more, so that one dead link leaves a way, and there are no more
    ///   than a ``RouteWatch`` takes.
    package init(_ options: Options = Options()) {
        precondition(options.degree >= 3 && options.nodeCount > options.degree)
        precondition(options.nodeCount <= RouteWatch.nodeCountMax)
        self.options = options
    }

    /// Runs the simulation on the calling thread.
    ///
    /// - Throws: ``SimulationError`` when the simulation itself breaks down, ``NodeStartError`` when a node does.
    package func run() throws -> Report {
        var configuration = Simulation.Configuration()
        configuration.link = options.link
        let simulation = Simulation(seed: options.seed, configuration: configuration)
        var links = FleetTopology(.random(degree: options.degree))
            .links(nodeCount: options.nodeCount, using: &simulation.random)
        let crew = try makeCrew(in: simulation, links)
        simulation.network.wire(links.map { (crew.hosts[$0.lower], crew.hosts[$0.upper]) })
        for (host, node) in zip(crew.hosts, crew.nodes) {
            host.loop.startTask {
                do throws(NodeStartError) { try await node.start() } catch { crew.startFailed(error) }
            }
        }
        var report = Report()
        report.joining = try joining(in: simulation, crew)
        if let failure = crew.failure { throw failure }
        try simulation.run(for: Self.rest)
        for _ in 0..<options.deathCount where report.joining != nil {
            let dead = links.remove(at: simulation.random.number(below: links.count))
            kill(dead, in: simulation, crew)
            guard let healing = try healing(in: simulation, crew) else {
                report.failureCount += 1
                continue
            }
            report.healings.append(healing)
        }
        report.circleCount = crew.circleCount
        // A task that stays suspended is never freed, and keeps the whole node.
        for (host, node) in zip(crew.hosts, crew.nodes) { host.loop.startTask { await node.stop() } }
        try simulation.run(for: Self.rest)
        return report
    }

    private func kill(_ link: HostPair, in simulation: Simulation, _ crew: Crew) {
        let (one, other) = (crew.hosts[link.lower], crew.hosts[link.upper])
        switch options.death {
        case .heard: simulation.network.sever(one, other)
        case .silent:
            simulation.network.cut(from: one, to: other)
            simulation.network.cut(from: other, to: one)
            crew.watch.cut(link.lower, link.upper)
        }
    }

    /// How long it is looked after a death, whether ways that are there stay: longer than until a connection on which nothing
    /// comes is over, where nobody hears of the death.
    private var watchTime: Duration {
        switch options.death {
        case .heard: .seconds(15)
        case .silent: .seconds(60)
        }
    }

    private func joining(in simulation: Simulation, _ crew: Crew) throws -> Duration? {
        let begin = simulation.now
        while !crew.watch.isWhole {
            guard begin.duration(to: simulation.now) < Self.joinPatience else { return nil }
            try simulation.run(for: Self.step)
        }
        return begin.duration(to: simulation.now)
    }

    private func healing(in simulation: Simulation, _ crew: Crew) throws -> Duration? {
        let died = simulation.now
        var healed = died
        while died.duration(to: simulation.now) < watchTime {
            try simulation.run(for: Self.step)
            if !crew.watch.isWhole { healed = simulation.now + Self.step }
        }
        return healed <= simulation.now ? died.duration(to: healed) : nil
    }

    private func makeCrew(in simulation: Simulation, _ links: [HostPair]) throws -> Crew {
        let keySeeds = (0..<options.nodeCount).map { _ in
            SimulatedRandom(seed: simulation.random.next()).bytes(count: 32)
        }
        let identities = try keySeeds.map { try FleetNode.identity($0) }
        let hosts = keySeeds.map { _ in simulation.host() }
        let addresses = zip(hosts, identities).map { host, identity in
            FleetNode.address(of: host, identity.peerID)
        }
        let neighbours = FleetTopology.neighbours(links, nodeCount: options.nodeCount)
        let proofs = SharedProofs()
        var configuration = FleetNode.configuration
        configuration.usesRoutes = true
        configuration.topology = nil
        configuration.routeVerification = { proof throws(RouteProofError) in try proofs.verified(proof) }
        guard let watch = RouteWatch(identities.map(\.peerID)) else { preconditionFailure("too many nodes") }
        let crew = Crew(hosts, watch)
        for index in identities.indices {
            var own = configuration
            own.bootstrapAddresses = neighbours[index].map { addresses[$0] }
            let node = try Node(world: hosts[index].world, identity: identities[index], configuration: own)
            crew.add(node)
        }
        return crew
    }
}

/// The nodes of a ``ConvergenceFleet``, and what is seen of their routes.
private final class Crew: @unchecked Sendable {  // tidy-ok: one thread
    let hosts: [SimulatedHost]
    let watch: RouteWatch
    private(set) var nodes: [Node] = []
    private(set) var failure: NodeStartError?
    private(set) var circleCount = 0

    init(_ hosts: [SimulatedHost], _ watch: RouteWatch) {
        self.hosts = hosts
        self.watch = watch
    }

    func add(_ node: Node) {
        let index = nodes.count
        nodes.append(node)
        hosts[index].loop.startTask {
            await node.routes.observe { [weak self] peer, neighbours in
                guard let self, self.watch.changed(index, peer, neighbours) != nil else { return }
                self.circleCount += 1
            }
        }
    }

    func startFailed(_ error: NodeStartError) { failure = error }
}
