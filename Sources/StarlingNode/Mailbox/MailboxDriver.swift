package import StarlingCore
package import StarlingCrypto
package import StarlingMesh
internal import StarlingTransports
package import StarlingWorld

/// Leaves messages with the mailboxes of peers that are away, and fetches those that mailboxes keep for this node.
///
/// It asks; what this node keeps for others is the ``MailboxShelfDriver``'s. Messages stay the ``DeliveryDriver``'s,
/// which goes on trying whatever a mailbox has.
///
/// Spec: docs/specs/mailbox.md.
package actor MailboxDriver {
    package struct Limits: Sendable {
        package var sender = MailboxSender.Limits()
        package var fetcher = MailboxFetcher.Limits()
        package var directory = MailboxDirectory.Limits()
        /// Mailboxes that are dialled at once; more take their turn.
        package var reachCountMax = 16
        /// A stream to a mailbox on which nothing is left to say for so long is closed.
        package var visitIdle: Duration = .seconds(5)
        /// A stream on which nothing is answered, or nothing read, for as long is given up: longer than the machines wait.
        package var visitPatience: Duration = .seconds(90)
        /// How long a mailbox may take to end a stream that this node has ended.
        package var closingDuration: Duration = .seconds(10)
        /// Bytes of asks that wait for one mailbox; with more its stream is given up: a few of the largest messages.
        package var unwrittenByteCountMax = 16 * MailboxProtocol.askByteCountMax
        /// After a stream that failed though its mailbox is connected; doubled by each further one, up to the longest.
        package var restMin: Duration = .seconds(1)
        package var restMax: Duration = .seconds(300)
        /// Mailboxes that are no neighbours and are asked over others at the same time, the node's own besides; and those of
        /// which it is remembered that they are left alone.
        package var farCountMax = 64
        /// Neighbours that are asked which mailboxes a peer has, each time.
        package var neighbourCountMax = 8
        /// Links that such a question may cross.
        package var listHopLimit: UInt8 = 4
        /// Neighbours that one is passed on to which this node cannot answer.
        package var searchFanOut = 2
        /// How long it waits for their answers, for each link that the question may still cross: meanwhile nothing else is read of
        /// whoever asks.
        package var searchPatiencePerHop: Duration = .milliseconds(250)
        /// Before the same peer is looked for again for others.
        package var searchInterval: Duration = .seconds(10)
        /// Peers that are looked for on behalf of others at the same time; those beyond are not.
        package var searchCountMax = 64
        /// Peers of whom it is remembered when they were last looked for.
        package var soughtCountMax = 1024
        /// Questions that are passed on of one neighbour, one in so long, and at once.
        package var searchPause: Duration = .seconds(8)
        package var searchCountAtOnce = 4
        /// Those of all neighbours together: several of them have to work together to leave the others nothing.
        package var searchPauseOfAll: Duration = .seconds(1)
        package var searchCountAtOnceOfAll = 16
        /// Peers whose lists one neighbour is asked for after another; for more the sender looks again later.
        package var listCountMax = 1024
        /// Newer lists that one peer may tell at once of its own mailboxes, as one that is set up again and again; those beyond
        /// are not taken before it tells again.
        package var toldCountMax = 4
        /// After which a peer may tell one more.
        package var toldInterval: Duration = .seconds(60)
        /// Peers that have gone of whom it is remembered how many lists they told.
        package var goneCountMax = 256
        /// How long this node's own list holds; it is signed anew when half of that is over.
        package var listLifetime = MailboxList.lifetimeMax
        /// How long the outbox may take to write what a receipt ends; then the receipt is fetched again.
        package var receiptDuration: Duration = .seconds(60)
        /// From a write that failed to the next try.
        package var storeRetryInterval: Duration = .seconds(1)

        package init() {}
    }

    /// Whose answer a connection is.
    enum Part { case sender, fetcher }

    /// A mailbox whose stream failed though it is connected.
    struct Rest {
        var until: Instant
        var wait: Duration
    }

    let swarm: Swarm
    let world: World
    let identity: IdentityKey
    let delivery: DeliveryDriver
    let limits: Limits
    let own: [MailboxList.Mailbox]
    package nonisolated let loop: any EventLoop

    var sender: MailboxSender
    var fetcher: MailboxFetcher
    var directory: MailboxDirectory
    /// This node's own list; `nil` when it never had one.
    var ownList: MailboxList?
    var listDue: Instant?
    /// How many newer lists each peer may still tell.
    var telling: NeighbourAllowances
    /// Which mailboxes the fetcher was last told of.
    private(set) var watched: [PeerID] = []

    var links: Set<PeerID> = []
    /// Who opens streams to mailboxes that are no neighbours.
    weak var tunnels: TunnelDriver?
    /// Mailboxes that are no neighbours and can be asked over others.
    var far: Set<PeerID> = []
    /// Searches on behalf of others, by the peer that is looked for.
    var searches: [PeerID: ListSearch] = [:]
    /// When peers were last looked for.
    var sought: RecentTable<PeerID, Instant>
    /// How many questions of each neighbour are passed on.
    var searching: NeighbourAllowances
    var searchingOfAll: RouteAllowance
    var visits: [PeerID: MailboxVisit] = [:]
    var rests: [PeerID: Rest] = [:]
    /// Where among the neighbours the next search for a list begins.
    var seekCursor = 0
    var reaching = 0
    var toReach = RingQueue<(peer: PeerID, part: Part)>()
    /// What the last page brought, until a task takes it.
    var brought: [(envelope: [UInt8], mailbox: PeerID)] = []

    private var storeRetryAt: Instant?
    private var sweepAt: Instant?
    private var timer: (any LoopTimer)?
    private var armedFor: Instant?
    private let tasks: LoopTasks
    private var lastNumber: UInt64 = 0
    private var isRunning = false
    private(set) var isStopped = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    package init(
        swarm: Swarm,
        identity: IdentityKey,
        delivery: DeliveryDriver,
        configuration: MailboxConfiguration
    ) {
        self.swarm = swarm
        self.identity = identity
        self.delivery = delivery
        limits = configuration.limits
        own = configuration.mailboxes.filter { $0.peer != identity.peerID }
        world = swarm.world
        loop = swarm.world.loops[0]
        tasks = LoopTasks(on: swarm.world.loops[0])
        let (peer, random) = (identity.peerID, swarm.world.random)
        sender = MailboxSender(own: peer, seed: random.word(), limits: limits.sender)
        fetcher = MailboxFetcher(own: peer, seed: random.word(), limits: limits.fetcher)
        directory = MailboxDirectory(limits: limits.directory)
        sought = RecentTable(countMax: limits.soughtCountMax)
        searching = NeighbourAllowances(
            interval: limits.searchPause,
            atOnce: limits.searchCountAtOnce,
            goneCountMax: limits.goneCountMax
        )
        searchingOfAll = RouteAllowance(
            interval: limits.searchPauseOfAll,
            atOnce: limits.searchCountAtOnceOfAll,
            now: loop.now
        )
        telling = NeighbourAllowances(
            interval: limits.toldInterval,
            atOnce: limits.toldCountMax,
            goneCountMax: limits.goneCountMax
        )
    }

    // MARK: Life

    /// Reads what is kept, and leaves and fetches messages from here on.
    ///
    /// - Throws: the store's error.
    package func start() async throws(StoreError) {
        try await restore(MailboxTables.lists) { row, _, wallNow throws(DeliveryRowError) in
            try directory.restore(row, wallNow: wallNow)
        }
        try await restore(MailboxTables.copies) { row, now, wallNow throws(DeliveryRowError) in
            try sender.restore(row, now: now, wallNow: wallNow)
        }
        timer = loop.makeTimer { [weak self] in self?.enter { $0.tick() } }
        await startWithOutbox()
        await swarm.observe { [weak self] event in self?.enter(event) { driver, event in driver.take(event) }
        }
        for mailbox in own {
            for address in mailbox.addresses {
                await swarm.attend(to: mailbox.peer, at: address, as: "mailbox")
            }
        }
        isRunning = true
        for peer in await swarm.connectedPeers { linkUp(peer) }
        signOwnList()
        useKnownLists()
        rewatch()
        pump()
    }

    /// Holds what the outbox has; what it does not have any more is erased.
    private func startWithOutbox() async {
        await delivery.observeOutbox { [weak self] event in
            self?.enter(event) { driver, event in driver.take(event) }
        }
        sender.finishRestoring(now: loop.now)
        for copy in sender.copies {
            guard let stored = copy.stored, !copy.isSettled else { continue }
            await delivery.note(copyOf: copy.id, at: copy.mailbox, stored: stored)
        }
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
        guard let first = failures.first else { return }
        world.log(
            .error,
            "rows of the mailboxes that cannot be understood are left alone",
            ["table": "\(table.name)", "rows": "\(failures.count)", "first": "\(first)"]
        )
    }

    /// Asks mailboxes that cannot be dialled over others from here on.
    package func useTunnels(_ tunnels: TunnelDriver) { self.tunnels = tunnels }

    /// Lets go of all streams.
    package func stop() async {
        guard !isStopped else { return }
        isStopped = true
        endAllSearches()
        timer?.disarm()
        let running = tasks.cancel()
        for peer in visits.keys.sorted() { visits[peer]?.wake(goesOn: false) }
        for task in running { await task.value }
    }

    func startTask(_ body: @escaping @Sendable (MailboxDriver) async -> Void) {
        tasks.start { await body(self) }
    }

    /// A number for a stream.
    func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    // MARK: Turning

    /// Does what the machines ask for, and sets the timer; after every call of them.
    func pump() {
        guard isRunning else { return }
        while true {
            if let action = sender.nextAction() {
                perform(action)
            } else if let action = fetcher.nextAction() {
                perform(action)
            } else {
                break
            }
        }
        takeBrought()
        commitDirectory()
        setTimer()
    }

    private func setTimer() {
        var next = Instant.earlier(
            inPlace(&sender) { $0.nextDeadline },
            inPlace(&fetcher) { $0.nextDeadline }
        )
        next = .earlier(next, .earlier(storeRetryAt, .earlier(sweepAt, listDue)))
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
            commitSender()
        }
        if let time = sweepAt, time <= now { sweep(now: now) }
        if let time = listDue, time <= now { signOwnList() }
        sender.advance(to: now)
        fetcher.advance(to: now)
        pump()
    }

    /// Sees that streams are looked through for those on which nothing is left to say.
    func sweepLater() {
        sweepAt = .earlier(sweepAt, loop.now + limits.visitIdle)
        setTimer()
    }

    private func sweep(now: Instant) {
        sweepAt = nil
        for peer in visits.keys.sorted() {
            guard let visit = visits[peer], !visit.isClosing else { continue }
            let end = visit.end(limits)
            if end > now {
                sweepAt = .earlier(sweepAt, end)
            } else if visit.isIdle {
                visits[peer]?.wake(goesOn: false)
            } else {
                world.log(.debug, "a mailbox answers nothing, or reads nothing", ["peer": "\(peer)"])
                rest(peer, isOfTheWay: true)
            }
        }
    }

    /// A peer keeps something for this node, by its word; what peers say that are no mailboxes is of no interest.
    package func noticed(by peer: PeerID) {
        guard !isStopped, watched.contains(peer) else { return }
        fetcher.ask(peer, now: loop.now)
        pump()
    }

    /// Tells a peer that this node keeps something for it, where it is connected; others ask when they are.
    package func tellWaiting(to peer: PeerID) { ask(.waiting, of: peer) }

    /// Tells the fetcher whom to ask: this node's mailboxes, and those at which receipts for it may be.
    func rewatch() {
        let named = own.map(\.peer)
        let holders = sender.holders.filter { !named.contains($0) }
        guard named + holders != watched else { return }
        watched = named + holders
        fetcher.watch(named, holders: holders, now: loop.now)
        for peer in far.sorted() { letGoFar(peer) }
    }

    // MARK: Store

    func commitSender() {
        guard storeRetryAt == nil, let batch = sender.takeBatch() else { return }
        world.store.commit(batch) { [weak self] error in
            self?.enter(error) { driver, error in
                if let error {
                    driver.storeFailed(error)
                    driver.sender.storeFailed(now: driver.loop.now)
                } else {
                    driver.sender.stored(now: driver.loop.now)
                    driver.rewatch()
                }
                driver.pump()
            }
        }
    }

    private func commitDirectory() {
        guard storeRetryAt == nil, let batch = directory.takeBatch() else { return }
        world.store.commit(batch) { [weak self] error in
            self?.enter(error) { driver, error in
                if let error {
                    driver.storeFailed(error)
                    driver.directory.storeFailed()
                } else {
                    driver.directory.stored()
                }
                driver.pump()
            }
        }
    }

    private func storeFailed(_ error: StoreError) {
        storeRetryAt = loop.now + limits.storeRetryInterval
        world.log(.error, "the store took nothing of the mailboxes", ["reason": "\(error)"])
    }

    // MARK: Events

    private func take(_ event: SwarmEvent) {
        switch event {
        case .opened(let connection, let isFirst): if isFirst { linkUp(connection.info.peer) }
        case .closed(let peer, _, _, let isLast): if isLast { linkDown(peer) }
        case .addressesChanged: break
        }
    }

    private func take(_ event: OutboxEvent) {
        guard !isStopped else { return }
        switch event {
        case .accepted(let message, let isPresent): hold(message, isPresent: isPresent)
        case .ended(let id): sender.settled(id, now: loop.now)
        case .present(let peer): sender.present(peer, now: loop.now)
        case .absent(let peer): sender.absent(peer, now: loop.now)
        }
        pump()
    }

    /// Keeps track of a message that mailboxes may have: a private one, and without a file, which only its sender has.
    private func hold(_ message: OutboxMessage, isPresent: Bool) {
        guard message.privacy == .private, message.file == nil else { return }
        sender.hold(
            message.id,
            to: message.to,
            expires: message.expires,
            isPresent: isPresent,
            now: loop.now,
            wallNow: world.wallClock.now
        )
    }

    private func linkUp(_ peer: PeerID) {
        guard !isStopped, links.insert(peer).inserted else { return }
        telling.came(peer, now: loop.now)
        searching.came(peer, now: loop.now)
        rests[peer] = nil
        // What is under way over others comes to its end there; what has no stream yet has one at once over the link.
        if far.remove(peer) != nil, visits[peer]?.stream == nil {
            endVisit(peer)
            unlinked(peer)
        }
        tellOwnList(to: peer)
        linked(peer)
        pump()
    }

    private func linkDown(_ peer: PeerID) {
        guard links.remove(peer) != nil else { return }
        telling.left(peer)
        searching.left(peer)
        rests[peer] = nil
        endVisit(peer)
        sender.linkDown(peer, now: loop.now)
        fetcher.linkDown(peer, now: loop.now)
        pump()
    }

    /// A mailbox can be asked.
    func linked(_ peer: PeerID) {
        sender.linkUp(peer, now: loop.now)
        fetcher.linkUp(peer, now: loop.now)
    }

    /// What others keep for this node, and of its messages.
    package var report: MailboxReport {
        let (now, wallNow) = (loop.now, world.wallClock.now)
        let connected = Set(own.map(\.peer).filter { canAsk($0) })
        var penalties: [PeerID: WallTime] = [:]
        for mailbox in own {
            guard let end = fetcher.penaltyEnd(of: mailbox.peer, now: now) else { continue }
            penalties[mailbox.peer] = wallNow.advanced(by: now.duration(to: end))
        }
        return MailboxReport(own: own, connected: connected, penalties: penalties, copies: sender.copies)
    }

    /// The tables that have a limit.
    package var tableFills: [TableFill] {
        inPlace(&sender) { $0.tableFills } + inPlace(&fetcher) { $0.tableFills }
            + inPlace(&directory) { $0.tableFills }
            + [
                telling.tableFill("gone tellers of lists"),
                searching.tableFill("gone askers of lists"),
                TableFill("lists looked for", sought.count, of: limits.soughtCountMax),
                TableFill("searches for lists", searches.count, of: limits.searchCountMax),
                TableFill("mailboxes over others", far.count, of: limits.farCountMax + own.count),
                TableFill("mailbox dials", reaching, of: limits.reachCountMax),
                TableFill(
                    "lists to ask a neighbour for",
                    visits.values.map(\.queuedListCount).max() ?? 0,
                    of: limits.listCountMax
                ),
            ]
    }
}
