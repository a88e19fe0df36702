internal import StarlingCore
internal import StarlingNode
internal import StarlingWorld
internal import Synchronization

/// Many whole nodes over TCP, Noise and yamux, each pinging five others, while connections break.
///
/// The nodes are the daemon's own code; only their worlds are simulated. The same options give the same trace.
package struct PingFleet: Sendable {
    /// What is simulated.
    package struct Options: FleetOptions {
        package var seed: UInt64 = 1
        package var nodeCount = 200
        /// Virtual time, from the first node's start.
        package var duration: Duration = .seconds(600)
        /// Between two rounds of a node's pings.
        package var interval: Duration = .seconds(5)
        /// The chance of each connection to be reset in a minute.
        package var resetRatioPerMinute = 0.05

        package init() {}
    }

    /// What came of it.
    package struct Report: Sendable, Equatable {
        package var seed: UInt64
        package var nodeCount: Int
        package var virtualSeconds: Double
        package var pingCount = 0
        /// Pings that a reset connection cost.
        package var failedPingCount = 0
        package var resetCount = 0
        /// Connections that were opened in all, counted at the dialling side.
        package var connectionCount = 0
        /// Rules that were broken, in words; empty when all is well.
        package var violations: [String] = []
        /// When the first of them was found.
        package var firstViolation: FleetMoment?
        package var eventCount = 0
        package var traceHash: UInt64 = 0
    }

    /// What the nodes' tasks count.
    private struct Tally: Sendable {
        var pingCount = 0
        var failedPingCount = 0
        /// By what was thrown, how often, and when first.
        var failures: [String: (count: Int, first: Instant)] = [:]
        var connectionCount = 0

        mutating func failed(_ error: any Error, at now: Instant) {
            failures["\(error)", default: (0, now)].count += 1
        }
    }

    private let options: Options

    /// - Precondition: there are two nodes at least.
    package init(_ options: Options) {
        precondition(options.nodeCount >= 2)
        self.options = options
    }

    /// Runs the simulation on the calling thread.
    ///
    /// - Parameter progress: hears how much of the virtual time has passed.
    /// - Throws: ``SimulationError`` when the simulation itself breaks down.
    package func run(progress: (@Sendable (Duration) -> Void)? = nil) throws -> Report {
        var configuration = Simulation.Configuration()
        configuration.link = .lan
        let simulation = Simulation(seed: options.seed, configuration: configuration)
        let tally = Mutex(Tally())
        let hosts = (0..<options.nodeCount).map { _ in simulation.host() }
        let nodes = try hosts.map(makeNode)
        let addresses = zip(hosts, nodes).map { host, node in
            FleetNode.address(of: host, node.peerID)
        }
        let lives = nodes.indices.map { index in
            let node = nodes[index]
            let others = FleetNode.distances.map { addresses[(index + $0) % nodes.count] }.filter {
                $0 != addresses[index]
            }
            return hosts[index].loop.startTask { [options] in
                await Self.live(node, others, options, tally)
            }
        }
        var resetCount = 0
        let perSecond = 1 - Self.power(1 - options.resetRatioPerMinute, 1.0 / 60)
        let breakage = simulation.every(.seconds(1)) {
            resetCount += simulation.network.resetConnections(probability: perSecond)
        }
        try simulation.run(for: options.duration, telling: progress)
        withExtendedLifetime(breakage) {}

        let counted = tally.withLock { $0 }
        var report = Report(
            seed: options.seed,
            nodeCount: nodes.count,
            virtualSeconds: options.duration.inSeconds,
            pingCount: counted.pingCount,
            failedPingCount: counted.failedPingCount,
            resetCount: resetCount,
            connectionCount: counted.connectionCount,
            eventCount: simulation.counts.events,
            traceHash: simulation.traceHash
        )
        var found = FleetViolations()
        for text in violations(nodes, counted, resetCount) { found.note(text, at: FleetMoment(simulation)) }
        report.violations = found.texts
        report.firstViolation = found.first
        for life in lives { life.cancel() }
        try end(nodes, of: hosts, in: simulation)
        return report
    }

    /// Ends the nodes in order.
    ///
    /// A task that stays suspended is never freed, and keeps the whole node: one process could not run many fleets.
    private func end(_ nodes: [Node], of hosts: [SimulatedHost], in simulation: Simulation) throws {
        for (host, node) in zip(hosts, nodes) { host.loop.startTask { await node.stop() } }
        try simulation.run(for: .seconds(30))
    }

    private func makeNode(_ host: SimulatedHost) throws -> Node {
        try Node(
            world: host.world,
            identity: try FleetNode.identity(host.world.random.bytes(count: 32)),
            configuration: FleetNode.configuration
        )
    }

    /// One node's life: starts, then pings its five every interval, dialling again whom it has lost.
    private static func live(
        _ node: Node,
        _ others: [Multiaddr],
        _ options: Options,
        _ tally: borrowing Mutex<Tally>
    ) async {
        let loop = node.world.loops[0]
        do {
            try await node.start()
            // Nodes do not all act at the same moment.
            try await loop.sleep(for: .milliseconds(Int64(node.world.random.number(below: 5000))))
            while true {
                for address in others { await ping(address, node, tally) }
                try await loop.sleep(for: options.interval)
            }
        } catch {
            tally.withLock { $0.failed(error, at: loop.now) }
        }
    }

    private static func ping(_ address: Multiaddr, _ node: Node, _ tally: borrowing Mutex<Tally>) async {
        guard let peer = address.peerID else { return }
        do {
            if await !node.swarm.isConnected(peer) {
                _ = try await node.swarm.connect(to: address)
                tally.withLock { $0.connectionCount += 1 }
            }
            try await node.ping(peer, count: 1) { _ in tally.withLock { $0.pingCount += 1 } }
        } catch NodePingError.ping, NodePingError.swarm(.stream) {
            tally.withLock { $0.failedPingCount += 1 }
        } catch {
            tally.withLock { $0.failed(error, at: node.world.loops[0].now) }
        }
    }

    /// What must hold at the end: nobody failed for another reason than a reset, and no table is over its limit.
    private func violations(_ nodes: [Node], _ tally: Tally, _ resetCount: Int) -> [String] {
        let start = Instant(nanosecondsSinceOrigin: 0)
        var violations = tally.failures.sorted { $0.key < $1.key }.map { text, failure in
            "\(failure.count) x \(text), first at \(start.duration(to: failure.first).inSeconds) s"
        }
        if tally.failedPingCount > resetCount {
            violations.append("\(tally.failedPingCount) pings failed with \(resetCount) resets")
        }
        for (index, node) in nodes.enumerated() {
            let ledger = node.swarm.protocols.withLedger { $0 }
            if ledger.connectionCount > ledger.limits.connectionCountMax || ledger.streamCount < 0 {
                violations.append(
                    "node \(index): \(ledger.connectionCount) connections, \(ledger.streamCount) streams"
                )
            }
        }
        return violations
    }

    /// `base` to the power of `exponent`, by halving: enough for a probability, and the same on every machine.
    private static func power(_ base: Double, _ exponent: Double) -> Double {
        var (result, root, rest) = (1.0, base, exponent)
        for _ in 0..<40 {
            root = root.squareRoot()
            rest *= 2
            if rest >= 1 {
                result *= root
                rest -= 1
            }
        }
        return result
    }
}
