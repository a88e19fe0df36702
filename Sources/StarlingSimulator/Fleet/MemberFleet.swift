internal import StarlingCore
internal import StarlingCrypto
package import StarlingMesh
internal import StarlingNode
internal import StarlingWorld

/// Many whole nodes that know one of them, stay connected by themselves, and find out who dies.
///
/// The nodes are the daemon's own code; only their worlds are simulated. The same options give the same trace.
package struct MemberFleet: Sendable {
    /// What is simulated.
    package struct Options: FleetOptions {
        package var seed: UInt64 = 1
        package var nodeCount = 200
        /// Virtual time, from the first node's start; what is left after the deaths is spent with starved nodes.
        ///
        /// The course goes over what is less than ``durationMin``.
        package var duration: Duration = .seconds(1200)
        package var policy = Topology.Policy.mesh
        /// Nodes that die one after the other.
        package var deathCount = 10

        package init() {}

        /// The fewest nodes of which some have neighbours enough when the others have died, all of one node's at last.
        package var nodeCountMin: Int { 2 * deathCount + Topology.Limits().degreeMax + 4 }

        /// How long the course may take, where the nodes take as long as they may for each of its steps.
        package var durationMin: Duration {
            MemberCourse.joinGap * nodeCount + MemberCourse.joinPatience + MemberCourse.settleTime
                + MemberCourse.deathGap * deathCount + MemberCourse.healPatience + MemberCourse.settleTime
                + MemberCourse.starvingTimeMin * 2
        }
    }

    /// What came of it.
    package struct Report: Sendable, Equatable {
        package var seed: UInt64
        package var nodeCount: Int
        package var virtualSeconds: Double
        /// From the last node's start until every node knew of every other one, and all were connected with each other.
        package var joinSeconds: Double?
        /// Links of a node before anybody died: the fewest, the median, the most.
        ///
        /// The most may be some more than the policy's: who dials a node is let in, and a link beyond what is wanted goes once
        /// it has had its youth, unless it is wanted, in use, or to one of the nearest.
        package var degrees: [Int] = []
        /// From each death until a node knew of it, over all deaths and nodes: the median and the most.
        package var detectionMedianSeconds: Double?
        /// From each death until every node knew of it: the median and the most.
        package var knownMedianSeconds: Double?
        package var knownMaxSeconds: Double?
        /// From the death of all neighbours of a node until it and all others were connected again, with links enough.
        package var healSeconds: Double?
        /// Running nodes that were taken for dead by somebody until all were settled.
        package var joiningDeathCount = 0
        /// The same while others died, and none was starved.
        package var falseDeathCount = 0
        /// The same while every node lacked a tenth of its processor time, and for how long that was.
        package var shortOfTimeDeathCount = 0
        /// The same while every tenth node lacked nine tenths of it.
        package var starvedDeathCount = 0
        package var starvedSeconds: Double = 0
        /// How often a node's way to another changed, each time without a circle; `nil` where that is not watched.
        package var routeChangeCount: Int?
        package var eventCount = 0
        package var traceHash: UInt64 = 0
        /// Rules that were broken, in words; empty when all is well.
        package var violations: [String] = []
        /// When the first of them was found.
        package var firstViolation: FleetMoment?
        /// Who took running nodes for dead first.
        package var events: [String] = []
    }

    /// A report, and the end of the run as an SVG document, where it was asked for.
    package struct Outcome: Sendable {
        package var report: Report
        package var picture: String?
    }

    private let options: Options

    /// - Precondition: there are ``Options/nodeCountMin`` nodes at least.
    package init(_ options: Options) {
        precondition(options.nodeCount >= options.nodeCountMin)
        self.options = options
    }

    /// Runs the simulation on the calling thread.
    ///
    /// - Parameters:
    ///   - pictureTitle: what stands over a picture of the end; `nil` for none.
    ///   - progress: hears how much of the virtual time has passed.
    /// - Throws: ``SimulationError`` when the simulation itself breaks down, ``NodeStartError`` when a node does.
    package func run(
        pictureTitle: String? = nil,
        progress: (@Sendable (Duration) -> Void)? = nil
    ) throws -> Outcome {
        let course = try MemberCourse(options, pictureTitle, progress)
        try course.join()
        try course.settle()
        try course.kill()
        try course.killNeighbours()
        try course.starve()
        return try course.end()
    }
}

