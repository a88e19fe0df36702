internal import StarlingCore
internal import StarlingCrypto
internal import StarlingMesh
internal import StarlingNode
internal import StarlingStore
internal import StarlingWorld

/// Many whole nodes that send each other messages while everything that can go wrong does: packets are lost, connections
/// break, the network splits, clocks jump, nodes are stopped, killed and lose their power.
///
/// The nodes are the daemon's own code; only their worlds are simulated. The same options give the same trace. The
/// faults stop a while before the end, the messages a little later; then nothing may be left over.
package struct DeliveryFleet: Sendable {
    /// What came of it: the same for each run of the same options.
    package struct Report: Sendable, Equatable {
        package var seed: UInt64
        package var nodeCount: Int
        package var virtualSeconds: Double
        package var accepted = 0
        package var delivered = 0
        package var expired = 0
        package var refused = 0
        /// Messages that were accepted, and have no end.
        package var pending = 0
        /// Messages that an application asked to send, and was never told that they were accepted.
        package var unacceptedCount = 0
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
        /// Nodes that were hostile.
        package var hostileCount = 0
        /// Times that nothing passed from one node to another that it is linked with.
        package var cutCount = 0
        /// Messages that waited for the end of a partition.
        package var healedCount = 0
        /// How long it took at most until all of them had an end; `nil` where there was nothing of that.
        package var healingSeconds: Double?
        /// How often a node's way to another changed, each time without a circle; `nil` where that is not watched.
        package var routeChangeCount: Int?
        /// Copies that mailboxes were seen to keep, and those that they kept at the end; `nil` where there are none.
        package var mailCopyCount: Int?
        package var leftCopyCount: Int?
        /// Offers that mailboxes took which lie; `nil` where there are none of those.
        package var hostileMailCount: Int?
        /// What the others that are hostile did.
        package var hostileDeeds = HostileDeeds()
        /// Rules that were broken, in words; empty when all is well.
        package var violations: [String] = []
        /// When the first of them was found.
        package var firstViolation: FleetMoment?
        /// The last events of the nodes where the first rules were broken.
        package var events: [String] = []
        package var eventCount = 0
        package var traceHash: UInt64 = 0
    }

    /// A report, and what the process it ran in used.
    package struct Outcome: Sendable {
        package var report: Report
        package var memory: FleetMemory
        /// The end of the run as an SVG document, where it was asked for.
        package var picture: String?
    }

    private let options: Options
    private let probes: Probes

    /// - Precondition: there are two nodes at least, and the run is longer than its quiet time.
    package init(_ options: Options, probes: Probes = Probes()) {
        precondition(options.nodeCount >= 2 && options.duration > options.quietTime)
        self.options = options
        self.probes = probes
    }

    /// Runs the simulation on the calling thread.
    ///
    /// - Throws: ``SimulationError`` when the simulation itself breaks down.
    package func run() throws -> Outcome {
        var configuration = Simulation.Configuration()
        configuration.link = options.link
        let simulation = Simulation(seed: options.seed, configuration: configuration)
        if probes.pictureTitle != nil { simulation.network.loads = [:] }
        var random = SplitMix64(seed: options.seed &* 2 &+ 1)
        let crew = try makeCrew(in: simulation, &random)
        let (members, ledger) = (crew.members, crew.ledger)
        let faults = FleetFaults(members, crew.links, options.faults, in: simulation, seed: random.next())
        for member in members {
            simulation.after(.milliseconds(random.number(below: 2000))) { member.boot() }
        }
        ledger.recentEvents = { members[$0].recentEvents }
        // The members have the ledger.
        defer { ledger.recentEvents = { _ in [] } }
        faults.didHeal = { ledger.beginHealing() }
        faults.begin(options.plan)

        var memory = FleetMemory(
            duration: options.duration,
            quietTime: options.quietTime,
            sampleCount: options.sampleCount
        )
        // Asking for the memory takes a while where there is much.
        let sampling = max(options.duration / options.sampleCount, .seconds(30))
        let probing = simulation.every(sampling) { [probes] in
            probes.progress?(.nanoseconds(simulation.now.nanosecondsSinceOrigin))
            guard let probe = probes.memory else { return }
            let diskByteCount = members.reduce(0) { $0 + $1.host.diskByteCount }
            memory.append(FleetMemory.Sample(allocatedByteCount: probe(), diskByteCount: diskByteCount))
        }
        let audit = FleetAudit(crew)
        let auditing = simulation.every(.seconds(1)) { audit.turn() }
        try simulation.run(for: options.duration - options.quietTime)
        faults.end()
        try simulation.run(for: options.quietTime / 2)
        crew.traffic.close()
        try simulation.run(for: options.quietTime - options.quietTime / 2)
        probing.cancel()
        auditing.cancel()

        let report = report(crew, faults, simulation)
        let picture = probes.pictureTitle.map {
            FleetPicture($0, options.topology, report, crew, simulation.network)
        }
        try end(members, in: simulation)
        return Outcome(report: report, memory: memory, picture: picture?.svg)
    }

    /// All that one run has.
    struct Crew {
        var members: [FleetMember]
        var links: [HostPair]
        var traffic: FleetTraffic
        var ledger: FleetLedger
        var watch: RouteWatch?
        var mail: FleetMail?
    }

    private func makeCrew(in simulation: Simulation, _ random: inout SplitMix64) throws -> Crew {
        let nodeCount = options.nodeCount
        let seeds = (0..<nodeCount).map { _ in SimulatedRandom(seed: random.next()).bytes(count: 32) }
        let peerIDs = try seeds.map { try FleetNode.identity($0).peerID }
        let links = options.topology.links(nodeCount: nodeCount, using: &random)
        let linked = links.isEmpty ? nil : FleetTopology.neighbours(links, nodeCount: nodeCount)
        let hostile = hostileNodes(&random)
        let traffic = FleetTraffic(
            options.traffic,
            nodeCount: nodeCount,
            neighbours: linked,
            hostile: Set(hostile),
            clockTolerance: clockErrorMax * 2
        )
        let expected = options.duration.inSeconds / 3600 * Double(nodeCount * options.traffic.messagesPerHour)
        let ledger = FleetLedger(
            seed: options.seed,
            peerIDs: peerIDs,
            capacity: Int(expected * 1.25),
            lifetimeMin: options.traffic.lifetimeMin,
            moment: { [unowned simulation] in FleetMoment(simulation) }
        )
        let watch = options.usesRoutes ? RouteWatch(peerIDs) : nil
        var hostConfiguration = SimulatedHost.Configuration()
        hostConfiguration.logLineCountMax = 100
        // A log of a megabyte: it is moved into the database every hour or so, and crashes come in between.
        hostConfiguration.storeLimits.checkpointFrameCount = 250
        hostConfiguration.storage = nodeCount > options.databaseCountMax ? .tables : .disk
        let nodeConfiguration = nodeConfiguration
        let members = try seeds.map { keySeed in
            try FleetMember(
                simulation.host(configuration: hostConfiguration),
                keySeed: keySeed,
                nodeConfiguration,
                ledger,
                traffic,
                watch,
                in: simulation,
                seed: random.next()
            )
        }
        let known = linked ?? Self.partners(nodeCount)
        for member in members {
            member.host.disk?.faults.forgetsSync = options.disksForgetSyncs
            member.neighbours = known[member.index].map { (members[$0].peerID, members[$0].address) }
            member.staysConnected = linked != nil
        }
        let mail =
            options.mailboxCount > 0
            ? FleetMail(mailboxCount: options.mailboxCount, known: known, using: &random) : nil
        if let mail {
            for member in members {
                member.mailboxes = mail.mailboxes[member.index].map { members[$0].address }
                member.served = Set(mail.served(by: member.index).map { members[$0].peerID })
            }
        }
        for (place, node) in hostile.enumerated() {
            members[node].hostility = options.hostilities[place % options.hostilities.count]
        }
        let tallies = hostile.map { (members[$0].peerID, members[$0].hostileTally) }
        for member in members {
            member.hostileTallies = Dictionary(uniqueKeysWithValues: tallies)
        }
        link(members, links, simulation.network)
        return Crew(
            members: members,
            links: links,
            traffic: traffic,
            ledger: ledger,
            watch: watch,
            mail: mail
        )
    }

    /// Nodes by chance; two at least stay honest.
    private func hostileNodes(_ random: inout SplitMix64) -> [Int] {
        var nodes = Array(0..<options.nodeCount)
        return (0..<options.hostileCount).map { _ in nodes.remove(at: random.number(below: nodes.count)) }
    }

    /// By node, whom it writes to and who writes to it, where nodes are not linked.
    private static func partners(_ nodeCount: Int) -> [[Int]] {
        let pairs = (0..<nodeCount).flatMap { node in
            FleetTraffic.others(of: node, nodeCount: nodeCount).map { HostPair(node, $0) }
        }
        return FleetTopology.neighbours(Set(pairs).sorted(), nodeCount: nodeCount)
    }

    private func link(_ members: [FleetMember], _ links: [HostPair], _ network: NetworkFabric) {
        if options.topology.isForced, !links.isEmpty {
            network.wire(links.map { (members[$0.lower].host, members[$0.upper].host) })
        }
        for own in options.ownLinks {
            let (from, to) = (members[own.from].host, members[own.to].host)
            network.setLink(from: from, to: to, own.profile)
            if own.isBothWays { network.setLink(from: to, to: from, own.profile) }
        }
    }

    /// The most by which a clock is wrong, by chance or by plan.
    private var clockErrorMax: Duration {
        let planned = options.plan.map { step in
            if case .skew(_, let difference) = step.fault {
                max(difference, .zero - difference)
            } else {
                Duration.zero
            }
        }
        return planned.reduce(options.faults.clockErrorMax, max)
    }

    /// Nodes with small tables, so that their limits are met.
    private var nodeConfiguration: NodeConfiguration {
        var configuration = FleetNode.configuration
        configuration.usesRoutes = options.usesRoutes
        if let count = options.routeCountMax { configuration.setRouteCountMax(count) }
        // Whom nobody but its neighbours can reach has nobody else to choose.
        configuration.topology = options.topology.isForced ? nil : .mesh
        let proofs = SharedProofs()
        configuration.routeVerification = { proof throws(RouteProofError) in try proofs.verified(proof) }
        configuration.mailbox.shelfLimits.countMax = 100
        configuration.mailbox.shelfLimits.recipientCountMax = 40
        configuration.mailbox.shelfLimits.senderCountMax = 20
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

    private func report(_ crew: Crew, _ faults: FleetFaults, _ simulation: Simulation) -> Report {
        let (members, ledger) = (crew.members, crew.ledger)
        FleetAudit(crew).look()
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
        let hostileMailCount = hostileMailCount(crew)
        let occasions = HostileOccasions(
            members: members,
            mail: crew.mail,
            acceptedCount: ledger.counts.accepted
        )
        for kind in occasions.missed {
            ledger.violate(
                "no node of the kind '\(kind.rawValue)' did anything: none of these was tried",
                involving: []
            )
        }
        if let limit = options.healingTimeMax { ledger.checkHealing(within: limit) }
        let healing = ledger.healing
        let (pending, unacceptedCount) = ledger.finish()
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
            unacceptedCount: unacceptedCount,
            answered: counts.answered,
            repeated: counts.repeated,
            held: counts.held,
            lost: counts.lost,
            duplicated: counts.duplicated,
            crashCount: members.reduce(0) { $0 + $1.crashCount },
            restartCount: members.reduce(0) { $0 + $1.restartCount },
            resetCount: faults.resetCount,
            partitionCount: faults.partitionCount,
            hostileCount: members.count { $0.hostility != nil },
            cutCount: faults.cutCount,
            healedCount: healing.count,
            healingSeconds: healing.longest?.inSeconds,
            routeChangeCount: crew.watch?.changeCount,
            mailCopyCount: crew.mail?.copies.seenCount,
            leftCopyCount: crew.mail?.copies.leftCount,
            hostileMailCount: hostileMailCount,
            hostileDeeds: HostileDeeds(members),
            violations: ledger.violations,
            firstViolation: ledger.firstViolation,
            events: ledger.events,
            eventCount: simulation.counts.events,
            traceHash: simulation.traceHash
        )
    }

    /// Offers that mailboxes took which lie; with 0 the run says nothing of what such mailboxes do.
    private func hostileMailCount(_ crew: Crew) -> Int? {
        let liars = crew.members.filter { $0.hostility == .mailbox }
        guard crew.mail != nil, !liars.isEmpty else { return nil }
        return liars.reduce(0) { $0 + $1.hostileTally.takenCount }
    }

    /// Ends the nodes in order.
    ///
    /// A task that stays suspended is never freed, and keeps the whole node: one process could not run many fleets.
    private func end(_ members: [FleetMember], in simulation: Simulation) throws {
        for member in members { member.stop() }
        try simulation.run(for: .seconds(60))
    }
}
