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
    /// Destinations whose proof ends later and of which there is nothing else to tell: it goes along with what goes anyway.
    var renewed = SlotSet()
    /// Destinations whose number is higher because others asked for that: it goes along with a digest, now and then.
    var numbered = SlotSet()
    /// When that may go along next.
    var numberedAt: Instant
    /// Destinations of which it asks for a number so high, or for the route as it is (0): that is told at once.
    private var asked: [Int: UInt64] = [:]
    /// Those of the dirty ones that are told soon: it was told them and they have no route any more, or it asked for them.
    var urgent = SlotSet()
    var toldDigest = RouteDigest()
    /// When the digest is told at the latest, alone if need be; `nil` while none is to be told.
    var digestDueAt: Instant?
    /// When updates may be told again, and how long that was after the last ones.
    var tellAt: Instant
    private var tellInterval = Duration.zero
    /// When what is urgent may be told again: soon, however often something else changes.
    var urgentAt: Instant
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
        (tellAt, urgentAt, numberedAt) = (now, now, now)
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
        (dirty, urgent) = (SlotSet(), SlotSet())
        (renewed, numbered, asked) = (SlotSet(), SlotSet(), [:])
        toldDigest = RouteDigest()
        (digestDueAt, isTransmitTold) = (nil, false)
        (routeRequests, numberRequests) = ([], [])
        (tellAt, urgentAt) = (now, now)
    }

    func isAsking(for slot: Int) -> Bool { !asked.isEmpty && asked[slot] != nil }

    /// It asks for a number of a destination.
    mutating func asks(for slot: Int, _ number: UInt64) { asked[slot] = max(number, asked[slot] ?? 0) }

    /// It was told a number of a destination.
    mutating func isAnswered(_ slot: Int, _ number: UInt64) {
        if !asked.isEmpty, let most = asked[slot], most <= number { asked[slot] = nil }
    }

    /// A place is another destination's.
    mutating func forget(_ slot: Int) {
        dirty.remove(slot)
        urgent.remove(slot)
        renewed.remove(slot)
        numbered.remove(slot)
        asked[slot] = nil
    }

    /// Has it told the proofs that end later, too.
    mutating func tellRenewed() {
        while let slot = renewed.popFirst() { tellAgain(slot) }
    }

    /// Has it told the numbers that others asked for, too.
    mutating func tellNumbered(_ limits: RouteTable.Limits, now: Instant) {
        guard numberedAt <= now, !numbered.isEmpty else { return }
        while let slot = numbered.popFirst() { tellAgain(slot) }
        numberedAt = now + limits.numberTellInterval
    }

    /// Has it told a route again, if it may know it.
    private mutating func tellAgain(_ slot: Int) {
        current.remove(slot)
        dirty.insert(slot)
    }

    /// All updates that there were are told: the next ones wait, the longer the more often that is.
    mutating func didTell(_ limits: RouteTable.Limits, now: Instant) {
        let hasRested = tellAt + tellInterval <= now
        let next = hasRested ? .zero : tellInterval * 2
        tellInterval = min(max(next, limits.tellIntervalMin), limits.tellIntervalMax)
        tellAt = now + tellInterval
        urgentAt = now + limits.tellIntervalMin
    }

    /// When something of what is dirty may be told; `nil` when nothing is.
    var updatesDueAt: Instant? {
        guard !dirty.isEmpty else { return nil }
        return urgent.isEmpty ? tellAt : min(tellAt, urgentAt)
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