/// What befalls a ``MemberFleet``, step by step.
private final class MemberCourse {
    private let options: MemberFleet.Options
    private let pictureTitle: String?
    private let progress: ((Duration) -> Void)?
    private let simulation: Simulation
    private let watch = MemberWatch()
    private let routes: MemberRoutes
    private let hosts: [SimulatedHost]
    private let identities: [IdentityKey]
    private let proofs = SharedProofs()
    private var nodes: [Node] = []
    private var indexes: [PeerID: Int] = [:]
    private var running: [Int] = []
    private var turns: FleetTurns
    private var auditing: ScriptedRoutine?
    private var violations = FleetViolations()
    private var report: MemberFleet.Report

    /// From one node's start to the next one's.
    static let joinGap = Duration.milliseconds(50)
    /// How long the nodes may take to know of each other.
    static let joinPatience = Duration.seconds(120)
    /// How long the nodes have to find their links.
    static let settleTime = Duration.seconds(60)
    /// From one death to the next.
    static let deathGap = Duration.seconds(20)
    /// How long those may take that lost their neighbours.
    static let healPatience = Duration.seconds(120)
    /// How long each kind of starving lasts at least.
    static let starvingTimeMin = Duration.seconds(60)
    /// How often it is looked whether something has come about.
    private static let step = Duration.milliseconds(100)

    init(
        _ options: MemberFleet.Options,
        _ pictureTitle: String?,
        _ progress: ((Duration) -> Void)?
    ) throws {
        self.options = options
        self.pictureTitle = pictureTitle
        self.progress = progress
        var configuration = Simulation.Configuration()
        configuration.link = LinkProfile(latency: .milliseconds(20), jitter: .milliseconds(5))
        let simulation = Simulation(seed: options.seed, configuration: configuration)
        self.simulation = simulation
        if pictureTitle != nil { simulation.network.loads = [:] }
        hosts = (0..<options.nodeCount).map { _ in simulation.host() }
        identities = try hosts.map { try FleetNode.identity($0.world.random.bytes(count: 32)) }
        routes = MemberRoutes(identities.map(\.peerID))
        turns = FleetTurns(nodeCount: options.nodeCount)
        report = .init(seed: options.seed, nodeCount: options.nodeCount, virtualSeconds: 0)
        routes.foundCircle = { [unowned self] peer, nodes in
            let circle = nodes.map(String.init).joined(separator: ", ")
            violate("the way to \(peer) leads in a circle: \(circle)")
        }
        auditing = simulation.every(.seconds(1)) { [unowned self] in
            let living = Set(running)
            checkTables(of: turns.next(where: living.contains))
        }
    }

    // MARK: Steps

    func join() throws {
        for index in 0..<options.nodeCount {
            let host = hosts[index]
            let node = try makeNode(index)
            nodes.append(node)
            indexes[node.peerID] = index
            running.append(index)
            try simulation.complete(on: host) { [watch, routes, loop = host.loop] in
                await node.liveness.observe { event in watch.take(event, of: index, at: loop.now) }
                await node.routes.observe { peer, neighbours in routes.changed(index, peer, neighbours) }
                try await node.start()
            }
            watch.started(node.peerID, index)
            try pass(Self.joinGap)
        }
        let begin = simulation.now
        report.joinSeconds = try seconds(within: Self.joinPatience, since: begin) { self.isWhole }
        if report.joinSeconds == nil { violate("not all nodes know all others") }
    }

