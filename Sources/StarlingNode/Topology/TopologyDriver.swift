package import StarlingCore
package import StarlingMesh
internal import StarlingTransports
package import StarlingWorld

/// Keeps the node connected to as many members of the mesh as its policy says, and to the right ones.
///
/// It dials members whom the policy asks for, and lets go of connections that neither the policy nor anything else has a
/// use for. Peers that are no members, such as those that do not speak of routes, it leaves alone.
package actor TopologyDriver {
    package struct Limits: Sendable {
        package var machine = Topology.Limits()
        /// How often it is looked whether links are in use.
        package var useInterval: Duration = .seconds(5)
        /// How often it is looked which members still have addresses: they are forgotten after a while.
        package var addressInterval: Duration = .seconds(600)
        /// How often that is looked for links that are to end.
        package var partingInterval: Duration = .seconds(1)

        package init() {}
    }

    package nonisolated let loop: any EventLoop
    let swarm: Swarm
    let routes: RouteDriver
    private let liveness: LivenessDriver
    private let records: RecordDriver
    let world: World
    private let limits: Limits

    private var machine: Topology
    /// Neighbours that are in use by something else than the mesh itself.
    private var used: Set<PeerID> = []
    /// Neighbours to let go of once nothing is under way, with the reason.
    private var leaving: [PeerID: TopologyReason] = [:]
    private var useAt: Instant?
    private var addressesAt: Instant
    private var isLooking = false
    private var timer: (any LoopTimer)?
    private var armedFor: Instant?
    private let tasks: LoopTasks
    private(set) var isStopped = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    /// - Parameter capacity: How much the node can carry for others, as ``LivenessDriver`` tells all.
    package init(
        swarm: Swarm,
        routes: RouteDriver,
        liveness: LivenessDriver,
        records: RecordDriver,
        policy: Topology.Policy,
        capacity: UInt16,
        limits: Limits
    ) {
        self.swarm = swarm
        self.routes = routes
        self.liveness = liveness
        self.records = records
        self.limits = limits
        world = swarm.world
        loop = world.loops[0]
        tasks = LoopTasks(on: world.loops[0])
        addressesAt = loop.now + limits.addressInterval
        machine = Topology(
            own: swarm.peerID,
            policy: policy,
            capacity: capacity,
            seed: world.random.word(),
            limits: limits.machine,
            now: loop.now
        )
    }

    // MARK: Life

    package func start() async {
        timer = loop.makeTimer { [weak self] in self?.enter { $0.tick() } }
        await liveness.observe { [weak self] event in
            self?.enter(event) { driver, event in driver.take(event) }
        }
        await routes.observe { [weak self] event in self?.enter(event) { driver, event in driver.take(event) }
        }
        await swarm.entrust(to: { [weak self] peer in self?.assumeIsolated { $0.caresFor(peer) } ?? false })
        pump()
    }

    /// Dials nobody any more; the links stay as they are.
    package func stop() async {
        guard !isStopped else { return }
        isStopped = true
        timer?.disarm()
        let running = tasks.cancel()
        await swarm.entrust(to: nil)
        for task in running { await task.value }
    }

    func startTask(_ body: @escaping @Sendable (TopologyDriver) async -> Void) {
        tasks.start { await body(self) }
    }

    // MARK: Turning

    private func take(_ event: MembershipEvent) {
        guard !isStopped else { return }
        switch event {
        case .changed(let member): learn(member)
        case .forgot(let peer): machine.forget(peer, now: loop.now)
        }
        pump()
    }

    private func take(_ event: NeighbourEvent) {
        guard !isStopped else { return }
        switch event {
        case .up(let peer):
            machine.linkUp(peer, isOwn: hasDialled(peer), now: loop.now)
            useAt = .earlier(useAt, loop.now + limits.useInterval)
        case .down(let peer, let end):
            leaving[peer] = nil
            used.remove(peer)
            machine.linkDown(peer, end, now: loop.now)
        case .measured(let peer, let quality): machine.measured(peer, quality, now: loop.now)
        case .heard, .interrupted, .resumed: return
        }
        pump()
    }

    private func tick() {
        armedFor = nil
        guard !isStopped else { return }
        if let time = useAt, time <= loop.now { lookAtUse() }
        if addressesAt <= loop.now {
            addressesAt = loop.now + limits.addressInterval
            for member in liveness.assumeIsolated({ $0.members }) { learn(member) }
        }
        machine.advance(to: loop.now)
        pump()
    }

    /// Does what the machine asks for, and sets the timer; after every call of it.
    private func pump() {
        while let action = machine.nextAction() {
            switch action {
            case .dial(let peer, let reason): dial(peer, reason)
            case .find(let peer, let reason): find(peer, reason)
            case .letGo(let peer, let reason):
                leaving[peer] = reason
                useAt = .earlier(useAt, loop.now)
            case .keep(let peer): leaving[peer] = nil
            }
        }
        let next = Instant.earlier(machine.nextDeadline, .earlier(useAt, addressesAt))
        guard next != armedFor, !isStopped else { return }
        armedFor = next
        if let next { timer?.arm(at: next) } else { timer?.disarm() }
    }

    // MARK: Members

    /// Tells the machine what is known of a member.
    private func learn(_ member: LivenessMember) {
        var facts = TopologyPeer(member.peer, hasAddress: hasAddress(member.peer))
        facts.state = member.state
        // Of a neighbour liveness takes nobody's word for that but its own.
        facts.isOwnWord = member.isNeighbour
        facts.uptime = member.uptime(at: loop.now)
        facts.capacity = member.capacity
        machine.learn(facts, now: loop.now)
    }

    /// Tells the machine again whether a peer has an address, as far as it is a member.
    private func learnAddress(of peer: PeerID) {
        guard let member = liveness.assumeIsolated({ $0.member(peer) }) else { return }
        learn(member)
    }

    private func hasAddress(_ peer: PeerID) -> Bool {
        let now = loop.now
        return swarm.assumeIsolated { !$0.peerBook.addresses(of: peer, now: now).isEmpty }
    }

    /// Whether a connection with a peer was made by this node.
    private func hasDialled(_ peer: PeerID) -> Bool {
        swarm.assumeIsolated { $0.connections(with: peer).contains { $0.info.direction == .outbound } }
    }

    /// Whether nobody else need see that there is a connection with a peer: it is a member, and this node is no stranger
    /// to the mesh.
    private func caresFor(_ peer: PeerID) -> Bool {
        machine.degree > 0 && liveness.assumeIsolated { $0.member(peer) != nil }
    }

    // MARK: Dials

    private func dial(_ peer: PeerID, _ reason: TopologyReason) {
        world.log(.debug, "a member is dialled", ["peer": "\(peer)", "reason": "\(reason.words)"])
        let deadline = machine.dialEnds(of: peer)
        startTask { driver in
            do throws(DialError) {
                // The machine has pauses of its own.
                _ = try await driver.swarm.connect(to: peer, ignoringBackoff: true, until: deadline)
            } catch {
                await driver.dialFailed(peer, error)
            }
        }
    }

    private func dialFailed(_ peer: PeerID, _ error: DialError) {
        guard !isStopped else { return }
        world.log(.debug, "a member was not reached", ["peer": "\(peer)", "reason": "\(error.cause)"])
        machine.dialFailed(peer, now: loop.now)
        learnAddress(of: peer)
        pump()
        // It may have moved.
        search(peer)
    }

    private func find(_ peer: PeerID, _ reason: TopologyReason) {
        if hasAddress(peer) { return learnAddress(of: peer) }
        world.log(.debug, "a member is looked for", ["peer": "\(peer)", "reason": "\(reason.words)"])
        search(peer)
    }

    /// Asks others where a peer is.
    private func search(_ peer: PeerID) {
        startTask { driver in
            guard await driver.records.find(peer) else { return }
            await driver.found(peer)
        }
    }

    private func found(_ peer: PeerID) {
        guard !isStopped else { return }
        learnAddress(of: peer)
        pump()
    }

    // MARK: Use

    /// Looks which links something else than the mesh itself uses, and ends those that are to end and are not in use.
    private func lookAtUse() {
        useAt = nil
        guard !isLooking else { return }
        isLooking = true
        startTask { driver in await driver.lookAtUse() }
    }

    private func lookAtUse() async {
        for peer in machine.neighbours.sorted() {
            let isUsed = await isUsed(peer)
            guard !isStopped else { return }
            if isUsed != used.contains(peer) {
                if isUsed { used.insert(peer) } else { used.remove(peer) }
                machine.protect(peer, isUsed, now: loop.now)
            }
            guard !isUsed, let reason = leaving.removeValue(forKey: peer) else { continue }
            world.log(.info, "a link is let go of", ["peer": "\(peer)", "reason": "\(reason.words)"])
            startTask { driver in await driver.swarm.disconnect(peer) }
        }
        isLooking = false
        guard !isStopped else { return }
        if !leaving.isEmpty {
            useAt = .earlier(useAt, loop.now + limits.partingInterval)
        } else if !machine.neighbours.isEmpty {
            useAt = .earlier(useAt, loop.now + limits.useInterval)
        }
        pump()
    }

    /// Whether there are streams with a peer other than those of routes.
    private func isUsed(_ peer: PeerID) async -> Bool {
        var count = 0
        for connection in await swarm.connections(with: peer) { count += await connection.streamCount }
        return await count > routes.streamCount(with: peer)
    }

    // MARK: Asking

    package var policy: Topology.Policy { machine.policy }

    /// Links to members that are not being let go.
    package var degree: Int { machine.degree }

    /// The members that this node has links to, by PeerID.
    package var neighbours: [PeerID] { machine.neighbours.sorted() }

    /// Whether the node is one of the super-peers, under a policy that has some.
    package var isSuperPeer: Bool { machine.isSuperPeer }

    /// Follows another policy from here on.
    package func setPolicy(_ policy: Topology.Policy) {
        machine.setPolicy(policy, now: loop.now)
        pump()
    }

    /// The tables that have a limit.
    package var tableFills: [TableFill] { inPlace(&machine) { $0.tableFills } }
}
