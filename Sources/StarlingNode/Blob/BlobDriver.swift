package import StarlingCore
package import StarlingMesh
internal import StarlingTransports
package import StarlingWorld

/// A file that was taken into the store: all that the recipient has to be told of it.
package struct StoredBlob: Equatable, Sendable {
    package var id: BlobID
    /// The size of the file.
    package var contentByteCount: UInt64
    /// What opens a private blob; wipe it when the message that carries it is sealed.
    package var key: [UInt8]?
}

/// Takes files in, offers them to peers, and fetches what peers offer.
///
/// What a message tells of a blob, its ``BlobID``, its name and its key, is the message's business. Whoever sends one
/// takes the file in, offers it to the recipient before the message leaves, and takes the offer back when it is settled;
/// offers are to be made again after a start. Whoever receives one fetches it, and what was fetched before is not fetched
/// again.
package actor BlobDriver {
    package struct Limits: Sendable {
        package var fetch = BlobFetch.Limits()
        package var offer = BlobOffer.Limits()
        /// Attempts to fetch that run at a time; others wait.
        package var fetchCountMax = 4
        /// Those of them from one peer, so that one that trickles does not keep all.
        package var peerFetchCountMax = 2
        /// How long a fetch has its turn in any case: then others have theirs, see ``BlobTurns``.
        package var turnDuration: Duration = .seconds(60)
        /// Streams that one peer may have open here: as many as are served, and as many more that are told to come later.
        package var inboundStreamCountMax = 8
        /// Fetches that run or wait; a further one is refused.
        package var callerCountMax = 1000
        /// The pause after an attempt that brought nothing; doubled each time.
        package var pauseMin: Duration = .seconds(1)
        package var pauseMax: Duration = .seconds(60)
        /// Attempts in a row that may end by what the peer does rather than by the network; then the fetch fails.
        package var patienceCount = 5
        /// How often observers hear of one transfer.
        package var reportInterval: Duration = .milliseconds(100)

        package init() {}
    }

    /// A fetch that runs.
    private struct Attempt {
        var id: BlobID
        var peer: PeerID
        var session: BlobFetchSession
        /// Whether it goes over others.
        var isFar: Bool
    }

    private struct Pause {
        var peer: PeerID
        var waiter: Waiter<Void>
    }

    private let swarm: Swarm
    private let world: World
    nonisolated let store: any BlobStore
    private nonisolated let limits: Limits
    private nonisolated let offers = BlobOffers()
    private nonisolated let loop: any EventLoop
    /// Who reaches peers that are not connected; `nil` where nobody does.
    ///
    /// It has the deliveries, which have this driver.
    private weak var tunnels: TunnelDriver?
    /// By token.
    private var attempts: [UInt64: Attempt] = [:]
    private var observers: [@Sendable (BlobTransfer) -> Void] = []
    private var isStopped = false
    private var nextToken: UInt64 = 0
    private var pauses: [UInt64: Pause] = [:]
    /// The timers that end pauses.
    private var timers: [UInt64: any LoopTimer] = [:]
    private var turns: BlobTurns
    private var turnTimer: (any LoopTimer)?
    private var turnTimerEnd: Instant?
    private var callerCount = 0
    /// Callers that wait for their turn, by token.
    private var queue: [UInt64: Waiter<Void>] = [:]

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    package init(swarm: Swarm, store: any BlobStore, limits: Limits = Limits()) {
        self.swarm = swarm
        self.store = store
        self.limits = limits
        world = swarm.world
        loop = swarm.world.loops[0]
        var turnLimits = BlobTurns.Limits()
        turnLimits.fetchCountMax = limits.fetchCountMax
        turnLimits.peerFetchCountMax = limits.peerFetchCountMax
        turnLimits.duration = limits.turnDuration
        turns = BlobTurns(turnLimits)
    }

    /// Serves what is offered from here on.
    package func start() async {
        swarm.protocols.set(
            BlobProtocol.id,
            streamCountMaxPerPeer: limits.inboundStreamCountMax
        ) { [weak self] stream in await self?.serve(stream) }
        turnTimer = loop.makeTimer { [weak self] in self?.enter { $0.shareTurns() } }
        await swarm.observe { [weak self] event in
            guard case .opened(let connection, isFirst: true) = event else { return }
            self?.enter(connection.info.peer) { driver, peer in
                driver.moveToLink(peer)
                driver.wake(peer)
            }
        }
    }

    /// Fetches over others what has no shorter way, and serves who does so, from here on.
    package func useTunnels(_ tunnels: TunnelDriver) {
        self.tunnels = tunnels
        tunnels.serve(BlobProtocol.id) { [weak self] stream in await self?.serve(stream) }
    }

    /// Ends fetches, which throw ``BlobFailure/cancelled``; what is durable stays.
    package func stop() {
        isStopped = true
        swarm.protocols.set(BlobProtocol.id, nil)
        for pause in pauses.sorted(by: { $0.key < $1.key }) { pause.value.waiter.resume() }
        pauses = [:]
        turnTimer?.disarm()
        resumeQueue()
    }

    /// Hears of every transfer from here on, on the driver's loop: at most so often as the limits say, and of each end.
    package func observe(_ observer: @escaping @Sendable (BlobTransfer) -> Void) {
        observers.append(observer)
    }

    // MARK: Looking

    /// The most that all blobs together may take.
    nonisolated var byteCountMax: UInt64 { store.folder.limits.byteCountMax }

    /// What is there, and the most there may be.
    nonisolated var occupancy: Occupancy {
        let (fill, limits) = (store.folder.fill, store.folder.limits)
        return Occupancy(
            count: fill.blobCount,
            countMax: limits.blobCountMax,
            byteCount: Int(clamping: fill.byteCount),
            byteCountMax: Int(clamping: limits.byteCountMax)
        )
    }

    /// What has a limit among those that blobs are offered to.
    nonisolated var tableFills: [TableFill] { offers.tableFills }

    /// Every blob that is here, or partly here.
    nonisolated var allBlobs: [BlobID] { store.folder.holdings().map(\.id) }

    /// Whether a blob is here as a whole.
    nonisolated func hasAll(_ id: BlobID) -> Bool { store.folder.holding(id)?.isFinished == true }

    /// How much of a blob is here, in bytes.
    nonisolated func byteCount(of id: BlobID) -> UInt64 { store.folder.holding(id)?.byteCount ?? 0 }

    // MARK: Files

    /// Takes a file into the store: sealed under a fresh key where it is private, else as it is.
    ///
    /// It is durable when this returns. Cancellation: nothing of it stays.
    package func take(
        _ path: String,
        isPrivate: Bool,
        progress: (_ byteCount: UInt64, _ totalByteCount: UInt64) -> Void = { _, _ in }
    ) async throws(BlobFailure) -> StoredBlob {
        var bytes = isPrivate ? world.random.bytes(count: BlobKey.byteCount) : nil
        let key = bytes
        let seal = try bytes.takeSeal()
        var contentByteCount: UInt64 = 0
        do throws(BlobError) {
            let id = try await store.pass({ folder throws(BlobError) in
                try folder.importing(path, cipher: seal)
            }) { byteCount, total in
                contentByteCount = total
                progress(byteCount, total)
            }
            return StoredBlob(id: id, contentByteCount: contentByteCount, key: key)
        } catch {
            throw Task.isCancelled ? .cancelled : .store(error)
        }
    }

    /// Writes a blob that is all there out into a file that must not exist; opened with its key where it is private.
    ///
    /// Each chunk is checked. Cancellation: no file stays.
    package func give(
        _ id: BlobID,
        key: [UInt8]?,
        to path: String,
        progress: (_ byteCount: UInt64, _ totalByteCount: UInt64) -> Void = { _, _ in }
    ) async throws(BlobFailure) {
        var bytes = key
        let seal = try bytes.takeSeal()
        do throws(BlobError) {
            _ = try await store.pass(
                { folder throws(BlobError) in try folder.exporting(id, to: path, cipher: seal) },
                progress: progress
            )
        } catch {
            throw Task.isCancelled ? .cancelled : .store(error)
        }
    }

    /// Forgets a blob, whole or not, and its offers; an attempt to fetch it that is under way ends first.
    package func remove(_ id: BlobID) async throws(BlobFailure) {
        offers.removeAll(id)
        try await takeTurn(id, nil)
        defer { endTurn(id) }
        do throws(BlobError) {
            try await store.perform { folder throws(BlobError) in try folder.delete(id) }
        } catch {
            throw .store(error)
        }
    }

    // MARK: Offering

    /// Lets a peer fetch a blob until the offer is taken back or the node ends.
    package nonisolated func offer(_ id: BlobID, to peer: PeerID) throws(BlobFailure) {
        if !offers.add(id, for: peer) { throw .tooMany }
    }

    /// Takes an offer back.
    package nonisolated func withdraw(_ id: BlobID, from peer: PeerID) { offers.remove(id, for: peer) }

    private nonisolated func serve(_ stream: Stream) async {
        let session = BlobOfferSession(
            stream,
            store,
            offers,
            limits: limits.offer,
            reportInterval: limits.reportInterval
        ) { transfer in self.tell(transfer) }
        await session.run()
    }

    // MARK: Fetching

    /// Fetches a blob from a peer, and returns when it is whole and durable.
    ///
    /// It goes on where an earlier call, or an earlier life of the node, has stopped. While the peer is away, or the
    /// network fails, it waits and tries again, without an end: the caller knows how long the blob is wanted. Attempts
    /// for the same blob wait for each other, and a fetch that pauses keeps nobody from going on.
    ///
    /// Errors: what the store refuses, at once; what the peer does wrong, after some attempts. Cancellation: throws
    /// ``BlobFailure/cancelled``; what is durable stays.
    package func fetch(_ id: BlobID, from peer: PeerID) async throws(BlobFailure) {
        guard callerCount < limits.callerCountMax else { throw .tooMany }
        callerCount += 1
        defer { callerCount -= 1 }
        do throws(BlobFailure) {
            try await fetchInTurns(id, peer)
            tell(id, peer, .finished, id.byteCount)
        } catch {
            tell(id, peer, .failed(error), 0)
            throw error
        }
    }

    /// How a fetch goes on after an attempt that failed.
    private struct Pace {
        var pause: Duration
        var patience: Int
        var heldCount = -1
    }

    private func fetchInTurns(_ id: BlobID, _ peer: PeerID) async throws(BlobFailure) {
        var pace = Pace(pause: limits.pauseMin, patience: limits.patienceCount)
        while true {
            let failure: BlobFailure
            do throws(BlobFailure) {
                return try await takeOneTurn(id, peer, &pace)
            } catch {
                failure = error
            }
            if isStopped || Task.isCancelled { throw .cancelled }
            switch failure.weight {
            case .final: throw failure
            case .suspicious:
                pace.patience -= 1
                if pace.patience <= 0 { throw failure }
            case .passing: break
            }
            tell(id, peer, .waiting(failure), await self.holding(id)?.byteCount ?? 0)
            let jitter = world.random.number(below: 201) - 100
            await wait(pace.pause + pace.pause * jitter / 1000, for: peer)
            if isStopped || Task.isCancelled { throw .cancelled }
            pace.pause = min(limits.pauseMax, pace.pause * 2)
        }
    }

    /// Makes one attempt, and returns when the blob is whole.
    private func takeOneTurn(_ id: BlobID, _ peer: PeerID, _ pace: inout Pace) async throws(BlobFailure) {
        try await takeTurn(id, peer)
        defer { endTurn(id) }
        let holding = await holding(id)
        if holding?.isFinished == true { return }
        if let count = holding?.written.count, count > pace.heldCount {
            // The last attempt brought something: the next one begins afresh.
            if pace.heldCount >= 0 { (pace.pause, pace.patience) = (limits.pauseMin, limits.patienceCount) }
            pace.heldCount = count
        }
        try await attempt(id, peer, holding)
    }

    private func holding(_ id: BlobID) async -> BlobHolding? {
        do throws(BlobError) { return try await store.perform { $0.holding(id) } } catch { return nil }
    }

    private func attempt(_ id: BlobID, _ peer: PeerID, _ holding: BlobHolding?) async throws(BlobFailure) {
        if id.chunkCount == 0 {
            do throws(BlobError) {
                return try await store.perform { folder throws(BlobError) in
                    _ = try folder.begin(id, leaves: [])
                    try folder.finish(id)
                }
            } catch {
                throw .store(error)
            }
        }
        let (stream, neighbour) = try await openStream(to: peer)
        tell(id, peer, .running, holding?.byteCount ?? 0)
        let session = BlobFetchSession(
            stream,
            store,
            id,
            held: holding?.written,
            limits: limits.fetch,
            reportInterval: limits.reportInterval
        ) { byteCount, bytesPerSecond in
            self.tell(
                BlobTransfer(
                    id: id,
                    peer: peer,
                    course: .receiving,
                    state: .running,
                    byteCount: byteCount,
                    bytesPerSecond: bytesPerSecond
                )
            )
        }
        let token = makeToken()
        attempts[token] = Attempt(id: id, peer: peer, session: session, isFar: neighbour != nil)
        defer { attempts[token] = nil }
        turns.started(id, byteCount: holding?.byteCount ?? 0, now: loop.now)
        armTurnTimer()
        guard let neighbour else { return try await session.run() }
        do throws(BlobFailure) { try await session.run() } catch {
            switch error {
            case .stream(.closed): throw error
            // Somebody on the way may take tunnels and cut them, or carry nothing; so may the peer seem to.
            case .stream(let reason):
                await tunnels?.doubted(to: peer, via: neighbour)
                throw .tunnel(reason == .forged ? .forged : .broken(reason))
            case .fetch(.stalled):
                await tunnels?.doubted(to: peer, via: neighbour)
                throw .tunnel(.timedOut)
            case .store, .unreachable, .tunnel, .fetch, .tooMany, .unusableKey, .cancelled: throw error
            }
        }
    }

    /// Opens a stream to a peer: over the link to it, or over others while there is none, or over a link that it makes.
    ///
    /// - Returns: the stream, and the neighbour over which it goes where the peer is none.
    private func openStream(to peer: PeerID) async throws(BlobFailure) -> (Stream, via: PeerID?) {
        if let tunnels, await !swarm.isConnected(peer), await tunnels.hasWay(to: peer) {
            do throws(TunnelError) {
                let tunnel = try await tunnels.openStream(to: peer, BlobProtocol.id)
                return (tunnel.stream, tunnel.via)
            } catch {
                throw .tunnel(error)
            }
        }
        do throws(SwarmError) { return (try await swarm.openStream(to: peer, [BlobProtocol.id]), nil) } catch
        {
            switch error {
            case .dial(let error): throw .unreachable(error)
            case .stream(let error): throw .stream(error)
            }
        }
    }

    /// A peer is connected: what comes from it over others shall come over the link.
    private func moveToLink(_ peer: PeerID) {
        for (_, attempt) in attempts.sorted(by: { $0.key < $1.key })
        where attempt.isFar && attempt.peer == peer {
            let session = attempt.session
            loop.startTask { await session.leave() }
        }
    }

    // MARK: Turns and pauses

    /// Waits until nobody else has a blob in hand, and, to fetch from a peer, until there is a place for that.
    private func takeTurn(_ id: BlobID, _ peer: PeerID?) async throws(BlobFailure) {
        let token = makeToken()
        while !turns.canGo(id, peer) {
            await withTaskCancellationHandler {
                await Waiter.suspend { waiter in
                    if Task.isCancelled || isStopped || turns.canGo(id, peer) {
                        waiter.resume()
                    } else {
                        queue[token] = waiter
                        turns.wait(token, for: id, peer)
                        armTurnTimer()
                    }
                }
            } onCancel: {
                loop.startTask { await self.leaveQueue(token) }
            }
            if Task.isCancelled || isStopped { throw .cancelled }
        }
        if isStopped { throw .cancelled }
        turns.begin(id, peer)
    }

    private func endTurn(_ id: BlobID) {
        turns.end(id)
        resumeQueue()
        if turns.isIdle { store.perform({ $0.trim() }) { _ in } }
    }

    /// Has all look again: only their order decides who goes on.
    private func resumeQueue() {
        for token in turns.order { leaveQueue(token) }
        armTurnTimer()
    }

    private func leaveQueue(_ token: UInt64) {
        turns.endWait(token)
        queue.removeValue(forKey: token)?.resume()
    }

    /// Ends attempts that have had their turn for long, where others wait.
    private func shareTurns() {
        turnTimerEnd = nil
        for id in turns.advance(to: loop.now) {
            guard let session = attempts.values.first(where: { $0.id == id })?.session else { continue }
            loop.startTask { await session.yield() }
        }
        armTurnTimer()
    }

    private func armTurnTimer() {
        let next = isStopped ? nil : turns.nextDeadline
        guard next != turnTimerEnd else { return }
        turnTimerEnd = next
        if let next { turnTimer?.arm(at: next) } else { turnTimer?.disarm() }
    }

    /// Waits for some time, or until there is a connection with the peer.
    private func wait(_ duration: Duration, for peer: PeerID) async {
        let token = makeToken()
        let timer = loop.makeTimer { [weak self] in self?.enter(token) { $0.endPause($1) } }
        timer.arm(at: loop.now + duration)
        timers[token] = timer
        await withTaskCancellationHandler {
            await Waiter.suspend { waiter in
                if Task.isCancelled || isStopped {
                    waiter.resume()
                } else {
                    pauses[token] = Pause(peer: peer, waiter: waiter)
                }
            }
        } onCancel: {
            loop.startTask { await self.endPause(token) }
        }
        timers[token] = nil
    }

    private func endPause(_ token: UInt64) { pauses.removeValue(forKey: token)?.waiter.resume() }

    /// Ends the pauses of fetches from a peer: it may be reached in another way.
    func wake(_ peer: PeerID) {
        for token in pauses.filter({ $0.value.peer == peer }).keys.sorted() { endPause(token) }
    }

    private func makeToken() -> UInt64 {
        nextToken += 1
        return nextToken
    }

    // MARK: Progress

    private func tell(_ id: BlobID, _ peer: PeerID, _ state: BlobTransfer.State, _ byteCount: UInt64) {
        tellObservers(
            BlobTransfer(
                id: id,
                peer: peer,
                course: .receiving,
                state: state,
                byteCount: byteCount,
                bytesPerSecond: 0
            )
        )
    }

    private nonisolated func tell(_ transfer: BlobTransfer) {
        if loop.isCurrent {
            enter(transfer) { $0.tellObservers($1) }
        } else {
            loop.startTask { await self.tellObservers(transfer) }
        }
    }

    private func tellObservers(_ transfer: BlobTransfer) {
        if transfer.course == .receiving, transfer.state == .running {
            turns.moved(transfer.id, byteCount: transfer.byteCount)
        }
        for observer in observers { observer(transfer) }
    }
}

extension [UInt8]? {
    /// The cipher of a key, which is wiped here; `nil` without one.
    fileprivate mutating func takeSeal() throws(BlobFailure) -> BlobSeal? {
        guard var bytes = self else { return nil }
        self = nil
        guard bytes.count == BlobKey.byteCount, let key = try? BlobKey(wiping: &bytes) else {
            throw .unusableKey
        }
        return BlobSeal(key)
    }
}
