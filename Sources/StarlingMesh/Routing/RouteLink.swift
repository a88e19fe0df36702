package import StarlingCore

/// A neighbour: what its link costs, what it was told and what it has told.
struct RouteLink: Sendable {
    let peer: PeerID
    var isUp = false
    /// The cost that counts, which is not the last that was measured.
    var cost = RouteMetric.zero
    var costChanged: Instant
    /// What this neighbour was found not to deliver, in microseconds of metric; it outlives the connection.
    var penalty: UInt32 = 0
    /// The penalty that counts in the choice of routes.
    var appliedPenalty: UInt32 = 0
    /// What its silence adds for as long as that lasts, in microseconds of metric.
    var suspicion: UInt32 = 0
    /// What of that others are told.
    var toldSuspicion: UInt32 = 0
    /// When they are told all of it.
    var suspicionToldAt: Instant?
    /// Whether routes of it gave way to others meanwhile.
    var hasLostPlaces = false

    // What it was told on the stream of this node, by the places of the destinations.
    var told = SlotSet()
    /// Destinations whose proof it has as it stands.
    var proven = SlotSet()
    /// Destinations of which it has what is told now.
    var current = SlotSet()
    /// Destinations of which there may be something to tell.
    var dirty = SlotSet()
    /// Those of them that it was told and that have no route any more.
    var withdrawn = SlotSet()
    var toldDigest = RouteDigest()
    /// When the digest is told at the latest, alone if need be; `nil` while none is to be told.
    var digestDueAt: Instant?
    /// When updates may be told again, and how long that was after the last ones.
    var tellAt: Instant
    private var tellInterval = Duration.zero
    /// When withdrawals may be told again: what is gone is told soon, however often something else changes.
    var withdrawAt: Instant
    var isTransmitTold = false
    var routeRequests: [RouteRequest] = []
    var numberRequests: [NumberRequest] = []

    // What it tells.
    /// Destinations of which nobody else tells, and those that are remembered after it was the last to tell them.
    var soleCount = 0
    /// Whether a destination was not taken since the neighbour has its share, and may be asked for again.
    var wasShareFull = false
    var heardDigest = RouteDigest()
    /// When it last said that what it told stands; `nil` when it has told nothing.
    var heard: Instant?
    var updateAllowance: RouteAllowance
    var requestAllowance: RouteAllowance
    var numberAllowance: RouteAllowance
    var searchAllowance: RouteAllowance

    init(peer: PeerID, limits: RouteTable.Limits, now: Instant) {
        self.peer = peer
        costChanged = now
        (tellAt, withdrawAt) = (now, now)
        updateAllowance = RouteAllowance(limits.updateRate, now: now)
        requestAllowance = RouteAllowance(limits.requestRate, now: now)
        numberAllowance = RouteAllowance(limits.requestRate, now: now)
        searchAllowance = RouteAllowance(limits.searchRate, now: now)
    }

    /// Whether all that the neighbour has used is made up for.
    func hasRested(now: Instant) -> Bool {
        updateAllowance.isWhole(now: now) && requestAllowance.isWhole(now: now)
            && numberAllowance.isWhole(now: now) && searchAllowance.isWhole(now: now)
    }

    /// The neighbour is not silent, or its link is another one.
    mutating func acquit() {
        (suspicion, toldSuspicion, suspicionToldAt, hasLostPlaces) = (0, 0, nil, false)
    }

    /// Forgets what the neighbour was told: its reader begins anew.
    mutating func resetOutgoing(now: Instant) {
        (told, proven, current) = (SlotSet(), SlotSet(), SlotSet())
        (dirty, withdrawn) = (SlotSet(), SlotSet())
        toldDigest = RouteDigest()
        (digestDueAt, isTransmitTold) = (nil, false)
        (routeRequests, numberRequests) = ([], [])
        (tellAt, withdrawAt) = (now, now)
    }

    /// All updates that there were are told: the next ones wait, the longer the more often that is.
    mutating func didTell(_ limits: RouteTable.Limits, now: Instant) {
        let hasRested = tellAt + tellInterval <= now
        let next = hasRested ? .zero : tellInterval * 2
        tellInterval = min(max(next, limits.tellIntervalMin), limits.tellIntervalMax)
        tellAt = now + tellInterval
        withdrawAt = now + limits.tellIntervalMin
    }

    /// When something of what is dirty may be told; `nil` when nothing is.
    var updatesDueAt: Instant? {
        guard !dirty.isEmpty else { return nil }
        return withdrawn.isEmpty ? tellAt : min(tellAt, withdrawAt)
    }

    /// When there is something to send; `nil` when nothing is.
    var dueAt: Instant? { .earlier(updatesDueAt, digestDueAt) }

    /// Whether there is something to send that waits for nothing.
    func isReady(now: Instant) -> Bool {
        guard isUp else { return false }
        return !routeRequests.isEmpty || !numberRequests.isEmpty
            || dueAt.map { $0 <= now } ?? false
    }
}

/// Places of destinations, a bit for each.
struct SlotSet: Sendable {
    private var words: [UInt64] = []
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    func contains(_ slot: Int) -> Bool {
        slot / 64 < words.count && words[slot / 64] >> UInt64(slot % 64) & 1 == 1
    }

    mutating func insert(_ slot: Int) {
        while words.count <= slot / 64 { words.append(0) }
        guard !contains(slot) else { return }
        words[slot / 64] |= 1 << UInt64(slot % 64)
        count += 1
    }

    mutating func remove(_ slot: Int) {
        guard contains(slot) else { return }
        words[slot / 64] &= ~(1 << UInt64(slot % 64))
        count -= 1
    }

    /// Removes the lowest slot and returns it.
    mutating func popFirst() -> Int? {
        guard count > 0, let word = words.firstIndex(where: { $0 != 0 }) else { return nil }
        let slot = word * 64 + words[word].trailingZeroBitCount
        remove(slot)
        return slot
    }
}

/// How much of something a neighbour may have.
package struct RouteRate: Equatable, Sendable {
    /// In the long run.
    package var perSecond: Int
    /// After a time of rest.
    package var atOnce: Int

    package init(perSecond: Int, atOnce: Int) {
        self.perSecond = perSecond
        self.atOnce = atOnce
    }

    /// From one to the next.
    var interval: Duration { .nanoseconds(1_000_000_000 / Int64(max(1, perSecond))) }
}

/// What is left of a ``RouteRate``.
package struct RouteAllowance: Sendable {
    private let interval: Duration
    private let burst: Duration
    /// When all that was spent is made up for.
    private var settled: Instant

    package init(_ rate: RouteRate, now: Instant) {
        self.init(
            interval: rate.interval,
            atOnce: rate.atOnce,
            now: now
        )
    }

    package init(interval: Duration, atOnce: Int, now: Instant) {
        self.interval = interval
        burst = interval * atOnce
        settled = now
    }

    /// Spends what was used already, also beyond what there is.
    mutating func spend(_ count: Int, now: Instant) {
        // Mostly it is one, and to multiply 128 bits is slow.
        settled = max(settled, now) + (count == 1 ? interval : interval * count)
    }

    /// Spends one, if there is one.
    package mutating func take(now: Instant) -> Bool {
        guard max(settled, now) + interval <= now + burst else { return false }
        spend(1, now: now)
        return true
    }

    /// Whether there is as much as after a time of rest.
    func isWhole(now: Instant) -> Bool { settled <= now }

    /// When something can be spent again; in the past when it can be now.
    package var ready: Instant { settled - burst + interval }
}
