internal import StarlingCore
internal import StarlingCrypto
internal import StarlingMesh
internal import StarlingNode
internal import StarlingWorld

/// A node that is away for a day, some that write to it and then go, too, and mailboxes of its own that come and go meanwhile,
/// some of which lie.
///
/// The nodes are the daemon's own code; only their worlds are simulated. The same options give the same trace.
package struct AbsenceFleet: Sendable {
    /// What is simulated.
    package struct Options: FleetOptions {
        package var seed: UInt64 = 1
        /// The one that is away, its mailboxes, and those that write to it.
        package var nodeCount = 13
        /// How long it is away; its messages live for three days.
        package var duration: Duration = .seconds(24 * 3600)
        package var mailboxCount = 8
        /// Those of the mailboxes that lie.
        package var liarCount = 2
        /// What each sender writes, over the first two hours.
        package var messageCount = 250

        package init() {}
    }

    /// What came of it.
    package struct Report: Sendable, Equatable {
        package var seed: UInt64
        package var nodeCount: Int
        package var virtualSeconds: Double = 0
        package var accepted = 0
        /// What the node had of it when its senders were away still.
        package var arrivedByMailbox = 0
        /// What it had in the end.
        package var arrived = 0
        /// What its senders had receipts for in the end.
        package var delivered = 0
        package var duplicated = 0
        /// The most copies that there were of any message in honest mailboxes.
        package var copyCountMax = 0
        /// What honest mailboxes kept in the end.
        package var leftCount = 0
        /// Offers that mailboxes took which lie.
        package var hostileMailCount = 0
        /// Times that a mailbox's machine lost its power or its process was killed.
        package var crashCount = 0
        package var eventCount = 0
        package var traceHash: UInt64 = 0
        /// Rules that were broken, in words; empty when all is well.
        package var violations: [String] = []
        /// When the first of them was found.
        package var firstViolation: FleetMoment?
        /// Who came and went last before the first of them; none when all is well.
        package var events: [String] = []

        /// The share of what was accepted that came while the senders were away.
        package var mailboxRatio: Double { accepted == 0 ? 0 : Double(arrivedByMailbox) / Double(accepted) }
    }

    private let options: Options

    /// - Precondition: there is a sender; two mailboxes at least are honest, and one node names no more than a list may.
    package init(_ options: Options) {
        precondition(options.nodeCount > options.mailboxCount + 1)
        precondition(options.mailboxCount - options.liarCount >= 2)
        precondition(options.mailboxCount <= MailboxList.Limits().mailboxCountMax)
        self.options = options
    }

    /// Runs the simulation on the calling thread.
    ///
    /// - Parameter progress: hears how much of the virtual time has passed.
    /// - Throws: ``SimulationError`` when the simulation itself breaks down, ``NodeStartError`` when a node does.
    package func run(progress: (@Sendable (Duration) -> Void)? = nil) throws -> Report {
        let course = try AbsenceCourse(options, progress)
        try course.meet()
        try course.write()
        try course.wait()
        try course.comeBack()
        try course.meetAgain()
        return try course.end()
    }
}

/// What befalls an ``AbsenceFleet``, step by step.
private final class AbsenceCourse {
    private let options: AbsenceFleet.Options
    private let progress: ((Duration) -> Void)?
    private let simulation: Simulation
    private var random: SplitMix64
    private var hosts: [SimulatedHost] = []
    private var keySeeds: [[UInt8]] = []
    private var peerIDs: [PeerID] = []
    /// The nodes that run; `nil` for those that are away.
    private var nodes: [Node?]
    private var hasRun: Set<Int> = []
    private var ids: [Int: [MessageID]] = [:]
    private var texts: Set<String> = []
    /// When a mailbox that is away comes back.
    private var returns: [Int: Instant] = [:]
    /// What honest mailboxes keep.
    private var copies: MailCopies
    /// Who came and went last.
    private var recent: [String] = []
    private let mailTally = HostileTally()
    private var violations = FleetViolations()
    private var report: AbsenceFleet.Report

    private static let recipient = 0
    private static let meetingTime = Duration.seconds(10)
    private static let writingTime = Duration.seconds(2 * 3600)
    /// From the last message until the senders go: what is accepted finds its mailboxes, also those that are away for a while.
    private static let leavingTime = Duration.seconds(1800)
    private static let returningTime = Duration.seconds(1200)
    private static let lifetime = Duration.seconds(72 * 3600)
    /// How often it is looked at what there is.
    private static let step = Duration.seconds(10)
    /// The chance of an honest mailbox to go away in a step: twice a day or so for each.
    private static let crashRatio = 0.000_25
    /// How long one is away at most, in seconds.
    private static let downSecondsMax = 1200
    private static let eventCountMax = 40

