package import StarlingCore
package import StarlingCrypto

/// Over which neighbour each destination is reached: Babel's rules (RFC 8966), by which no route ever leads in a circle.
///
/// The driver says which links there are and what is measured of them, hands in the frames of the neighbours'
/// streams, writes what ``nextFrame(for:now:)`` gives to its own, and has the rows of ``takeBatch()`` on the disk before it
/// calls ``stored(now:wallNow:)``: a distance is told only once it would survive a crash. It begins with the rows of
/// ``RoutingTables/all`` and ``begin(_:now:wallNow:)``. It is not copied: there is one of each node, and asking it for its
/// next deadline would cost a count of references to each of its parts.
///
///     table.linkUp(peer, quality, now: now)
///     try table.receive(frame, from: peer, now: now, wallNow: wallNow)
///     while let action = table.nextAction() { … }
///     let hops = table.nextHops(to: destination)
///
/// Spec: docs/specs/routing.md.
package struct RouteTable: ~Copyable, Sendable {
    package struct Limits: Sendable {
        /// Destinations with a route: those in use and the nearest stay; others are asked for when needed.
        package var destinationCountMax = 1024
        /// Destinations without a route whose feasibility distance is kept; with so many no further one is taken.
        package var heldCountMax = 1024
        /// Destinations that one neighbour alone tells, or was the last to tell, so that none fills the table; more of them
        /// are not taken.
        package var soleCountMax = 512
        /// Destinations beyond all others that this node looks for: a table full of what others told takes them.
        package var soughtCountMax = 64
        /// Routes of one destination that are told no more and whose penalties are remembered; the oldest is forgotten.
        package var grudgeCountMax = 4
        /// Links; those of further peers are not used for routes.
        package var linkCountMax = 512
        /// Routes of one destination, four at most; the worst gives way.
        package var entryCountMax = RouteHops.countMax
        /// Links that a route may have.
        package var hopLimit: UInt8 = 10
        /// Links that a way to a neighbour may have which is taken in the place of its link, because that is so much worse.
        package var detourLinkCountMax: UInt8 = 5
        /// Searches for destinations, others' included; the oldest is given up.
        package var searchCountMax = 256
        /// Requests that wait to be sent to one neighbour, of each kind; more are dropped.
        package var requestCountMax = 256
        /// Destinations whose newest proof is remembered; the one that came first is verified again.
        package var proofCountMax = 2048
        /// Updates of one neighbour, where a proof counts as ``proofUpdateCount``; no more is read of it until then.
        package var updateRate = RouteRate(perSecond: 1000, atOnce: 4096)
        /// What an update counts whose signature has to be checked.
        package var proofUpdateCount = 4
        /// Requests of one neighbour, for routes and for numbers each; more are dropped.
        package var requestRate = RouteRate(perSecond: 20, atOnce: 200)
        /// Requests of one neighbour for routes that are passed on; others are answered or dropped.
        package var searchRate = RouteRate(perSecond: 4, atOnce: 100)
        /// Distances of the last run that are taken, however many routes this one may keep.
        package var restoredCountMax = 16_384
        /// Rows of one batch; more wait for the next.
        package var batchRowCountMax = 512

        /// Between digests.
        package var digestInterval: Duration = .seconds(30)
        /// How long a digest waits for a frame that goes anyway, such as a question of liveness; then it goes alone.
        package var digestPatience: Duration = .seconds(20)
        /// How long what a neighbour told stands without a word from it, and what lost distances are waited out.
        package var routeTimeout: Duration = .seconds(300)
        /// How long a feasibility distance is kept once nothing is told.
        package var feasibilityHold: Duration = .seconds(600)
        /// How long a destination counts as in use after a message.
        package var useDuration: Duration = .seconds(600)
        /// How long one does that was looked for on behalf of others.
        package var passedUseDuration: Duration = .seconds(30)
        /// Between frames of updates to one neighbour, so that what happens together is told together; doubled by each
        /// further one up to the longest, until there was nothing to tell for as long: what changes again and again is
        /// told when it has come to rest, and not each time; withdrawals wait for the shortest time only.
        package var tellIntervalMin: Duration = .milliseconds(50)
        package var tellIntervalMax: Duration = .milliseconds(1600)
        /// Between the numbers that go along with a digest to those who did not ask for them.
        package var numberTellInterval: Duration = .seconds(120)
        /// Between changes of a link's cost that are not for twice as bad.
        package var costInterval: Duration = .seconds(10)
        /// Before a higher number is asked for again; doubled each time.
        package var askInterval: Duration = .milliseconds(500)
        /// Such waits; then it is asked for with each digest.
        package var askCountMax = 6
        /// Between requests for a higher number to have a better route than there is.
        package var askBetterInterval: Duration = .seconds(10)
        /// Between requests of others for the same number that are passed on.
        package var forwardInterval: Duration = .milliseconds(400)
        /// How long a request that was passed on may have no answer before it goes to all when it comes again.
        package var answerPatience: Duration = .seconds(2)
        /// How long a request that was passed on may have no answer before it is another one.
        package var repeatInterval: Duration = .seconds(60)
        /// Between the steps of a search.
        package var searchInterval: Duration = .seconds(2)
        /// Between the numbers that others can make this node take.
        package var numberInterval: Duration = .seconds(1)
        /// Such numbers at once.
        package var numberCountMax = 8
        /// Numbers that are reserved at once: a restart skips at most so many.
        package var reservationCount: UInt64 = 64
        /// Before a batch that failed is tried again.
        package var writeInterval: Duration = .seconds(1)
        /// The first penalty of a route that did not deliver, in microseconds of metric; doubled each time.
        package var penaltyMin: UInt32 = 1_000_000
        /// The highest penalty.
        package var penaltyMax: UInt32 = 60_000_000
        /// How long a neighbour is silent before others are told what that costs, and a higher number is asked for because of
        /// it: most silences are over by then, and until then it counts for the choice alone.
        package var suspicionPatience: Duration = .seconds(2)
        /// The penalty up to which it counts that others got no answer, by what they seem to do.
        package var doubtMax: UInt32 = 4_000_000

        package init() {}
    }

    let identity: IdentityKey
    let limits: Limits
    /// The proofs that were verified; the driver may verify some ahead, a few at a time.
    package var proofs: RouteProofCache

    /// Destinations by their places; the first one is this node.
    var destinations: [RouteDestination] = []
    /// Whether a place is in use.
    var isUsed = SlotSet()
    var freeSlots: [Int] = []
    /// Destinations that are looked at with the next digests; the rest stands as it is.
    var restless = SlotSet()
    /// Before this, no proof of a route comes to its end.
    var proofsEndAt: Instant?
    /// The destinations by their names.
    var index = PlaceIndex<PeerID>()
    /// Destinations with a route.
    var liveCount = 0
    /// Destinations of the last run that were taken.
    var restoredCount = 0
    /// The most routes that any destination has had.
    var entryCountPeak = 0
    /// Places of a destination's routes while they are put in order: kept for its room alone.
    var hopScratch: [Int] = []
    /// The destination that was the first to give way when that was last looked for, and its metric then.
    var lastFarthest: (slot: Int, metric: RouteMetric)?
    /// Whether a destination was not taken for want of room, and may be asked for again.
    var wasFull = false

    /// What neighbours' routes that are told no more did not deliver, by the places of the destinations.
    var grudges: [Int: [RouteGrudge]] = [:]

    var links: [RouteLink] = []
    var freeLinks: [Int] = []
    var linkIndex: [PeerID: Int] = [:]
    var upCount = 0

    var ownNumber: RouteNumber
    var searches: [RouteSearch] = []
    /// When a higher number is asked for again, by destination.
    var askTimers = DeadlineHeap()
    /// When digests are told and time is looked at otherwise.
    var tickAt: Instant
    /// Until when routes over others are not used, because what was told before is not known.
    var waitUntil: Instant?
    var isDamaged = false
    /// Whether nothing was ever told, as the driver says.
    var hasNoPast = false
    var hasBegun = false

    var unwritten = RingQueue<Int>()
    var forgotten: [PeerID] = []
    var inFlight: RouteWrite?
    var isLossUnwritten = false
    var isWriteTold = false
    var writeAt: Instant?
    var actions = RingQueue<RouteAction>()

    /// The place of this node among the destinations.
    static let ownSlot = 0

    /// - Parameters:
    ///   - identity: This node's, which signs its proofs.
    ///   - proofs: Another way to check signatures than one by one.
    package init(
        identity: IdentityKey,
        limits: Limits = Limits(),
        proofs: RouteProofCache? = nil,
        now: Instant
    ) {
        precondition(limits.entryCountMax <= RouteHops.countMax && limits.linkCountMax <= Int(Int16.max))
        self.identity = identity
        self.limits = limits
        self.proofs = proofs ?? RouteProofCache(countMax: limits.proofCountMax)
        ownNumber = RouteNumber(limits: limits, now: now)
        // Nodes that start together do not tell their digests together.
        let name = identity.peerID.multihash
        let spread = XXH64.hash(name.span) % 1000
        tickAt = now + limits.digestInterval * Int(spread) / 1000
        destinations = [RouteDestination(id: identity.peerID, now: now)]
        index.insert(Self.ownSlot, of: identity.peerID)
        isUsed.insert(Self.ownSlot)
    }

    /// This node.
    package var own: PeerID { identity.peerID }

    /// Starts, after the rows of the last run were restored.
    ///
    /// Without them, routes over others are not used before what was told then is void everywhere.
    package mutating func begin(_ memory: RouteMemory, now: Instant, wallNow: WallTime) {
        guard !hasBegun else { return }
        hasBegun = true
        hasNoPast = memory == .fresh
        if memory == .lost || isDamaged { waitOutLoss(now: now) }
        for slot in destinations.indices.dropFirst() {
            destinations[slot].heldUntil = now + limits.feasibilityHold
        }
        ownNumber.begin(now: now)
        finish(now: now, wallNow: wallNow)
    }

    /// Uses neighbours only, until all that was told before is void.
    mutating func waitOutLoss(now: Instant) {
        hasNoPast = false
        isLossUnwritten = true
        waitUntil = now + limits.routeTimeout
        for slot in destinations.indices.dropFirst() where destinations[slot].isLive {
            choose(slot, now: now)
        }
    }

    /// The next thing to do, in order.
    package mutating func nextAction() -> RouteAction? {
        let action = actions.popFirst()
        if case .changed(let destination) = action, let slot = slot(of: destination) {
            destinations[slot].isChangeTold = false
        }
        return action
    }

    /// Ends every input: what has become due is told to the driver.
    mutating func finish(now: Instant, wallNow: WallTime) {
        takeNumber(now: now, wallNow: wallNow)
        tellWrite(now: now)
        for link in links.indices where !links[link].isTransmitTold && links[link].isReady(now: now) {
            links[link].isTransmitTold = true
            actions.append(.transmit(links[link].peer))
        }
    }
}

/// What the driver has to do.
package enum RouteAction: Equatable, Sendable {
    /// There is something for ``RouteTable/takeBatch()``.
    case write
    /// There is something for ``RouteTable/nextFrame(for:now:)``.
    case transmit(PeerID)
    /// ``RouteTable/nextHops(to:)`` says something else of the destination: what was said before may lead in a circle.
    case changed(PeerID)
    /// A search that ``RouteTable/find(_:now:wallNow:)`` began has found no route.
    case notFound(PeerID)
}

/// Why what a neighbour tells is not taken: reset the stream on which it came.
///
/// The machine has forgotten already what was told on it.
package enum RouteBreach: Error, Equatable, Sendable {
    /// A proof does not hold, and an honest neighbour would have checked it.
    case invalidProof(RouteProofError)
    /// The neighbour says that it is a destination which it is not.
    case notTheDestination
    /// The digest is another one than that of what was read.
    case digestDiffers
}