    func settle() throws {
        try pass(Self.settleTime)
        let degrees = running.map(degree).sorted()
        report.degrees = [degrees[0], degrees[degrees.count / 2], degrees[degrees.count - 1]]
        report.joiningDeathCount = takeFalseDeaths("while nodes joined")
        if options.policy == .mesh, degrees[0] < 3 {
            violate("a node has \(degrees[0]) links")
        }
        checkTables(of: running)
    }

    /// Nodes die one after the other: their process, or their machine, which is silent then.
    func kill() throws {
        var detections: [Double] = []
        var knowns: [Double] = []
        for number in 0..<options.deathCount {
            let victim = drawVictim()
            let died = simulation.now
            die(victim, number % 2 == 0 ? .process : .power)
            try pass(Self.deathGap)
            var times = watch.times(of: nodes[victim].peerID).map { died.duration(to: $0).inSeconds }
            for _ in 0..<3 where times.count < running.count {
                try pass(Self.deathGap)
                times = watch.times(of: nodes[victim].peerID).map { died.duration(to: $0).inSeconds }
            }
            guard times.count >= running.count, let last = times.max() else {
                violate(
                    "the death of node \(victim) is known to \(times.count) of \(running.count)"
                )
                continue
            }
            detections += times
            knowns.append(last)
        }
        report.detectionMedianSeconds = Self.median(detections)
        report.knownMedianSeconds = Self.median(knowns)
        report.knownMaxSeconds = knowns.max()
    }

    /// All neighbours of one node die at once.
    func killNeighbours() throws {
        let lone = drawVictim()
        let neighbours = self.neighbours(of: lone)
        for (number, victim) in neighbours.enumerated() { die(victim, number % 2 == 0 ? .process : .power) }
        let begin = simulation.now
        let least = options.policy == .mesh ? 3 : 1
        report.healSeconds = try seconds(within: Self.healPatience, since: begin) {
            self.isConnected && self.running.allSatisfy { self.livingNeighbours(of: $0).count >= least }
        }
        if report.healSeconds == nil { violate("a node that lost its neighbours is alone") }
        try pass(Self.settleTime)
        report.falseDeathCount = takeFalseDeaths("while others died")
    }

    /// First every node lacks a tenth of its processor time, then every tenth node nine tenths.
    func starve() throws {
        let rest = Instant(nanosecondsSinceOrigin: 0).duration(to: simulation.now)
        let time = max(Self.starvingTimeMin, (options.duration - rest) / 2)
        report.starvedSeconds = time.inSeconds
        try starve(running, for: .milliseconds(300), over: time)
        report.shortOfTimeDeathCount = takeFalseDeaths("while all lacked a tenth of their time", within: time)
        let some = running.enumerated().filter { $0.offset % 10 == 0 }.map(\.element)
        try starve(some, for: .milliseconds(2700), over: time)
        report.starvedDeathCount = takeFalseDeaths("while some lacked nine tenths of theirs", within: time)
        checkTables(of: running)
    }

    /// How many running nodes were taken for dead since the last call: more than may be is a broken rule.
    ///
    /// - Parameter time: for how long nodes were starved meanwhile.
    private func takeFalseDeaths(_ when: String, within time: Duration = .zero) -> Int {
        let count = watch.takeFalseDeaths()
        if count > MemberWatch.falseDeathCountMax(starvedFor: time) {
            violate("\(count) running nodes were taken for dead \(when)")
        }
        return count
    }

    /// Takes the processor from nodes, so long in every three seconds, each at its own time.
    private func starve(_ victims: [Int], for duration: Duration, over time: Duration) throws {
        let end = simulation.now + time
        let slice = Duration.milliseconds(100)
        let sliceCount = 30
        var turn = 0
        while simulation.now < end {
            for (place, victim) in victims.enumerated() where (place * 7 + turn) % sliceCount == 0 {
                hosts[victim].stall(for: duration)
            }
            turn += 1
            try pass(slice)
        }
    }