    init(_ options: AbsenceFleet.Options, _ progress: ((Duration) -> Void)?) throws {
        self.options = options
        self.progress = progress
        var configuration = Simulation.Configuration()
        configuration.link = LinkProfile(latency: .milliseconds(15), jitter: .milliseconds(5))
        simulation = Simulation(seed: options.seed, configuration: configuration)
        random = SplitMix64(seed: options.seed &* 2 &+ 1)
        report = .init(seed: options.seed, nodeCount: options.nodeCount)
        nodes = [Node?](repeating: nil, count: options.nodeCount)
        copies = MailCopies(nodeCount: options.nodeCount)
        var host = SimulatedHost.Configuration()
        host.storage = .disk
        for _ in 0..<options.nodeCount {
            hosts.append(simulation.host(configuration: host))
            let seed = SimulatedRandom(seed: random.next()).bytes(count: 32)
            keySeeds.append(seed)
            peerIDs.append(try FleetNode.identity(seed).peerID)
        }
    }

    private var mailboxes: Range<Int> { 1..<options.mailboxCount + 1 }
    private var senders: Range<Int> { options.mailboxCount + 1..<options.nodeCount }
    /// The first ones lie: they are asked before the others.
    private var liars: [Int] { Array(mailboxes.prefix(options.liarCount)) }
    private var honest: [Int] { Array(mailboxes.dropFirst(options.liarCount)) }

    // MARK: Steps

    /// All are there; each sender meets the one that it will write to.
    func meet() throws {
        for index in nodes.indices { try start(index) }
        try pass(Self.meetingTime)
        let address = address(of: Self.recipient)
        for sender in senders { try at(sender) { _ = try await $0.swarm.connect(to: address) } }
        try pass(Self.meetingTime)
        takeAway(Self.recipient, .power)
    }

    /// The senders write, and go.
    func write() throws {
        let gap = Self.writingTime / max(1, options.messageCount)
        let peer = peerIDs[Self.recipient]
        for number in 0..<options.messageCount {
            for sender in senders {
                let text = "\(sender) writes \(number)"
                texts.insert(text)
                let id = try at(sender) { node in
                    var draft = MessageDraft(
                        to: peer,
                        content: MessageContent(type: .data, payload: Array(text.utf8))
                    )
                    draft.lifetime = Self.lifetime
                    return try await node.delivery.accept(draft)
                }
                ids[sender, default: []].append(id)
                report.accepted += 1
            }
            try run(for: gap)
        }
        try run(for: Self.leavingTime)
        for sender in senders { takeAway(sender, .process) }
    }

    /// The rest of the day passes.
    func wait() throws {
        try run(for: options.duration - Self.writingTime - Self.leavingTime)
    }

    /// The one that was away is back, and its senders are not.
    func comeBack() throws {
        try start(Self.recipient)
        try run(for: Self.returningTime)
        report.arrivedByMailbox = try arrivals().count
        if report.mailboxRatio < 0.999 {
            violate(
                "\(report.arrivedByMailbox) of \(report.accepted) came through mailboxes"
            )
        }
    }

    /// The senders are back; in the end nobody keeps anything any more.
    func meetAgain() throws {
        for mailbox in returns.keys.sorted() { try bringBack(mailbox) }
        for sender in senders { try start(sender) }
        try run(for: Self.returningTime, hasCrashes: false)
        for sender in senders {
            let (node, ids) = (nodes[sender], ids[sender] ?? [])
            guard let node else { continue }
            report.delivered += try simulation.complete(on: hosts[sender]) {
                var count = 0
                for id in ids where await node.delivery.report(on: id)?.message.state == .delivered {
                    count += 1
                }
                return count
            }
        }
        let arrived = try arrivals()
        report.arrived = Set(arrived).count
        report.duplicated = arrived.count - report.arrived
        lookAtShelves()
        report.leftCount = copies.leftCount
        for (what, count) in [
            ("are not delivered", report.accepted - report.delivered),
            ("did not arrive", texts.subtracting(arrived).count), ("came twice", report.duplicated),
            ("were never sent", Set(arrived).subtracting(texts).count),
            ("are kept for nobody", report.leftCount),
        ] where count > 0 { violate("\(count) messages \(what)") }
        report.hostileMailCount = mailTally.takenCount
        if !liars.isEmpty, report.hostileMailCount == 0 {
            violate("no message was left with a mailbox that lies: none of these was tried")
        }
    }

    /// Ends the nodes in order.
    func end() throws -> AbsenceFleet.Report {
        report.virtualSeconds = Instant(nanosecondsSinceOrigin: 0).duration(to: simulation.now).inSeconds
        report.eventCount = simulation.counts.events
        report.traceHash = simulation.traceHash
        report.violations = violations.texts
        report.firstViolation = violations.first
        for index in nodes.indices {
            guard let node = nodes[index] else { continue }
            hosts[index].loop.startTask { await node.stop() }
        }
        try simulation.run(for: .seconds(60))
        return report
    }

