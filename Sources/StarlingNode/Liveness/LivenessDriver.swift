package import StarlingCore
package import StarlingCrypto
package import StarlingMesh
package import StarlingWorld

/// What becomes of the members of the mesh.
///
/// Delivered in order, on the node's loop.
package enum MembershipEvent: Equatable, Sendable {
    /// A member is new, has another state, or told something else of itself.
    case changed(LivenessMember)
    /// A member is not known any more.
    case forgot(PeerID)
}

/// Finds out with the neighbours who of the mesh is alive.
///
/// Its frames travel on the ``RouteDriver``'s streams, so neighbours are the peers that speak of routes.
package actor LivenessDriver {
    package nonisolated let loop: any EventLoop
    private let routes: RouteDriver
    private let world: World
    private var machine: Liveness
    /// Neighbours beyond the number that is watched, in the order of their coming.
    private var unwatched: [PeerID] = []
    private var observers: [@Sendable (MembershipEvent) -> Void] = []
    private var changes = MemberChanges()
    private var timer: (any LoopTimer)?
    private var armedFor: Instant?
    private var isStopped = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    /// - Parameter capacity: How much the node can carry for others, which all are told.
    package init(
        routes: RouteDriver,
        identity: IdentityKey,
        capacity: UInt16,
        limits: Liveness.Limits,
        world: World
    ) {
        self.routes = routes
        self.world = world
        loop = world.loops[0]
        machine = Liveness(
            key: identity,
            capacity: capacity,
            seed: world.random.word(),
            limits: limits,
            now: loop.now
        )
    }

    // MARK: Life

    /// Hears of members from here on.
    ///
    /// Observers are called on the node's loop and must be quick.
    package func observe(_ observer: @escaping @Sendable (MembershipEvent) -> Void) {
        observers.append(observer)
    }

    package func start() async {
        timer = loop.makeTimer { [weak self] in self?.enter { $0.tick() } }
        await routes.takeLiveness { [weak self] bytes, peer in
            self?.assumeIsolated { $0.take(bytes, from: peer) }
        }
        await routes.observe { [weak self] event in self?.enter(event) { driver, event in driver.take(event) }
        }
        pump()
    }

    /// Tells the neighbours that this node goes; the streams that carry it end after it.
    package func leave() {
        guard !isStopped else { return }
        machine.leave(now: loop.now)
        pump()
        isStopped = true
        timer?.disarm()
        changes.resumeAll()
    }

    // MARK: Turning

    private func take(_ bytes: [UInt8], from peer: PeerID) -> LivenessFrameError? {
        guard !isStopped else { return nil }
        do throws(LivenessFrameError) {
            machine.receive(try LivenessFrame(parsing: bytes.span), from: peer, now: loop.now)
        } catch {
            return error
        }
        pump()
        return nil
    }

    private func take(_ event: NeighbourEvent) {
        guard !isStopped else { return }
        switch event {
        case .up(let peer), .resumed(let peer):
            if !machine.linkUp(peer, now: loop.now), !unwatched.contains(peer) { unwatched.append(peer) }
            // It has opened a stream: whatever it was on another connection, it speaks.
            if case .up = event { machine.heard(from: peer, now: loop.now) }
        case .down(let peer, let end), .interrupted(let peer, let end):
            unwatched.removeAll { $0 == peer }
            machine.linkDown(peer, end, now: loop.now)
            while let next = unwatched.first, machine.linkUp(next, now: loop.now) { unwatched.removeFirst() }
        case .heard(let peer): machine.heard(from: peer, now: loop.now)
        case .measured: return
        }
        pump()
    }

    private func tick() {
        armedFor = nil
        guard !isStopped else { return }
        machine.advance(to: loop.now)
        pump()
    }

    /// Does what the machine asks for, and sets the timer; after every call of it.
    private func pump() {
        while let action = machine.nextAction() {
            switch action {
            case .send(let frame, let peer):
                routes.enter((frame.encoded, peer)) { routes, frame in
                    routes.send(liveness: frame.0, to: frame.1)
                }
            case .measured(let peer, let roundTrip):
                routes.enter((peer, roundTrip)) { routes, sample in routes.measured(sample.0, sample.1) }
            case .suspected(let peer, let suspicion):
                routes.enter((peer, suspicion)) { routes, told in routes.suspected(told.0, told.1) }
            case .changed(let member): notify(.changed(member))
            case .forgot(let peer): notify(.forgot(peer))
            }
        }
        let next = inPlace(&machine) { $0.nextDeadline }
        guard next != armedFor, !isStopped else { return }
        armedFor = next
        if let next { timer?.arm(at: next) } else { timer?.disarm() }
    }

    private func notify(_ event: MembershipEvent) {
        if case .changed(let member) = event, member.state != .alive {
            world.log(
                member.state == .suspect ? .debug : .info,
                "a member is not alive",
                ["peer": "\(member.peer)", "state": "\(member.state)"]
            )
        }
        for observer in observers { observer(event) }
        switch event {
        case .changed(let member): changes.changed(member)
        case .forgot(let peer): changes.forgot(peer)
        }
    }

    // MARK: Asking

    /// What is known of a member.
    package func member(_ peer: PeerID) -> LivenessMember? { machine.member(peer) }

    /// All members but this node, by PeerID.
    package var members: [LivenessMember] { machine.allMembers.sorted { $0.peer < $1.peer } }

    /// A member that came or got another state after so many changes, as it is now.
    ///
    /// It is the one whose last change is the oldest; the call suspends while there is none.
    ///
    /// - Parameter seen: The changes that the caller has been told of; 0 to be told of all members first.
    /// - Returns: The member and the number of its change, to go on with; `nil` when the node has stopped, or the task was
    ///   cancelled.
    package func change(after seen: UInt64) async -> (member: LivenessMember, number: UInt64)? {
        if !changes.isRead { changes.begin(with: members) }
        while !isStopped, !Task.isCancelled {
            if let next = changes.next(after: seen), let member = machine.member(next.peer) {
                return (member, next.number)
            }
            await wait(forChangeAfter: changes.count)
        }
        return nil
    }

    private func wait(forChangeAfter seen: UInt64) async {
        let number = changes.waiterNumber()
        await withTaskCancellationHandler {
            await Waiter.suspend { waiter in
                if Task.isCancelled || isStopped || changes.count > seen {
                    waiter.resume()
                } else {
                    changes.add(waiter, number)
                }
            }
        } onCancel: {
            loop.startTask { await self.endWait(number) }
        }
    }

    private func endWait(_ number: UInt64) { changes.resume(number) }

    /// Members that are alive as far as is known, this node included.
    package var livingCount: Int { inPlace(&machine) { $0.livingCount } }

    /// How bad this node takes its own health for, from 0 (good) to 8: it asks less and waits longer.
    package var score: Int { machine.score }

    /// The tables that have a limit.
    package var tableFills: [TableFill] { inPlace(&machine) { $0.tableFills } }
}
