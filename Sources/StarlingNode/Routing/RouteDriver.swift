package import StarlingCore
package import StarlingCrypto
package import StarlingMesh
internal import StarlingTransports
package import StarlingWorld

/// Finds the ways to peers that are not connected, with what the neighbours tell, and tells them its own.
///
/// A peer is a neighbour once it has opened a stream of `/starling/route/1`; others are left alone. What the
/// ``RouteTable`` chooses is handed to the ``DeliveryDriver``.
package actor RouteDriver {
    package struct Limits: Sendable {
        package var table = RouteTable.Limits()
        /// From a stream to a neighbour that failed to the next one; doubled by each further one, up to the longest.
        package var reopenWaitMin: Duration = .seconds(1)
        package var reopenWaitMax: Duration = .seconds(60)
        /// How often it is looked whether the neighbours' round trips are known.
        package var measureInterval: Duration = .seconds(10)
        /// How old the last round trip may be before another one is measured: mostly the liveness protocol brings them.
        package var measureAgeMax: Duration = .seconds(30)
        /// How often the packets are counted that went to a neighbour, and those of them that were lost.
        package var countInterval: Duration = .seconds(30)
        /// How long a neighbour's answer to that is waited for.
        package var measurePatience: Duration = .seconds(5)
        /// Streams of routes that one peer may have open here: an old one that ends, and the one that follows it.
        package var inboundStreamCountMax = 4
        /// Frames of the liveness protocol that wait for a neighbour; with more its stream is reset, as it takes none.
        package var livenessFrameCountMax = 64
        /// How long a node that stops waits for its neighbours to have read what it told them last.
        package var partingPatience: Duration = .milliseconds(500)

        package init() {}
    }

    let swarm: Swarm
    let world: World
    let limits: Limits
    private let delivery: DeliveryDriver
    /// Whether the store should know what was told.
    private let hasToldRoutes: Bool
    package nonisolated let loop: any EventLoop

    var table: RouteTable
    var sessions: [PeerID: RouteSession] = [:]
    private var observers: [@Sendable (NeighbourEvent) -> Void] = []
    /// Reads the liveness part of a neighbour's frame.
    private(set) var takeLiveness: (@Sendable ([UInt8], PeerID) -> LivenessFrameError?)?
    private var lastNumber: UInt64 = 0
    private var storeRetryAt: Instant?
    private var measureAt: Instant?
    private var timer: (any LoopTimer)?
    private var armedFor: Instant?
    private let tasks: LoopTasks
    /// Whether the streams end once all that waits is written.
    private(set) var isParting = false
    private var parting: Waiter<Void>?
    private var observer: (@Sendable (PeerID, [PeerID]) -> Void)?
    private(set) var isStopped = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    package init(
        swarm: Swarm,
        identity: IdentityKey,
        delivery: DeliveryDriver,
        limits: Limits = Limits(),
        hasToldRoutes: Bool = false,
        verification: RouteProofCache.Verification? = nil
    ) {
        self.swarm = swarm
        self.delivery = delivery
        self.limits = limits
        self.hasToldRoutes = hasToldRoutes
        world = swarm.world
        loop = swarm.world.loops[0]
        tasks = LoopTasks(on: swarm.world.loops[0])
        table = RouteTable(
            identity: identity,
            limits: limits.table,
            proofs: verification.map { .init(countMax: limits.table.proofCountMax, verification: $0) },
            now: swarm.world.loops[0].now
        )
    }

    // MARK: Life

    /// Reads what is kept, and tells and listens from here on.
    ///
    /// - Throws: the store's error.
    package func start() async throws(StoreError) {
        var rowCount = 0
        var failures: [RouteRowError] = []
        let now = loop.now
        for name in RoutingTables.all {
            try await world.store.forEach(in: name) { row in
                rowCount += 1
                do throws(RouteRowError) { try table.restore(row, now: now) } catch { failures.append(error) }
            }
        }
        if let first = failures.first {
            world.log(
                .error,
                "rows of the routes cannot be understood: ways over others are not used for a while",
                ["rows": "\(failures.count)", "first": "\(first)"]
            )
        }
        timer = loop.makeTimer { [weak self] in self?.enter { $0.tick() } }
        // What was salvaged of a damaged store may lack the rows that matter.
        let isWhole = StoreHealth(world.store.report).isSound
        let memory: RouteMemory = rowCount > 0 && isWhole ? .kept : hasToldRoutes || !isWhole ? .lost : .fresh
        if memory == .lost, rowCount == 0 {
            world.log(
                .warning,
                "the store has lost the routes: ways over others are not used for a while",
                [:]
            )
        }
        table.begin(memory, now: loop.now, wallNow: world.wallClock.now)
        await delivery.useRoutes(
            of: RouterCalls(
                find: { [weak self] peer in self?.later { $0.find(peer) } },
                delivered: { [weak self] peer, via in self?.later { $0.delivered(to: peer, via: via) } },
                lost: { [weak self] peer, via in self?.later { $0.lost(to: peer, via: via) } },
                doubted: { [weak self] peer, via in self?.later { $0.doubted(to: peer, via: via) } }
            )
        )
        swarm.protocols.set(
            RouteFrame.protocolID,
            streamCountMaxPerPeer: limits.inboundStreamCountMax
        ) { [weak self] stream in await self?.serve(stream) }
        await swarm.observe { [weak self] event in self?.enter(event) { driver, event in driver.take(event) }
        }
        pump()
    }

    /// Hears of neighbours from here on.
    ///
    /// Observers are called on the node's loop and must be quick.
    package func observe(_ observer: @escaping @Sendable (NeighbourEvent) -> Void) {
        observers.append(observer)
    }

    /// From here on, the liveness parts of neighbours' frames go to `take`; an error ends the stream that brought one.
    func takeLiveness(_ take: @escaping @Sendable ([UInt8], PeerID) -> LivenessFrameError?) {
        takeLiveness = take
    }

    func notify(_ event: NeighbourEvent) {
        for observer in observers { observer(event) }
    }

    /// Has the neighbours read what was told to them, and lets go of all streams.
    package func stop() async {
        guard !isStopped, !isParting else { return }
        await part()
        isStopped = true
        swarm.protocols.set(RouteFrame.protocolID, nil)
        timer?.disarm()
        let running = tasks.cancel()
        for peer in sessions.keys.sorted() { sessions[peer]?.wake(goesOn: false) }
        for task in running { await task.value }
    }

    /// Ends the streams that this node writes to, and waits a while for their readers to come to the end.
    private func part() async {
        isParting = true
        for peer in sessions.keys.sorted() { sessions[peer]?.wake(goesOn: true) }
        guard isWriting else { return }
        let patience = loop.makeTimer { [weak self] in self?.enter { $0.parting.take()?.resume() } }
        patience.arm(at: loop.now + limits.partingPatience)
        await Waiter.suspend { waiter in if isWriting { parting = waiter } else { waiter.resume() } }
        patience.disarm()
    }

    private var isWriting: Bool { sessions.values.contains { $0.outbound != nil } }

    /// A stream that this node wrote to has ended.
    func writingEnded() {
        if isParting, !isWriting { parting.take()?.resume() }
    }

    func startTask(_ body: @escaping @Sendable (RouteDriver) async -> Void) {
        tasks.start { await body(self) }
    }

    /// A number for a session or a stream.
    func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    // MARK: Turning

    /// Does what the table asks for, and sets the timer; after every call of it.
    func pump() {
        while let action = table.nextAction() {
            switch action {
            case .write: if storeRetryAt == nil { commit() }
            case .transmit(let peer): sessions[peer]?.wake(goesOn: true)
            case .changed(let peer):
                let hops = table.nextHops(to: peer)
                delivery.enter((peer, hops)) { delivery, way in delivery.setRoute(to: way.0, way.1) }
                observer?(peer, hops.map(\.peer))
            // The message waits, and its recipient is dialled and looked for again.
            case .notFound: break
            }
        }
        let next = Instant.earlier(table.nextDeadline, .earlier(storeRetryAt, measureAt))
        guard next != armedFor else { return }
        armedFor = next
        if let next, !isStopped { timer?.arm(at: next) } else { timer?.disarm() }
    }

    private func tick() {
        armedFor = nil
        guard !isStopped else { return }
        let now = loop.now
        if let time = storeRetryAt, time <= now {
            storeRetryAt = nil
            commit()
        }
        if let time = measureAt, time <= now { measure(now: now) }
        table.advance(to: now, wallNow: world.wallClock.now)
        pump()
    }

    private func commit() {
        guard let batch = table.takeBatch() else { return }
        world.store.commit(batch) { [weak self] error in
            self?.enter(error) { driver, error in
                let (now, wallNow) = (driver.loop.now, driver.world.wallClock.now)
                if let error {
                    driver.world.log(.error, "the store took no routes", ["reason": "\(error)"])
                    driver.table.storeFailed(now: now, wallNow: wallNow)
                } else {
                    driver.table.stored(now: now, wallNow: wallNow)
                }
                driver.pump()
            }
        }
    }

    // MARK: Neighbours

    private func take(_ event: SwarmEvent) {
        switch event {
        case .opened(let connection, let isFirst):
            guard !isStopped, !isParting else { return }
            let peer = connection.info.peer
            // Of several connections one stays: a stream for ever on another would keep that open, too.
            guard isFirst else { return moveStream(to: peer) }
            sessions.updateValue(RouteSession(number: nextNumber()), forKey: peer)?.isOver = true
            tell(peer)
        case .closed(let peer, _, let reason, let isLast):
            guard isLast, let gone = sessions.removeValue(forKey: peer) else { return }
            gone.isOver = true
            gone.wake(goesOn: false)
            if !isStopped, !isParting {
                table.linkDown(peer, now: loop.now, wallNow: world.wallClock.now)
                pump()
            }
            if gone.isSpoken { notify(.down(peer, Liveness.LinkEnd(reason))) }
            writingEnded()
        case .addressesChanged: break
        }
    }

    /// A neighbour speaks of routes: it is one from here on.
    ///
    /// - Parameter measured: What was just measured: a cost that is only supposed would change all routes once more.
    func linkUp(_ peer: PeerID, _ measured: MeasuredRoundTrip?) {
        if let measured {
            sessions[peer]?.roundTrips.add(measured.duration, over: measured.connection.number)
        }
        sessions[peer]?.measured = loop.now
        let packets = sessions[peer]?.packets
        let quality = LinkQuality(
            roundTrip: measured?.duration,
            lossRatio: packets?.lossRatio ?? 0,
            bytesPerSecond: packets?.bytesPerSecond
        )
        table.linkUp(peer, quality, now: loop.now, wallNow: world.wallClock.now)
        measureAt = .earlier(measureAt, loop.now + limits.measureInterval)
        notify(.up(peer))
        if measured != nil { notify(.measured(peer, quality)) }
    }

    private func measure(now: Instant) {
        measureAt = nil
        var uncounted: [(peer: PeerID, number: UInt64)] = []
        for (peer, session) in sessions.sorted(by: { $0.key < $1.key }) where session.isSpoken {
            measureAt = now + limits.measureInterval
            if session.counted + limits.countInterval <= now {
                session.counted = now
                uncounted.append((peer, session.number))
            }
            guard session.measured + limits.measureAgeMax <= now else { continue }
            startTask { [number = session.number] driver in
                guard let measured = await driver.roundTrip(to: peer) else { return }
                await driver.take(measured, of: peer, number)
            }
        }
        guard !uncounted.isEmpty else { return }
        startTask { [uncounted] driver in
            for (peer, number) in uncounted { await driver.countPackets(to: peer, number) }
        }
    }

    private func countPackets(to peer: PeerID, _ number: UInt64) async {
        guard let connection = await swarm.connection(to: peer), let counts = await connection.packetCounts,
            let session = sessions[peer], session.number == number
        else { return }
        session.packets.add(
            sentCount: counts.sentCount,
            repeatedCount: counts.repeatedCount,
            bytesPerSecond: counts.bytesPerSecond,
            over: connection.id.number
        )
        measured(peer, session)
    }

    /// Lets what was measured of a link count.
    private func measured(_ peer: PeerID, _ session: RouteSession) {
        let quality = session.quality
        table.linkMeasured(peer, quality, now: loop.now, wallNow: world.wallClock.now)
        pump()
        notify(.measured(peer, quality))
    }

    /// The round trip to a neighbour as it is now; `nil` when it does not answer in time.
    func roundTrip(to peer: PeerID) async -> MeasuredRoundTrip? {
        guard let connection = await swarm.connection(to: peer) else { return nil }
        let duration = await loop.withDeadline(loop.now + limits.measurePatience) {
            await connection.measureRoundTrip()
        }
        return (duration ?? nil).map { MeasuredRoundTrip(duration: $0, connection: connection.id) }
    }

    private func take(_ measured: MeasuredRoundTrip, of peer: PeerID, _ number: UInt64) {
        guard let session = sessions[peer], session.number == number else { return }
        take(measured.duration, of: peer, session, over: measured.connection)
    }

    /// So long a neighbour took to answer on the streams.
    func measured(_ peer: PeerID, _ roundTrip: Duration) {
        guard !isStopped, let session = sessions[peer], session.isSpoken,
            let connection = session.outboundStream?.connection.id
        else { return }
        take(roundTrip, of: peer, session, over: connection)
    }

    /// What the liveness protocol has found out itself of a neighbour.
    func suspected(_ peer: PeerID, _ suspicion: NeighbourSuspicion) {
        guard !isStopped, !isParting else { return }
        table.suspected(peer, suspicion, now: loop.now, wallNow: world.wallClock.now)
        pump()
    }

    private func take(
        _ roundTrip: Duration,
        of peer: PeerID,
        _ session: RouteSession,
        over connection: ConnectionID
    ) {
        session.measured = loop.now
        session.roundTrips.add(roundTrip, over: connection.number)
        measured(peer, session)
    }

    /// Does what the delivery driver asks for when that is done with its own turn.
    private nonisolated func later(_ body: @escaping @Sendable (isolated RouteDriver) -> Void) {
        loop.startTask { await self.perform(body) }
    }

    private func perform(_ body: @Sendable (isolated RouteDriver) -> Void) {
        guard !isStopped else { return }
        body(self)
        pump()
    }

    private func delivered(to peer: PeerID, via neighbour: PeerID) {
        table.delivered(to: peer, via: neighbour, now: loop.now, wallNow: world.wallClock.now)
    }

    private func lost(to peer: PeerID, via neighbour: PeerID) {
        table.lost(to: peer, via: neighbour, now: loop.now, wallNow: world.wallClock.now)
    }

    private func doubted(to peer: PeerID, via neighbour: PeerID) {
        table.doubted(to: peer, via: neighbour, now: loop.now, wallNow: world.wallClock.now)
    }

    /// Looks for a way to a peer to which something waits.
    private func find(_ peer: PeerID) {
        table.find(peer, now: loop.now, wallNow: world.wallClock.now)
    }

    // MARK: Asking

    /// The neighbours over which a peer is reached, the best first; none when it is not.
    package func nextHops(to peer: PeerID) -> [PeerID] { table.nextHops(to: peer).map(\.peer) }

    /// The peers that speak of routes, by PeerID.
    package var neighbours: [PeerID] { sessions.filter(\.value.isSpoken).keys.sorted() }

    package func isNeighbour(_ peer: PeerID) -> Bool { sessions[peer]?.isSpoken ?? false }

    /// Streams of routes that are open with a peer, both directions.
    package func streamCount(with peer: PeerID) -> Int {
        guard let session = sessions[peer] else { return 0 }
        return (session.outbound == nil ? 0 : 1) + (session.inbound == nil ? 0 : 1)
    }

    /// Tells each change of the neighbours through which a peer is reached, the best first, as it is made.
    package func observe(_ observer: @escaping @Sendable (PeerID, [PeerID]) -> Void) {
        self.observer = observer
    }

    /// How all destinations are reached, in the order of their names.
    package var reports: [RouteReport] { table.reports(now: loop.now) }

    /// The tables that have a limit.
    package var tableFills: [TableFill] { table.tableFills }
}
