internal import StarlingCore
package import StarlingMesh
internal import StarlingTransports
package import StarlingWorld

/// Keeps messages for peers that are away, for as long as the node's user lets it, and answers whoever asks.
///
/// A peer is answered on the stream on which it asks. What it asks together is written together, and nothing more is read of
/// it before that is on the disk.
///
/// Spec: docs/specs/mailbox.md.
package actor MailboxShelfDriver {
    package struct Limits: Sendable {
        /// Streams that one peer may have open here: an old one that ends, and the one that follows it.
        package var inboundStreamCountMax = 4
        /// Bytes of asks that are dealt with together: a few of the largest messages.
        package var batchByteCount = 4 * MailboxProtocol.askByteCountMax
        /// How long a neighbour may take to read what it is answered together; then its stream is reset.
        ///
        /// Whoever asks waits as long for a page.
        package var writePatience = MailboxFetcher.Limits().pageDuration
        /// How long a stream that came over others may bring nothing whole: it has a place among few.
        package var farPatience: Duration = .seconds(120)
        /// How long it may take besides to read a page: as long as whoever asks waits for one.
        package var pageDuration = MailboxFetcher.Limits().pageDuration
        /// Lists that peers which are no neighbours may tell, all together.
        package var farTellingRate = RouteRate(perSecond: 1, atOnce: 32)
        /// From a write that failed to the next try, where nobody waits for it.
        package var storeRetryInterval: Duration = .seconds(1)

        package init() {}
    }

    /// A stream on which a peer asks.
    struct Visit {
        /// Tells it from the peer's streams before and after it.
        let number: UInt64
        let stream: Stream
        /// When it is given up unless it brings something; `nil` for one that a neighbour opened.
        var endsAt: Instant?
        /// Answers that are not written.
        var answers: [UInt8] = []
        /// Messages whose verdicts are to come.
        var openOffers: Set<MessageID> = []
    }

    let swarm: Swarm
    let world: World
    let mailboxes: MailboxDriver
    let limits: Limits
    private let shelfLimits: MailboxShelf.Limits
    package nonisolated let loop: any EventLoop

    var shelf: MailboxShelf
    /// By the peer that asks: a new stream takes the place of the last.
    var visits: [PeerID: Visit] = [:]
    private var lastVisit: UInt64 = 0
    private var farTelling: RouteAllowance

    /// Batches that were handed to the store, and those whose commit has ended.
    private var takenCount: UInt64 = 0
    private var doneCount: UInt64 = 0
    private var diskWaiters: [Waiter<Void>] = []
    private var storeRetryAt: Instant?
    private var timer: (any LoopTimer)?
    private var armedFor: Instant?
    private(set) var isStopped = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    package init(
        swarm: Swarm,
        mailboxes: MailboxDriver,
        configuration: MailboxConfiguration,
        limits: Limits = Limits()
    ) {
        self.swarm = swarm
        self.mailboxes = mailboxes
        self.limits = limits
        shelfLimits = configuration.shelfLimits
        world = swarm.world
        loop = swarm.world.loops[0]
        farTelling = RouteAllowance(limits.farTellingRate, now: swarm.world.loops[0].now)
        shelf = MailboxShelf(
            own: swarm.peerID,
            policy: configuration.policy,
            limits: configuration.shelfLimits
        )
    }

    // MARK: Life

    /// Reads what is kept, and answers from here on.
    ///
    /// - Throws: the store's error.
    package func start() async throws(StoreError) {
        let (now, wallNow) = (loop.now, world.wallClock.now)
        var failures: [DeliveryRowError] = []
        try await world.store.forEach(in: MailboxTables.shelf) { row in
            do throws(DeliveryRowError) { try shelf.restore(row, now: now, wallNow: wallNow) } catch {
                failures.append(error)
            }
        }
        if let first = failures.first {
            world.log(
                .error,
                "messages that are kept for others cannot be understood, and are left alone",
                ["rows": "\(failures.count)", "first": "\(first)"]
            )
        }
        timer = loop.makeTimer { [weak self] in self?.enter { $0.tick() } }
        shelf.finishRestoring(now: loop.now)
        swarm.protocols.set(
            MailboxProtocol.id,
            streamCountMaxPerPeer: limits.inboundStreamCountMax
        ) { [weak self] stream in await self?.serve(stream) }
        pump()
    }

    /// Answers peers that are no neighbours, too, from here on: where messages are kept for anybody.
    package func serve(in tunnels: TunnelDriver) {
        guard shelf.policy != .nobody else { return }
        tunnels.serve(MailboxProtocol.id) { [weak self] stream in await self?.serve(stream, isFar: true) }
    }

    /// Answers nobody any more; what is kept stays in the store.
    package func stop() {
        guard !isStopped else { return }
        isStopped = true
        swarm.protocols.set(MailboxProtocol.id, nil)
        timer?.disarm()
        resumeDiskWaiters()
    }

    // MARK: Turning

    /// Does what the shelf asks for, and sets the timer; after every call of it.
    func pump() {
        while let action = shelf.nextAction() {
            switch action {
            case .write: commit()
            case .verdict(let peer, let verdict):
                visits[peer]?.openOffers.remove(verdict.id)
                answer(peer, .verdicts([verdict]))
            case .erased(let peer, let ids): answer(peer, .erased(ids))
            }
        }
        var next = Instant.earlier(shelf.nextDeadline, storeRetryAt)
        for visit in visits.values { next = .earlier(next, visit.endsAt) }
        guard next != armedFor else { return }
        armedFor = next
        if let next, !isStopped { timer?.arm(at: next) } else { timer?.disarm() }
    }

    /// Lines an answer up for a peer; with none of its streams there is nobody to hear it.
    func answer(_ peer: PeerID, _ answer: MailboxAnswer) { visits[peer]?.answers += answer.encoded }

    private func tick() {
        armedFor = nil
        guard !isStopped else { return }
        let now = loop.now
        if let time = storeRetryAt, time <= now {
            storeRetryAt = nil
            commit()
        }
        shelf.advance(to: now)
        for peer in visits.keys.sorted() {
            guard let end = visits[peer]?.endsAt, end <= now else { continue }
            giveUp(visits.removeValue(forKey: peer))
        }
        pump()
    }

    private func giveUp(_ visit: Visit?) {
        guard let stream = visit?.stream else { return }
        loop.startTask { await stream.reset() }
    }

    private func commit() {
        guard storeRetryAt == nil, let batch = shelf.takeBatch() else { return }
        takenCount += 1
        world.store.commit(batch) { [weak self] error in
            self?.enter(error) { driver, error in
                driver.doneCount += 1
                if let error {
                    driver.world.log(.error, "the store took nothing of the mailbox", ["reason": "\(error)"])
                    driver.storeRetryAt = driver.loop.now + driver.limits.storeRetryInterval
                    driver.shelf.storeFailed()
                } else {
                    driver.shelf.stored()
                }
                driver.pump()
                driver.resumeDiskWaiters()
            }
        }
    }

    // MARK: Waiting

    /// A stream begins: it takes the place of the peer's last one.
    func beginVisit(_ stream: Stream, isFar: Bool) -> UInt64? {
        guard !isStopped else { return nil }
        lastVisit += 1
        let visit = Visit(
            number: lastVisit,
            stream: stream,
            endsAt: isFar ? loop.now + limits.farPatience : nil
        )
        giveUp(visits.updateValue(visit, forKey: stream.peer))
        pump()
        return lastVisit
    }

    /// Something whole has come on a stream.
    func visited(by peer: PeerID) { keep(visitOf: peer, for: limits.farPatience) }

    /// A peer gets a page, which may take long by a slow link.
    ///
    /// The time goes on when the page is written: much of it may still be on its way.
    func paged(_ peer: PeerID) { keep(visitOf: peer, for: limits.pageDuration + limits.farPatience) }

    private func keep(visitOf peer: PeerID, for duration: Duration) {
        guard let end = visits[peer]?.endsAt else { return }
        visits[peer]?.endsAt = max(end, loop.now + duration)
    }

    /// Whether a list may be taken that a peer tells: a neighbour's, or one of those for whom messages are kept, in moderation.
    func takes(_ list: MailboxList, from peer: PeerID) -> Bool {
        visits[peer]?.endsAt == nil || (shelf.policy.serves(peer) && farTelling.take(now: loop.now))
    }

    func endVisit(_ peer: PeerID, _ number: UInt64) {
        if visits[peer]?.number == number { visits[peer] = nil }
    }

    /// Which batch has what was told to the shelf in this turn, when `hadBatch` says whether one was on its way before.
    var hasBatch: Bool { takenCount > doneCount }

    /// Suspends until what a stream's asks changed is on the disk, and its offers have their verdicts.
    func settle(_ peer: PeerID, _ number: UInt64, hadBatch: Bool) async {
        let target = hadBatch ? doneCount + 2 : takenCount
        while !isStopped, visits[peer]?.number == number,
            visits[peer]?.openOffers.isEmpty == false || (doneCount < target && hasBatch)
        {
            await Waiter.suspend { waiter in
                // The last batch may have been written before this task came to wait.
                if isStopped || !hasBatch { waiter.resume() } else { diskWaiters.append(waiter) }
            }
            if !hasBatch { break }
        }
    }

    private func resumeDiskWaiters() {
        let waiting = diskWaiters
        diskWaiters = []
        for waiter in waiting { waiter.resume() }
    }

    // MARK: Asking

    /// What is kept, for whom and of whom.
    package var report: MailboxShelfReport {
        MailboxShelfReport(
            policy: shelf.policy,
            limits: shelfLimits,
            count: shelf.count,
            byteCount: shelf.byteCount,
            displacedCount: shelf.displacedCount,
            holdings: shelf.holdings,
            asOf: loop.now
        )
    }

    /// The messages of which this node keeps copies, in no order; `nil` where nothing has come or gone since there were so many
    /// changes.
    package func keptMessages(after changeCount: UInt64) -> (names: [MessageName], changeCount: UInt64)? {
        inPlace(&shelf) { $0.changeCount == changeCount ? nil : ($0.keptMessages, $0.changeCount) }
    }

    /// The tables that have a limit.
    package var tableFills: [TableFill] { inPlace(&shelf) { $0.tableFills } }
}
