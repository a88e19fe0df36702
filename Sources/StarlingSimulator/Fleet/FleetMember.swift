internal import StarlingCore
internal import StarlingCrypto
internal import StarlingMesh
internal import StarlingNode
internal import StarlingWorld

/// One host of a fleet, and the nodes that run on it one after the other.
final class FleetMember: @unchecked Sendable {  // tidy-ok: one thread
    private enum State {
        case down
        case running(FleetLife)
        case stopping
    }

    private struct Event {
        var time: Int64
        var what: StaticString
        var number: UInt64
    }

    private static let eventCountMax = 48

    let index: Int
    let host: SimulatedHost
    let peerID: PeerID
    /// Whose addresses the member's node knows.
    var neighbours: [(peer: PeerID, address: Multiaddr)] = []
    /// What it does to others; `nil` for an honest one.
    var hostility: FleetHostility?
    /// What it has done, where it is hostile.
    let hostileTally = HostileTally()
    /// The hostile ones among the others.
    var hostileTallies: [PeerID: HostileTally] = [:]
    /// Where those are that keep its messages while it is away.
    var mailboxes: [Multiaddr] = []
    /// Those whose messages it keeps.
    var served: Set<PeerID> = []
    /// Whether it stays connected with them.
    var staysConnected = false
    private let keySeed: [UInt8]
    private let configuration: NodeConfiguration
    private let ledger: FleetLedger
    private let traffic: FleetTraffic
    private let watch: RouteWatch?
    private unowned let simulation: Simulation
    private var random: SplitMix64
    private var state = State.down
    /// Nodes that have run here.
    private(set) var lifeCount = 0
    /// How many more crashed processes have begun to come to their end than have.
    private(set) var unwindingCount = 0
    private(set) var crashCount = 0
    private(set) var restartCount = 0
    /// The delay of a crash that the next event of the application sets off.
    private var trap: (kind: SimulatedHost.Crash, delay: Duration, downtime: Duration)?
    private var trapCount = 0
    private var recent = RingQueue<Event>()
    /// The life, and the turn of its delivery, of which the tables were looked at last.
    private var checkedTurn: (life: Int, turn: UInt64)?

    init(
        _ host: SimulatedHost,
        keySeed: [UInt8],
        _ configuration: NodeConfiguration,
        _ ledger: FleetLedger,
        _ traffic: FleetTraffic,
        _ watch: RouteWatch?,
        in simulation: Simulation,
        seed: UInt64
    ) throws {
        index = host.id
        self.host = host
        self.keySeed = keySeed
        self.configuration = configuration
        self.ledger = ledger
        self.traffic = traffic
        self.watch = watch
        self.simulation = simulation
        random = SplitMix64(seed: seed)
        peerID = try FleetNode.identity(keySeed).peerID
    }

    /// Where the member's node listens.
    var address: Multiaddr { FleetNode.address(of: host, peerID) }

    /// Whether its nodes have routes, or lie about them.
    var usesRoutes: Bool { configuration.usesRoutes }

    /// Whether it has done to others what it is there for.
    var hasActed: Bool {
        switch hostility {
        case nil: false
        case .drop: hostileTally.droppedCount > 0
        case .replay: hostileTally.replayedCount > 0
        case .flatter, .flood: hostileTally.toldCount > 0
        case .mailbox: hostileTally.takenCount > 0
        }
    }

    var isUp: Bool {
        if case .running(let life) = state { life.isUp } else { false }
    }

    var isDown: Bool {
        if case .down = state { true } else { false }
    }

    // MARK: Power

    /// Starts a node, where none runs.
    func boot() {
        guard isDown else { return }
        if lifeCount > 0 { host.restart() }
        lifeCount += 1
        note("boots", UInt64(lifeCount))
        if let error = host.storeError {
            return ledger.violate("the store of node \(index) does not open: \(error)", involving: [index])
        }
        if let report = host.store?.report, !report.isClean {
            ledger.violate("the store of node \(index) is damaged: \(report)", involving: [index])
        }
        var configuration = configuration
        if hostility?.liesOfRoutes == true { configuration.usesRoutes = false }
        configuration.mailbox.addresses = mailboxes
        if !served.isEmpty { configuration.mailbox.policy = .named(served) }
        if staysConnected { configuration.bootstrapAddresses = neighbours.map(\.address) }
        do {
            let node = try Node(
                world: host.world,
                identity: FleetNode.identity(keySeed),
                configuration: configuration
            )
            let life = FleetLife(node, of: self, ledger, traffic, seed: random.next())
            state = .running(life)
            life.begin()
        } catch {
            ledger.violate("node \(index) cannot be made: \(error)", involving: [index])
        }
    }

