internal import StarlingCore
internal import StarlingCrypto
internal import StarlingMesh
internal import StarlingNode
internal import StarlingStore
internal import StarlingTransports
internal import StarlingWorld

/// Many whole nodes that send each other messages while everything that can go wrong does: packets are lost, connections
/// break, the network splits, clocks jump, nodes are stopped, killed and lose their power.
///
/// The nodes are the daemon's own code; only their worlds are simulated. The same options give the same trace. The
/// faults stop a while before the end, the messages a little later; then nothing may be left over.
package struct DeliveryFleet: Sendable {
    /// What is simulated.
    package struct Options: FleetOptions {
        package var seed: UInt64 = 1
        package var nodeCount = 100
        /// Virtual time, from the first node's start.
        package var duration: Duration = .seconds(2 * 3600)
        /// How long before the end the faults stop.
        package var quietTime: Duration = .seconds(1800)
        /// What a node sends in an hour in which it is up all the time.
        package var messagesPerHour = 16
        /// From one crash of a node to the next, on average.
        package var crashInterval: Duration = .seconds(90 * 60)
        /// From one orderly restart of a node to the next, on average.
        package var restartInterval: Duration = .seconds(5 * 3600)
        /// The chance of each connection to be reset in a minute.
        package var resetRatioPerMinute = 0.02
        /// The most by which a clock is wrong; two nodes' may differ by twice as much.
        package var clockErrorMax: Duration = .seconds(420)
        /// Up to so many nodes each have a database on a disk of their own; more keep their rows in memory.
        package var databaseCountMax = 1000
        /// Whether messages cross hops, too.
        package var usesRoutes = false
        /// Whether the disks forget what they say they synced: then messages are lost, and the report says so.
        package var disksForgetSyncs = false
        /// How often ``memoryProbe`` is asked, over the whole run.
        package var memorySampleCount = 144
        /// Says how many bytes are allocated in this process.
        package var memoryProbe: (@Sendable () -> Int)?

        package init() {}
    }

    /// What came of it: the same for each run of the same options.
    package struct Report: Sendable, Equatable {
        package var seed: UInt64
        package var nodeCount: Int
        package var virtualSeconds: Double
        package var accepted = 0
        package var delivered = 0
        package var expired = 0
        package var refused = 0
        /// Messages without an end.
        package var pending = 0
        /// Answers that the senders of requests got.
        package var answered = 0
        /// Entries that were handed out again, with a higher attempt, after who had them died.
        package var repeated = 0
        /// Times that a full outbox held an application back.
        package var held = 0
        package var lost = 0
        package var duplicated = 0
        package var crashCount = 0
        package var restartCount = 0
        package var resetCount = 0
        package var partitionCount = 0
        /// Rules that were broken, in words; empty when all is well.
        package var violations: [String] = []
        /// The last events of the nodes where the first rules were broken.
        package var events: [String] = []
        package var eventCount = 0
        package var traceHash: UInt64 = 0
    }

    /// A report, and what the process it ran in used.
    package struct Outcome: Sendable {
        package var report: Report
        package var memory: FleetMemory
    }

    private let options: Options

    /// - Precondition: there are two nodes at least, and the run is longer than its quiet time.
    package init(_ options: Options) {
        precondition(options.nodeCount >= 2 && options.duration > options.quietTime)
        self.options = options
    }

    /// Runs the simulation on the calling thread.
    ///
    /// - Throws: ``SimulationError`` when the simulation itself breaks down.
    package func run() throws -> Outcome {
        var configuration = Simulation.Configuration()
        configuration.link = LinkProfile(latency: .milliseconds(15), jitter: .milliseconds(5))
        let simulation = Simulation(seed: options.seed, configuration: configuration)
        var random = SplitMix64(seed: options.seed &* 2 &+ 1)
        let traffic = FleetTraffic(
            nodeCount: options.nodeCount,
            messagesPerHour: options.messagesPerHour,
            clockTolerance: options.clockErrorMax * 2
        )
        let (members, ledger) = try makeMembers(in: simulation, traffic, &random)
        let faults = FleetFaults(members, options, in: simulation, seed: random.next())
        for member in members {
            simulation.after(.milliseconds(random.number(below: 2000))) { member.boot() }
        }
        ledger.recentEvents = { members[$0].recentEvents }
        // The members have the ledger.
        defer { ledger.recentEvents = { _ in [] } }
        faults.begin()

        var memory = FleetMemory(
            duration: options.duration,
            quietTime: options.quietTime,
            sampleCount: options.memorySampleCount
        )
        let probing = simulation.every(options.duration / options.memorySampleCount) { [options] in
            guard let probe = options.memoryProbe else { return }
            let diskByteCount = members.reduce(0) { $0 + $1.host.diskByteCount }
            memory.append(FleetMemory.Sample(allocatedByteCount: probe(), diskByteCount: diskByteCount))
        }
        let auditing = simulation.every(.seconds(1)) { Self.audit(members, ledger) }
        try simulation.run(for: options.duration - options.quietTime)
        faults.end()
        try simulation.run(for: options.quietTime / 2)
        traffic.close()
        try simulation.run(for: options.quietTime - options.quietTime / 2)
        probing.cancel()
        auditing.cancel()

        let report = report(members, ledger, faults, simulation)
        try end(members, in: simulation)
        return Outcome(report: report, memory: memory)
    }

    private func makeMembers(
        in simulation: Simulation,
        _ traffic: FleetTraffic,
        _ random: inout SplitMix64
    ) throws -> ([FleetMember], FleetLedger) {
        let seeds = (0..<options.nodeCount).map { _ in SimulatedRandom(seed: random.next()).bytes(count: 32) }
        let expected = options.duration.inSeconds / 3600 * Double(options.nodeCount * options.messagesPerHour)
        let ledger = FleetLedger(
            seed: options.seed,
            peerIDs: try seeds.map { try FleetMember.identity($0).peerID },
            capacity: Int(expected * 1.25),
            now: { [unowned simulation] in simulation.now.nanosecondsSinceOrigin }
        )
        var hostConfiguration = SimulatedHost.Configuration()
        hostConfiguration.logLineCountMax = 100
        // A log of a megabyte: it is moved into the database every hour or so, and crashes come in between.
        hostConfiguration.storeLimits.checkpointFrameCount = 250
        hostConfiguration.storage = options.nodeCount > options.databaseCountMax ? .tables : .disk
        let members = try seeds.map { keySeed in
            try FleetMember(
                simulation.host(configuration: hostConfiguration),
                keySeed: keySeed,
                nodeConfiguration,
                ledger,
                traffic,
                in: simulation,
                seed: random.next()
            )
        }
        for member in members {
            member.host.disk?.faults.forgetsSync = options.disksForgetSyncs
            let others = FleetTraffic.others(of: member.index, nodeCount: members.count)
            let writers = members.indices.filter {
                FleetTraffic.others(of: $0, nodeCount: members.count).contains(member.index)
            }
            member.neighbours = Set(others + writers).sorted().map {
                (members[$0].peerID, members[$0].address)
            }
        }
        return (members, ledger)
    }

    /// Nodes with small tables, so that their limits are met.
    private var nodeConfiguration: NodeConfiguration {
        var configuration = NodeConfiguration(machineMemoryByteCount: 1 << 30)
        configuration.usesMDNS = false
        configuration.usesRoutes = options.usesRoutes
        configuration.securities = [.noise]
        configuration.listenAddresses = [Multiaddr(.v4(0), tcpPort: FleetMember.port)]
        configuration.deliveryLimits.outbox.messageCountMax = 20
        configuration.deliveryLimits.outbox.emergencyCountMax = 4
        configuration.deliveryLimits.outbox.reservationCount = 16
        configuration.deliveryLimits.outbox.windowCount = 128
        // Longer than anybody is away, and short enough for a day's run to see it full.
        configuration.deliveryLimits.outbox.historyDuration = .seconds(6 * 3600)
        configuration.deliveryLimits.outbox.queues.counts = [4, 8, 8, 8]
        configuration.deliveryLimits.inbox.entryCountMax = 32
        configuration.deliveryLimits.inbox.emergencyCountMax = 4
        configuration.deliveryLimits.inbox.windowCount = 128
        configuration.deliveryLimits.inbox.reservationCount = 16
        return configuration
    }

    /// Checks what can be broken at any time: no table is over its limit, and what is delivered is there.
    private static func audit(_ members: [FleetMember], _ ledger: FleetLedger) {
        for member in members {
            if let fills = member.ask({ $0.tableFills }) { member.check(fills) }
        }
        ledger.checkDelivered { member, id in members[member].ask { $0.inboxHolds(id) } }
    }

    private func report(
        _ members: [FleetMember],
        _ ledger: FleetLedger,
        _ faults: FleetFaults,
        _ simulation: Simulation
    ) -> Report {
        Self.audit(members, ledger)
        for member in members {
            guard let left = member.ask({ ($0.outboxFill.count, $0.inboxFill.count) }) else {
                ledger.violate("node \(member.index) is not up at the end", involving: [member.index])
                continue
            }
            if left.0 > 0 || left.1 > 0 {
                ledger.violate(
                    "node \(member.index) has \(left.0) messages in its outbox and \(left.1) in its inbox at the end",
                    involving: [member.index]
                )
            }
        }
        for member in members where member.unwindingCount > 0 {
            ledger.violate(
                "a node \(member.index) that crashed never came to its end",
                involving: [member.index]
            )
        }
        let pending = ledger.finish()
        let counts = ledger.counts
        return Report(
            seed: options.seed,
            nodeCount: members.count,
            virtualSeconds: options.duration.inSeconds,
            accepted: counts.accepted,
            delivered: counts.delivered,
            expired: counts.expired,
            refused: counts.refused,
            pending: pending,
            answered: counts.answered,
            repeated: counts.repeated,
            held: counts.held,
            lost: counts.lost,
            duplicated: counts.duplicated,
            crashCount: members.reduce(0) { $0 + $1.crashCount },
            restartCount: members.reduce(0) { $0 + $1.restartCount },
            resetCount: faults.resetCount,
            partitionCount: faults.partitionCount,
            violations: ledger.violations,
            events: ledger.events,
            eventCount: simulation.counts.events,
            traceHash: simulation.traceHash
        )
    }

    /// Ends the nodes in order.
    ///
    /// A task that stays suspended is never freed, and keeps the whole node: one process could not run many fleets.
    private func end(_ members: [FleetMember], in simulation: Simulation) throws {
        for member in members { member.stop() }
        try simulation.run(for: .seconds(60))
    }
}
