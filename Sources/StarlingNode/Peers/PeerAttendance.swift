internal import StarlingCore
internal import StarlingTransports
internal import StarlingWorld

/// Keeps connections with the peers that the user named: dials them at start, and again when they are lost, unless the
/// topology sees to them.
actor PeerAttendance {
    private let swarm: Swarm
    private nonisolated let loop: any EventLoop
    /// When to dial whom; `nil` before the start, and after the end.
    private var schedule: AttendanceSchedule?
    private var timer: (any LoopTimer)?
    private var armedFor: Instant?
    private let tasks: LoopTasks

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    init(swarm: Swarm) {
        self.swarm = swarm
        loop = swarm.world.loops[0]
        tasks = LoopTasks(on: swarm.world.loops[0])
    }

    // MARK: Life

    /// Begins to attend to the peers at these addresses, each with its `/p2p/` part.
    func start(_ addresses: [Multiaddr]) {
        guard schedule == nil else { return }
        var peers: [PeerID] = []
        for address in addresses {
            guard let peer = address.peerID, peer != swarm.peerID else { continue }
            swarm.assumeIsolated { $0.attend(to: peer, at: address) }
            if !peers.contains(peer) { peers.append(peer) }
        }
        guard !peers.isEmpty else { return }
        var schedule = AttendanceSchedule(peers, seed: swarm.world.random.word(), now: loop.now)
        for peer in peers where isConnected(peer) { schedule.connected(peer, now: loop.now) }
        schedule.advance(to: loop.now)
        self.schedule = schedule
        timer = loop.makeTimer { [weak self] in self?.enter { $0.tick() } }
        swarm.assumeIsolated { swarm in
            swarm.observe { [weak self] event in
                self?.enter(event) { attendance, event in attendance.take(event) }
            }
        }
        pump()
    }

    /// Dials nobody any more; the connections stay as they are.
    func stop() async {
        schedule = nil
        timer?.disarm()
        for task in tasks.cancel() { await task.value }
    }

    // MARK: Turning

    private func take(_ event: SwarmEvent) {
        switch event {
        case .opened(let connection, isFirst: true):
            schedule?.connected(connection.info.peer, now: loop.now)
        case .closed(let peer, _, _, isLast: true): schedule?.lost(peer, now: loop.now)
        case .opened, .closed, .addressesChanged: return
        }
        pump()
    }

    private func tick() {
        armedFor = nil
        schedule?.advance(to: loop.now)
        pump()
    }

    /// Does what the schedule asks for, and sets the timer; after every call of it.
    private func pump() {
        while let action = schedule?.nextAction() {
            switch action {
            case .dial(let peer, let deadline):
                if swarm.assumeIsolated({ $0.isEntrusted(peer) }) {
                    schedule?.excuse(peer, now: loop.now)
                } else {
                    tasks.start { [weak self] in await self?.dial(peer, until: deadline) }
                }
            }
        }
        let next = schedule?.nextDeadline
        guard next != armedFor else { return }
        armedFor = next
        if let next { timer?.arm(at: next) } else { timer?.disarm() }
    }

    // MARK: Dials

    private func isConnected(_ peer: PeerID) -> Bool { swarm.assumeIsolated { $0.isConnected(peer) } }

    private func dial(_ peer: PeerID, until deadline: Instant) async {
        do throws(DialError) {
            // The schedule has pauses of its own.
            _ = try await swarm.connect(to: peer, ignoringBackoff: true, until: deadline)
        } catch {
            swarm.world.log(
                .debug,
                "bootstrap peer not reached",
                ["peer": "\(peer)", "reason": "\(error.cause)"]
            )
        }
        schedule?.dialEnded(peer, now: loop.now)
        pump()
    }
}

extension Swarm {
    /// Remembers a peer's address for good, and never closes its connections for lack of room.
    func attend(to peer: PeerID, at address: Multiaddr, as reason: String = "bootstrap") {
        peerBook.add([address], of: peer, source: .user, lifetime: .seconds(10 * 365 * 86_400), now: loop.now)
        pool.protect(peer, reason: reason)
    }
}
