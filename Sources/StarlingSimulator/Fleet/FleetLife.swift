internal import StarlingCore
internal import StarlingMesh
internal import StarlingNode
internal import StarlingWorld

/// One run of a member's node, with the applications on it: one that sends, one that reads, and handlers, all of which
/// die now and then.
///
/// What they have to remember over crashes is in the ``FleetLedger``.
final class FleetLife: @unchecked Sendable {  // tidy-ok: one thread
    let node: Node
    private unowned let member: FleetMember
    /// Which of the member's lives it is, from 1.
    private let ordinal: Int
    private let ledger: FleetLedger
    private let traffic: FleetTraffic
    private let loop: SimulatedLoop
    private var random: SplitMix64
    private var tasks: [UInt64: Task<Void, Never>] = [:]
    private var lastTask: UInt64 = 0
    private var starting: Task<Void, Never>?
    /// Whether the node has started.
    private(set) var isUp = false
    /// Whether the applications are gone: what still runs of them is a dead process.
    private var isOver = false

    init(_ node: Node, of member: FleetMember, _ ledger: FleetLedger, _ traffic: FleetTraffic, seed: UInt64) {
        self.node = node
        self.member = member
        ordinal = member.lifeCount
        self.ledger = ledger
        self.traffic = traffic
        loop = member.host.loop
        random = SplitMix64(seed: seed)
    }

    // MARK: Beginning and end

    func begin() {
        starting = loop.startTask { await self.boot() }
        start { await $0.live() }
    }

    private func boot() async {
        if node.configuration.usesRoutes {
            await node.routes.observe { [weak self] peer, neighbours in
                guard let self, !isOver else { return }
                member.routeChanged(to: peer, neighbours)
            }
        }
        do throws(NodeStartError) { try await node.start() } catch {
            if !isOver { ledger.violate("a node does not start: \(error)", involving: [member.index]) }
            isOver = true
        }
    }

    /// Stops the node, closes its store, and ends the applications; of a process that has crashed, what is left of them.
    ///
    /// - Parameter completion: Called on the loop when nothing runs any more.
    func end(_ completion: @escaping @Sendable () -> Void) {
        isOver = true
        isUp = false
        let running = tasks.sorted { $0.key < $1.key }.map(\.value)
        tasks = [:]
        for task in running { task.cancel() }
        loop.startTask { [node, starting] in
            await starting?.value
            await node.stop()
            for task in running { await task.value }
            await node.world.store.close()
            completion()
        }
    }

    private func start(_ body: @escaping @Sendable (FleetLife) async -> Void) {
        guard !isOver else { return }
        lastTask += 1
        let number = lastTask
        tasks[number] = loop.startTask {
            await body(self)
            self.tasks[number] = nil
        }
    }

    private func live() async {
        await starting?.value
        guard !isOver else { return }
        for (peer, address) in member.neighbours { await node.swarm.learn(address, of: peer) }
        for type in FleetMessage.handledTypes {
            _ = await node.delivery.handle(type, concurrencyMax: .max) { [weak self] delivery in
                guard let self else { throw ApplicationDied() }
                return try await self.handle(delivery)
            }
        }
        guard !isOver else { return }
        isUp = true
        if let hostility = member.hostility {
            let tally = member.hostileTally
            if hostility == .mailbox { return HostileMailbox(node, tally).begin() }
            HostileRelay(node, hostility, tally).begin()
            if hostility.liesOfRoutes { await HostileRouter(node, node.identity, hostility, tally).run() }
            return
        }
        for number in ledger.openNumbers(of: member.index) { start { await $0.resume(number) } }
        start { await $0.read() }
        await send()
    }

    // MARK: Sending

    private func send() async {
        while !isOver {
            guard await pause(traffic.pause(using: &random)), traffic.isOpen else { continue }
            for _ in 0..<traffic.burst(using: &random) {
                let recipient = traffic.recipient(of: member.index, using: &random)
                let number = ledger.ask(from: member.index, to: recipient)
                start { await $0.carry(number) }
            }
        }
    }

    /// Sends a message, and waits for what becomes of it.
    private func carry(_ number: UInt64) async {
        let message = ledger.message(number)
        if message.course == .requested { await request(number, message) }
        await resume(number)
    }