    /// Ends the nodes in order: a task that stays suspended is never freed, and keeps the whole node.
    func end() throws -> MemberFleet.Outcome {
        auditing = nil
        routes.end()
        report.virtualSeconds = Instant(nanosecondsSinceOrigin: 0).duration(to: simulation.now).inSeconds
        report.eventCount = simulation.counts.events
        report.traceHash = simulation.traceHash
        report.violations = violations.texts
        report.firstViolation = violations.first
        report.routeChangeCount = routes.changeCount
        report.events = watch.end()
        let picture = pictureTitle.map {
            FleetPicture($0, report, running: Set(running), simulation.network)
        }
        for index in running {
            let node = nodes[index]
            hosts[index].loop.startTask { await node.stop() }
        }
        try simulation.run(for: .seconds(30))
        return MemberFleet.Outcome(report: report, picture: picture?.svg)
    }

    // MARK: Nodes

    private func makeNode(_ index: Int) throws -> Node {
        var configuration = FleetNode.configuration
        configuration.usesRoutes = true
        configuration.topology = options.policy
        configuration.routeVerification = { [proofs] proof throws(RouteProofError) in
            try proofs.verified(proof)
        }
        if let first = nodes.first {
            configuration.bootstrapAddresses = [FleetNode.address(of: hosts[0], first.peerID)]
        }
        return try Node(
            world: hosts[index].world,
            identity: identities[index],
            configuration: configuration
        )
    }

    private func drawVictim() -> Int {
        // The one that all others know from the start stays.
        running[1 + simulation.random.number(below: running.count - 1)]
    }

    private func die(_ victim: Int, _ crash: SimulatedHost.Crash) {
        running.removeAll { $0 == victim }
        watch.died(nodes[victim].peerID, victim)
        routes.died(victim)
        hosts[victim].crash(crash, leaving: .unwinding)
    }

    // MARK: Views

    private func ask<Value: Sendable>(_ index: Int, _ body: @Sendable (isolated TopologyDriver) -> Value)
        -> Value?
    {
        guard let topology = nodes[index].topology else { return nil }
        return hosts[index].loop.perform { topology.assumeIsolated { body($0) } }
    }

    private func neighbours(of index: Int) -> [Int] {
        (ask(index) { $0.neighbours } ?? []).compactMap { indexes[$0] }
    }

    private func livingNeighbours(of index: Int) -> [Int] {
        let living = Set(running)
        return neighbours(of: index).filter { living.contains($0) }
    }

    private func degree(_ index: Int) -> Int { ask(index) { $0.degree } ?? 0 }

    private var isWhole: Bool {
        let count = running.count
        for index in running {
            let liveness = nodes[index].liveness
            let living = hosts[index].loop.perform { liveness.assumeIsolated { $0.livingCount } }
            guard living == count else { return false }
        }
        return isConnected
    }

    /// Whether there is a way over links from each running node to each other one.
    private var isConnected: Bool {
        FleetTopology.isConnected(running) { neighbours(of: $0) }
    }

    private func checkTables(of indexes: [Int]) {
        for index in indexes {
            let node = nodes[index]
            let fills = hosts[index].loop.perform { node.tableFills() }
            for fill in fills where fill.isOverfull {
                violate("node \(index): \(fill)")
            }
        }
    }

    private func violate(_ text: String) {
        violations.note(text, at: FleetMoment(simulation))
    }

    // MARK: Time

    private func pass(_ duration: Duration) throws(SimulationError) {
        try simulation.run(for: duration, telling: progress)
    }

    /// Runs until something holds, and says how long after `begin` that was; `nil` when it does not come about.
    private func seconds(
        within limit: Duration,
        since begin: Instant,
        until holds: () -> Bool
    ) throws -> Double? {
        while !holds() {
            guard begin.duration(to: simulation.now) < limit else { return nil }
            try pass(Self.step)
        }
        return begin.duration(to: simulation.now).inSeconds
    }

    private static func median(_ values: [Double]) -> Double? {
        values.isEmpty ? nil : values.sorted()[values.count / 2]
    }
}