    // MARK: Nodes

    private func address(of index: Int) -> Multiaddr { FleetNode.address(of: hosts[index], peerIDs[index]) }

    private func start(_ index: Int) throws {
        if !hasRun.insert(index).inserted { hosts[index].restart() }
        note("node \(index) starts")
        var configuration = FleetNode.configuration
        // With routes a mailbox would be a relay as well, and nobody would need what it keeps.
        configuration.usesRoutes = false
        if index == Self.recipient { configuration.mailbox.addresses = mailboxes.map(address) }
        if mailboxes.contains(index) { configuration.mailbox.policy = .named([peerIDs[Self.recipient]]) }
        let node = try Node(
            world: hosts[index].world,
            identity: try FleetNode.identity(keySeeds[index]),
            configuration: configuration
        )
        nodes[index] = node
        let isLiar = liars.contains(index)
        try simulation.complete(on: hosts[index]) { [mailTally] in
            try await node.start()
            if isLiar { HostileMailbox(node, mailTally).begin() }
        }
    }

    private func takeAway(_ index: Int, _ crash: SimulatedHost.Crash) {
        guard let node = nodes[index] else { return }
        if honest.contains(index) { lookAtShelf(of: index) }
        note("node \(index) \(crash == .power ? "loses its power" : "is killed")")
        nodes[index] = nil
        let loop = hosts[index].loop
        hosts[index].crash(crash, leaving: .unwinding)
        loop.startTask {
            await node.stop()
            await node.world.store.close()
        }
    }

    private func bringBack(_ mailbox: Int) throws {
        returns[mailbox] = nil
        try start(mailbox)
    }

    private func at<Value: Sendable>(
        _ index: Int,
        _ body: @escaping @Sendable (Node) async throws -> Value
    ) throws -> Value {
        guard let node = nodes[index] else { throw SimulationError.unfinished(after: .zero) }
        return try simulation.complete(on: hosts[index]) { try await body(node) }
    }

    // MARK: Time

    /// Time passes, and mailboxes come and go; two honest ones are there at any moment.
    private func run(for duration: Duration, hasCrashes: Bool = true) throws {
        let end = simulation.now + duration
        while simulation.now < end {
            for (mailbox, time) in returns.sorted(by: { $0.key < $1.key }) where time <= simulation.now {
                try bringBack(mailbox)
            }
            for mailbox in honest
            where hasCrashes && nodes[mailbox] != nil && honest.count - returns.count > 2 {
                guard random.chance(Self.crashRatio) else { continue }
                takeAway(mailbox, random.chance(0.5) ? .power : .process)
                report.crashCount += 1
                returns[mailbox] = simulation.now + .seconds(1 + random.number(below: Self.downSecondsMax))
            }
            try pass(min(Self.step, simulation.now.duration(to: end)))
            look()
        }
    }

    private func pass(_ duration: Duration) throws(SimulationError) {
        try simulation.run(for: duration, telling: progress)
    }

    // MARK: Views

    private func note(_ what: String) {
        if recent.count == Self.eventCountMax { recent.removeFirst() }
        let seconds = Duration.nanoseconds(simulation.now.nanosecondsSinceOrigin).inSeconds
        recent.append("\(seconds) \(what)")
    }

    private func violate(_ text: String) {
        if violations.note(text, at: FleetMoment(simulation)) == 1 { report.events = recent }
    }

    /// What a mailbox keeps; of one that is down what it has on its disk counts.
    private func lookAtShelf(of mailbox: Int) {
        guard let shelf = nodes[mailbox]?.shelf else { return }
        let names = hosts[mailbox].loop.perform {
            shelf.assumeIsolated { $0.keptMessages(after: .max)?.names ?? [] }
        }
        copies.saw(Set(names), at: mailbox)
    }

    /// No message has more copies than it may.
    private func lookAtShelves() {
        for mailbox in honest { lookAtShelf(of: mailbox) }
        for excess in copies.takeExcess() { violate(excess.text) }
        report.copyCountMax = copies.countMax
    }

    /// No message has more copies than it may, no table is over its limit.
    private func look() {
        lookAtShelves()
        for index in nodes.indices {
            guard let node = nodes[index] else { continue }
            let fills = hosts[index].loop.perform { node.tableFills() }
            for fill in fills where fill.isOverfull { violate("node \(index): \(fill)") }
        }
    }

    /// What is in the inbox of the one that was away.
    private func arrivals() throws -> [String] {
        try at(Self.recipient) { node in
            try await node.delivery.inboxPage(after: 0, countMax: .max / 2, byteCountMax: .max).deliveries
                .map { String(decoding: $0.content.payload, as: UTF8.self) }
        }
    }
}
