internal import StarlingCore
package import StarlingCrypto
package import StarlingMesh
internal import StarlingTransports
package import StarlingWorld

/// Runs the outbox and the inbox over the node's connections and its store.
///
/// What `accept` accepted is on the disk; what is receipted is on the disk; both machines are restored from there.
///
/// It lives on the node's first loop. Signatures, seals and frames of arrivals are dealt with on the loops of the
/// connections, by ``MessageChannel``.
package actor DeliveryDriver {
    package struct Limits: Sendable {
        package var outbox = Outbox.Limits()
        package var inbox = Inbox.Limits()
        /// Bytes of frames that are written to a stream at once: their receipts are waited for from then on, also while a
        /// slow link carries them.
        package var writeByteCount = 65_536
        /// A stream that carried nothing for so long is closed.
        package var channelIdle: Duration = .seconds(30)
        /// How long a peer may take for a piece of what is written to it, of 128 KiB at most; then the stream is reset, and
        /// opened anew where this node has opened it.
        package var writePatience: Duration = .seconds(300)
        /// The longest pause before a stream is opened in the place of one that failed.
        package var channelPauseMax: Duration = .seconds(10)
        /// Streams of messages that one peer may have open here.
        package var inboundStreamCountMax = 16
        /// Peers that are dialled at once for messages that wait; more take their turn.
        package var reachCountMax = 64
        /// Messages accepted in one turn of the loop that are written at once: the disk works while more are signed.
        ///
        /// Fewer are written together at the turn's end.
        package var writeCountMin = 8
        /// From a write that failed to the next try, where nobody waits for it.
        package var storeRetryInterval: Duration = .seconds(1)
        /// From a message that the disk did not give to a reader, or that came back to it, to the next try.
        package var readRetryInterval: Duration = .seconds(1)
        /// From a fetch of a file that failed, though its sender was there or for want of room, to the next one.
        package var fileRetryInterval: Duration = .seconds(30)
        /// How often a file is taken in while the same content is being erased; then it is refused.
        package var takeCountMax = 3
        /// Peers that are sent to over others at the same time.
        package var routedCountMax = 1024
        /// Those that give way at once where all of them are owed receipts, the ones that were heard of least lately.
        package var routedForgottenCount = 64
        /// How long a frame on its way waits for room; then it is dropped, and its sender tries again: nodes that wait
        /// for each other in a circle do not do so for ever.
        package var roomPatience: Duration = .seconds(1)
        package var forwarder = Forwarder.Limits()
        package var flood = Flood.Limits()
        /// Peers whose last failure is remembered.
        package var obstacleCountMax = 1024

        package init() {}
    }

    let swarm: Swarm
    let world: World
    let identity: IdentityKey
    let keys: MessageKeys
    /// Files of messages; `nil` where the node takes and sends none.
    let blobs: BlobDriver?
    let limits: Limits
    package nonisolated let loop: any EventLoop

    var outbox: Outbox
    var inbox: Inbox
    var sessions: [PeerID: PeerSession] = [:]
    var lastSession: UInt64 = 0
    var obstacles: [PeerID: DeliveryObstacle] = [:]
    var codec = MessagePacker()

    // Others.
    var forwarder: Forwarder
    /// Messages to everybody, on their way to the neighbours.
    var flood: Flood
    /// Who knows the ways to peers that are no neighbours.
    var router: RouterCalls?
    /// Peers to whom this node has frames to send over others: those that are no neighbours, and neighbours whose link is so much
    /// worse.
    var routed: [PeerID: RoutedPeer] = [:]
    /// Who waits for room among the frames that are on their way.
    var roomWaiters: [UInt64: Waiter<Void>] = [:]
    var lastRoomWaiter: UInt64 = 0

    // Sending.
    /// Who waits for a message's acceptance.
    var acceptances: [MessageID: [Waiter<DeliveryError?>]] = [:]
    /// Who waits for a change of a message.
    var watchers: [MessageID: [UInt64: MessageWatcher]] = [:]
    var lastWatcher: UInt64 = 0
    var reaching = 0
    var toReach = RingQueue<PeerID>()
    /// Those that are being dialled or wait for that.
    var dialled: Set<PeerID> = []
    /// The outbox's last write failed; its bookkeeping waits for the next try.
    var outboxStoreError: StoreError?
    var inboxStoreError: StoreError?
    var storeRetryAt: Instant?

    /// Hears what becomes of the outbox and its recipients.
    var outboxObserver: (@Sendable (OutboxEvent) -> Void)?

    // Receiving.
    /// Batches of the inbox that were handed to the store, and those whose commit has ended.
    var inboxTakenCount: UInt64 = 0
    var inboxDoneCount: UInt64 = 0
    var diskWaiters: [(target: UInt64, waiter: Waiter<Void>)] = []
    /// Contents of entries that go straight to whoever wants them.
    var freshContents: [UInt64: MessageContent] = [:]
    var readers = InboxReaders()
    /// Ways of messages whose receipts are to tell them.
    var paths = PathLedger()

    // Files.
    var files = FileLedger()
    /// Counts what has become of files that come, for ``incomingFiles(after:)``.
    var fileVersion: UInt64 = 1
    var fileWatchers: [UInt64: Waiter<Bool>] = [:]

    /// When streams are looked through for those that have been idle for long; `nil` while none is idle.
    var sweepAt: Instant?

    private var timer: (any LoopTimer)?
    private var turnEnd: TurnEnd?
    private var armedFor: Instant?
    /// How often the machines had their turn.
    package private(set) var turnCount: UInt64 = 0
    private let tasks: LoopTasks
    package private(set) var isStopped = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    package init(
        swarm: Swarm,
        identity: IdentityKey,
        blobs: BlobDriver?,
        limits: Limits = Limits()
    ) throws(DeliveryStartError) {
        self.swarm = swarm
        self.identity = identity
        self.blobs = blobs
        self.limits = limits
        world = swarm.world
        loop = swarm.world.loops[0]
        tasks = LoopTasks(on: swarm.world.loops[0])
        do throws(CryptoError) {
            keys = try MessageKeys(identity: identity, loops: swarm.world.loops)
        } catch {
            throw .crypto(error)
        }
        outbox = Outbox(own: identity.peerID, seed: swarm.world.random.word(), limits: limits.outbox)
        inbox = Inbox(own: identity.peerID, seed: swarm.world.random.word(), limits: limits.inbox)
        forwarder = Forwarder(own: identity.peerID, limits: limits.forwarder)
        flood = Flood(seed: swarm.world.random.word(), limits: limits.flood)
    }

    // MARK: Life

    /// Reads what is kept, and takes and sends messages from here on.
    package func start() async throws(DeliveryStartError) {
        do throws(StoreError) {
            for table in DeliveryTables.ofOutbox {
                try await restore(table) { row, now, wallNow throws(DeliveryRowError) in
                    try outbox.restore(row, now: now, wallNow: wallNow)
                }
            }
            outbox.finishRestoring(now: loop.now, wallNow: world.wallClock.now)
            for table in DeliveryTables.ofInbox {
                try await restore(table) { row, now, wallNow throws(DeliveryRowError) in
                    try inbox.restore(row, now: now, wallNow: wallNow)
                }
            }
            inbox.finishRestoring()
        } catch {
            throw .store(error)
        }
        restoreFiles()
        await blobs?.observe { [weak self] transfer in
            self?.enter(transfer) { driver, transfer in driver.take(transfer) }
        }
        swarm.protocols.set(
            MessageFrame.protocolID,
            streamCountMaxPerPeer: limits.inboundStreamCountMax
        ) { [weak self] stream in await self?.serve(stream) }
        await swarm.observe { [weak self] event in self?.enter(event) { driver, event in driver.take(event) }
        }
        for peer in await swarm.connectedPeers { linkUp(peer) }
        timer = loop.makeTimer { [weak self] in self?.enter { $0.tick() } }
        turnEnd = TurnEnd { [weak self] in self?.enter { $0.commitOutbox() } }
        pump()
    }

    /// Gives the rows of a table to `take`; tells of those that it does not understand, and goes on.
    private func restore(
        _ table: StoreTable,
        _ take: (StoreRow, Instant, WallTime) throws(DeliveryRowError) -> Void
    ) async throws(StoreError) {
        let (now, wallNow) = (loop.now, world.wallClock.now)
        var failures: [DeliveryRowError] = []
        try await world.store.forEach(in: table) { row in
            do throws(DeliveryRowError) { try take(row, now, wallNow) } catch { failures.append(error) }
        }
        tell(failures, of: table)
    }

    private func tell(_ failures: [DeliveryRowError], of table: StoreTable) {
        guard let first = failures.first else { return }
        world.log(
            .error,
            "rows of the store that cannot be understood are left alone",
            ["table": "\(table.name)", "rows": "\(failures.count)", "first": "\(first)"]
        )
    }

    /// Lets go of all streams; what waits stays in the store.
    package func stop() async {
        guard !isStopped else { return }
        isStopped = true
        // Receipts that wait for company.
        commitOutbox()
        swarm.protocols.set(MessageFrame.protocolID, nil)
        timer?.disarm()
        for peer in sessions.keys.sorted() {
            for priority in MessagePriority.allCases { sessions[peer]?.resume(priority, shallLook: false) }
        }
        let running = tasks.cancel()
        // Before the tasks are awaited: what they wait for may never be written.
        endReading()
        files.endAllWaits()
        endFileWatches(isOver: true)
        for id in watchers.keys.sorted() { notify(id, isEnd: true) }
        for id in acceptances.keys.sorted() {
            for waiter in acceptances.removeValue(forKey: id) ?? [] { waiter.resume(returning: .undecided) }
        }
        resumeDiskWaiters(through: .max)
        tellRoom()
        for task in running { await task.value }
        commitOutbox()
        await writeInbox()
    }

    /// Has the disk forget what was dealt with until now; gives up where it fails.
    private func writeInbox() async {
        commitInbox()
        while hasDiskWork, inboxStoreError == nil {
            await Waiter.suspend { waiter in diskWaiters.append((inboxDoneCount + 1, waiter)) }
            commitInbox()
        }
    }

    /// Starts a task that ``stop()`` cancels and awaits; `nil` when that has begun.
    @discardableResult
    func startTask(_ body: @escaping @Sendable (DeliveryDriver) async -> Void) -> Task<Void, Never>? {
        tasks.start { await body(self) }
    }

    // MARK: Turning

    /// Does what the machines ask for, and sets the timer; after every call of them.
    func pump() {
        turnCount &+= 1
        while let action = outbox.nextAction() { perform(action) }
        while let action = inbox.nextAction() { perform(action) }
        while let action = flood.nextAction() { perform(action) }
        setTimer()
    }

    func setTimer() {
        var next = Instant.earlier(inPlace(&outbox) { $0.nextDeadline }, inPlace(&inbox) { $0.nextDeadline })
        next = .earlier(next, inPlace(&flood) { $0.nextDeadline })
        next = .earlier(next, .earlier(storeRetryAt, sweepAt))
        guard next != armedFor else { return }
        armedFor = next
        if let next, !isStopped { timer?.arm(at: next) } else { timer?.disarm() }
    }

    private func tick() {
        armedFor = nil
        guard !isStopped else { return }
        let now = loop.now
        if let retry = storeRetryAt, retry <= now {
            storeRetryAt = nil
            commitOutbox()
            commitInbox()
        }
        if let time = sweepAt, time <= now { sweep(now: now) }
        outbox.advance(to: now, wallNow: world.wallClock.now)
        inbox.advance(to: now)
        flood.advance(to: now)
        pump()
    }

    private func perform(_ action: OutboxAction) {
        switch action {
        case .accepted(let id):
            // A way may have come while there was nothing to send over it.
            if let to = inPlace(&outbox, { $0.message(id)?.to }) { _ = routeUp(to) }
            tellAccepted(id)
            settleAcceptance(id, nil)
        case .notAccepted(let id):
            endOffer(id)
            settleAcceptance(id, .store(outboxStoreError ?? .closed))
        case .write: writeOutbox()
        case .reach(let peer): reach(peer)
        case .load(let position): load(position)
        case .settle(let peer): owesSettlement(peer)
        case .transmit(let peer): feed(peer)
        case .delivered(let id): notify(id, isEnd: true)
        case .ended(let message):
            if message.file != nil { endOffer(message.id) }
            routed[message.to]?.settled([message.id])
            notify(message.id, isEnd: true)
            if message.state == .delivered { obstacles[message.to] = nil }
            outboxObserver?(.ended(message.id))
        case .displaced(let low, let emergency):
            world.log(
                .info,
                "an EMERGENCY message took the place of a LOW one",
                ["low": "\(low)", "by": "\(emergency)"]
            )
        case .stalled(let stall):
            world.log(
                .warning,
                "messages are stuck",
                [
                    "peer": "\(stall.to)", "priority": "\(stall.priority)", "count": "\(stall.count)",
                    "oldest": "\(stall.oldest)", "why": "\(NodeFailure(stall).message)",
                    "for": "\(DurationWords.text(stall.duration))",
                ]
            )
        }
    }

    private func perform(_ action: InboxAction) {
        switch action {
        case .write: if storeRetryAt == nil { commitInbox() }
        case .arrived(let position): arrived(position)
        case .handOut(let position, let attempt): handOut(position, attempt: attempt)
        case .lost(let position):
            freshContents[position] = nil
            release(position)
            drop(.entry(position))
        case .withdrawn(let position): release(position)
        case .held(let position):
            fetchFile(position)
            tellFiles()
        case .unheld(let position): endHold(position)
        case .forgotten(let position): drop(.entry(position))
        case .answer(let peer): owesReceipts(peer)
        }
    }

    // MARK: Store

    /// Has what the outbox wants written at the end of the turn, or at once where there is much.
    func writeOutbox() {
        guard storeRetryAt == nil else { return }
        if outbox.unwrittenCount >= limits.writeCountMin {
            commitOutbox()
        } else if let turnEnd {
            loop.atEndOfTurn(turnEnd)
        }
    }

    func commitOutbox() {
        guard let batch = outbox.takeBatch() else { return }
        world.store.commit(batch) { [weak self] error in
            self?.enter(error) { driver, error in
                driver.outboxStoreError = error
                if let error {
                    driver.storeFailed(error)
                    driver.outbox.storeFailed(now: driver.loop.now)
                } else {
                    driver.outbox.stored(now: driver.loop.now, wallNow: driver.world.wallClock.now)
                    // Receipts came meanwhile, and no timer will see to them.
                    if driver.isStopped { driver.commitOutbox() }
                }
                driver.pump()
            }
        }
    }

    private func commitInbox() {
        guard let batch = inbox.takeBatch() else { return }
        inboxTakenCount += 1
        world.store.commit(batch) { [weak self] error in
            self?.enter(error) { driver, error in
                driver.inboxStoreError = error
                driver.inboxDoneCount += 1
                if let error {
                    driver.storeFailed(error)
                    driver.inbox.storeFailed(now: driver.loop.now)
                } else {
                    driver.inbox.stored(now: driver.loop.now, wallNow: driver.world.wallClock.now)
                }
                // Receipts are signed before whoever the messages are for begins to work.
                driver.resumeDiskWaiters(through: driver.inboxDoneCount)
                driver.pump()
                if !driver.hasDiskWork { driver.resumeDiskWaiters(through: .max) }
            }
        }
    }

    /// Nothing is written for a while but what somebody waits for.
    private func storeFailed(_ error: StoreError) {
        storeRetryAt = loop.now + limits.storeRetryInterval
        world.log(.error, "the store took nothing", ["reason": "\(error)"])
    }

    private func load(_ position: UInt64) {
        world.store.read(StoreKey(DeliveryTables.outbox, position)) { [weak self] result in
            self?.enter((position, result)) { driver, read in
                let (position, result) = read
                let row: [UInt8]?
                do throws(StoreError) { row = try result.get() } catch {
                    driver.world.log(.error, "a message cannot be read back", ["reason": "\(error)"])
                    row = nil
                }
                driver.outbox.loaded(
                    position: position,
                    row: row,
                    now: driver.loop.now,
                    wallNow: driver.world.wallClock.now
                )
                driver.pump()
            }
        }
    }
}