    /// Ends the node's process, or the machine's power, and boots after a while.
    func crash(_ kind: SimulatedHost.Crash, downtime: Duration) {
        trap = nil
        guard case .running(let life) = state else { return }
        note(kind == .power ? "loses its power" : "is killed", UInt64(lifeCount))
        crashCount += 1
        state = .down
        ledger.crashed(in: lifeCount, of: index)
        watch?.forget(index)
        host.crash(kind, leaving: .unwinding)
        unwindingCount += 1
        life.end { [weak self] in self?.unwindingCount -= 1 }
        bootLater(downtime)
    }

    /// Crashes a little after the next event of the node's applications, or after a minute without one.
    func setTrap(_ kind: SimulatedHost.Crash, delay: Duration, downtime: Duration) {
        trapCount += 1
        trap = (kind, delay, downtime)
        let number = trapCount
        simulation.after(.seconds(60)) { [weak self] in
            guard let self, self.trapCount == number, self.trap != nil else { return }
            self.crash(kind, downtime: downtime)
        }
    }

    func clearTrap() { trap = nil }

    /// Stops the node in order, and boots after a while.
    func restart(downtime: Duration) {
        guard case .running = state else { return }
        restartCount += 1
        stop { [weak self] in self?.bootLater(downtime) }
    }

    /// Stops the node in order.
    func stop(_ completion: @escaping @Sendable () -> Void = {}) {
        guard case .running(let life) = state else { return }
        note("is stopped", UInt64(lifeCount))
        state = .stopping
        watch?.forget(index)
        life.end { [weak self] in
            guard let self, case .stopping = self.state else { return }
            self.state = .down
            completion()
        }
    }

    private func bootLater(_ downtime: Duration) {
        let life = lifeCount
        simulation.after(downtime) { [weak self] in
            guard let self, self.lifeCount == life else { return }
            self.boot()
        }
    }

    // MARK: Watching

    /// Notes what an application does, for the report of a failure; a trap that is set goes off.
    func note(_ what: StaticString, _ number: UInt64) {
        if recent.count == Self.eventCountMax { _ = recent.popFirst() }
        recent.append(Event(time: simulation.now.nanosecondsSinceOrigin, what: what, number: number))
        guard let trap, isUp else { return }
        self.trap = nil
        let life = lifeCount
        simulation.after(trap.delay) { [weak self] in
            guard let self, self.lifeCount == life else { return }
            self.crash(trap.kind, downtime: trap.downtime)
        }
    }

    /// What happened here last, the log's last lines included.
    var recentEvents: [String] {
        let events = (0..<recent.count).map { position in
            let event = recent[position]
            return "\(Duration.nanoseconds(event.time).inSeconds) \(event.what) \(event.number)"
        }
        return events + host.log.lines.suffix(12).map { "log \($0)" }
    }

    func check(_ fills: [TableFill]) {
        for fill in fills where fill.isOverfull {
            ledger.violate(
                "node \(index) has \(fill.count) of \(fill.countMax): \(fill.name)",
                involving: [index]
            )
        }
    }

    /// The node reaches a peer over these neighbours from now on.
    func routeChanged(to peer: PeerID, _ neighbours: [PeerID]) {
        if hostility == nil, !hostileTallies.isEmpty {
            for neighbour in neighbours where neighbour != peer { hostileTallies[neighbour]?.wayCount += 1 }
        }
        guard let circle = watch?.changed(index, peer, neighbours) else { return }
        let nodes = circle.map(String.init).joined(separator: ", ")
        ledger.violate("the way to \(peer) leads in a circle: \(nodes)", involving: circle)
    }

    /// Asks the running node's delivery, from outside of all loops; `nil` when none is up.
    func ask<Value: Sendable>(_ body: @Sendable (isolated DeliveryDriver) -> Value) -> Value? {
        guard case .running(let life) = state, life.isUp else { return nil }
        return host.loop.perform { life.node.delivery.assumeIsolated { body($0) } }
    }

    /// The messages of which the running node keeps copies, unless nothing has changed since; `nil` when none is up, too, and
    /// of a mailbox that lies.
    func keptMessages(after changeCount: UInt64) -> (names: [MessageName], changeCount: UInt64)? {
        guard case .running(let life) = state, life.isUp, hostility != .mailbox else { return nil }
        let shelf = life.node.shelf
        return host.loop.perform { shelf.assumeIsolated { $0.keptMessages(after: changeCount) } }
    }

    /// Checks the tables of all that the running node drives, as far as they may have changed since the last time.
    func checkTables() {
        guard case .running(let life) = state, life.isUp else { return }
        let node = life.node
        let checked = checkedTurn?.life == lifeCount ? checkedTurn?.turn : nil
        host.loop.perform {
            checkedTurn = (lifeCount, node.delivery.assumeIsolated { $0.turnCount })
            check(node.tableFills(after: checked))
        }
    }
}