    private func request(_ number: UInt64, _ message: FleetMessage) async {
        member.note("requests", number)
        do throws(RequestError) {
            let answer = try await node.delivery.request(
                ledger.draft(number),
                deadline: loop.now + message.patience
            )
            guard !isOver else { return }
            member.note("is answered", number)
            _ = ledger.sighted(answer, by: member.index, in: ordinal)
            ledger.finished(answer, in: ordinal)
        } catch {
            switch error {
            case .delivery, .timedOut, .undelivered: return
            case .failed:
                if !isOver { ledger.violate("request \(number) failed: \(error)", involving: [member.index]) }
            }
        }
    }

    /// Sends a message that may have been sent before, and waits for what becomes of it.
    private func resume(_ number: UInt64) async {
        guard let id = await accept(number), !isOver else { return }
        var report: MessageReport? = await node.delivery.report(on: id)
        while !isOver, let known = report, !known.message.state.isFinal {
            report = await node.delivery.nextReport(on: id, after: known)
        }
        guard !isOver else { return }
        guard let report else { return ledger.unknown(number) }
        member.note("knows the end of", number)
        ledger.ended(number, report.message.state, clockTolerance: traffic.clockTolerance)
        await check()
    }

    private func accept(_ number: UInt64) async -> MessageID? {
        if let id = ledger.id(of: number) { return id }
        while !isOver {
            member.note("sends", number)
            do throws(DeliveryError) {
                let id = try await node.delivery.accept(ledger.draft(number))
                guard !isOver else { return nil }
                member.note("has accepted", number)
                ledger.accepted(number, as: id)
                await check()
                return id
            } catch {
                guard !isOver else { return nil }
                guard case .refused(.tooManyMessages) = error else {
                    ledger.violate("message \(number) is not accepted: \(error)", involving: [member.index])
                    return nil
                }
                ledger.held()
                _ = await pause(.seconds(5 + random.number(below: 10)))
            }
        }
        return nil
    }

    // MARK: Receiving

    private func read() async {
        var last: UInt64 = 0
        while !isOver, await node.delivery.arrival(after: last) {
            // Before the search: what comes after it is looked for the next time.
            let end = await node.delivery.lastPosition(after: last)
            while !isOver, let position = await node.delivery.nextWaiting(after: last) {
                await read(position)
                last = position
            }
            last = max(last, end)
        }
    }

    private func read(_ position: UInt64) async {
        while !isOver {
            guard let delivery = await node.delivery.take(position), !isOver else { return }
            member.note("reads at", position)
            guard ledger.sighted(delivery, by: member.index, in: ordinal) != nil else { return }
            await check()
            if random.chance(traffic.options.deathRatio) {
                _ = await pause(.milliseconds(random.number(below: 10_000)))
                continue
            }
            do throws(StoreError) {
                try await node.delivery.acknowledge(position)
                guard !isOver else { return }
                member.note("has acknowledged", position)
                ledger.gone(delivery)
            } catch {
                if !isOver { ledger.violate("not acknowledged: \(error)", involving: [member.index]) }
            }
            return
        }
    }

    private func handle(_ delivery: InboxDelivery) async throws(ApplicationDied) -> MessageContent? {
        guard !isOver else { throw ApplicationDied() }
        member.note("handles at", delivery.entry.position)
        guard let message = ledger.sighted(delivery, by: member.index, in: ordinal) else { return nil }
        if random.chance(0.3), await !pause(.milliseconds(random.number(below: 3000))) {
            throw ApplicationDied()
        }
        await check()
        if isOver || random.chance(traffic.options.deathRatio) { throw ApplicationDied() }
        guard delivery.entry.kind == .request else {
            ledger.finished(delivery, in: ordinal)
            return nil
        }
        // A request whose answer the outbox does not take is handed out again.
        ledger.handled(message.number)
        return message.answer
    }

    // MARK: Small things

    /// Suspends for a while; `false` when the process died meanwhile.
    private func pause(_ duration: Duration) async -> Bool {
        do throws(CancellationError) { try await loop.sleep(for: duration) } catch { return false }
        return !isOver
    }

    /// No table is over its limit.
    private func check() async {
        guard !isOver else { return }
        let fills = await node.delivery.tableFills
        member.check(fills)
    }
}

/// An application ended before it had dealt with a message.
struct ApplicationDied: Error {}

extension Swarm {
    /// Notes where a peer is, as its user knows it.
    fileprivate func learn(_ address: Multiaddr, of peer: PeerID) {
        peerBook.add(
            [address],
            of: peer,
            source: .user,
            lifetime: .seconds(365 * 86_400),
            now: world.loops[0].now
        )
    }
}
