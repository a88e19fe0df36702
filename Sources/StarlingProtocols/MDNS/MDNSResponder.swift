internal import StarlingCore

/// Decides when this node's records are told on one interface.
struct MDNSResponder: Sendable {
    typealias Kinds = MDNSRecords.Kinds

    /// What goes out next, and for whom.
    private struct Pending {
        var at: Instant
        var kinds: Kinds
        /// Who asked, so that one who turns out to know the answer can be left out.
        var askers: [SocketAddress]
        /// Whether it goes out whoever knows it already.
        var isForAll: Bool
    }

    /// Askers that are told apart; with more the response goes out whatever they know.
    private static let askerCountMax = 16
    /// No record is told twice within this time.
    ///
    /// Spec: RFC 6762, section 6.
    private static let repeatDelay = Duration.seconds(1)
    /// How long an asker may take to send the rest of what it knows.
    ///
    /// Spec: RFC 6762, section 7.2.
    private static let knownAnswerDelay = 400...500
    /// Spreads the answers of many nodes.
    ///
    /// Spec: RFC 6762, section 6.
    private static let answerDelay = 20...120

    private var pending: Pending?
    private var lastTold: [Kinds: Instant] = [:]
    private var unicastSecond: Instant?
    private var unicastCount = 0

    /// When ``take(now:)`` has something.
    var nextDeadline: Instant? { pending?.at }

    /// Plans a response to all.
    mutating func announce(_ kinds: Kinds, at time: Instant) {
        plan(kinds, at: time, asker: nil)
    }

    /// Plans the response to a question that came by multicast.
    mutating func answer(
        _ kinds: Kinds,
        to asker: SocketAddress,
        sendsMore: Bool,
        now: Instant,
        jitter: inout MDNSJitter
    ) {
        guard !kinds.isEmpty else { return }
        // Only one node has the records of a peer's own name, so nobody else's answer collides with them.
        let isShared = kinds.contains(.peer) || kinds.contains(.service)
        let delay = sendsMore ? Self.knownAnswerDelay : isShared ? Self.answerDelay : 0...0
        plan(kinds, at: now + jitter.milliseconds(delay), asker: asker)
    }

    /// Leaves out an asker that knows these kinds.
    mutating func suppress(_ kinds: Kinds, for asker: SocketAddress) {
        guard var pending, !pending.isForAll, !kinds.isEmpty, let index = pending.askers.firstIndex(of: asker)
        else { return }
        guard pending.askers.count == 1 else {
            // Others still wait for all of it.
            pending.askers.remove(at: index)
            self.pending = pending
            return
        }
        pending.kinds.subtract(kinds)
        self.pending = pending.kinds.isEmpty ? nil : pending
    }

    /// What is due, as one response.
    mutating func take(now: Instant) -> Kinds? {
        guard let due = pending, due.at <= now else { return nil }
        pending = nil
        note(due.kinds, now: now)
        return due.kinds
    }

    /// Whether one more unicast response may go out.
    mutating func admitUnicast(now: Instant, perSecondMax: Int) -> Bool {
        if let second = unicastSecond, now < second + .seconds(1) {
            guard unicastCount < perSecondMax else { return false }
            unicastCount += 1
            return true
        }
        unicastSecond = now
        unicastCount = 1
        return perSecondMax > 0
    }

    /// Of these kinds, those that nobody was told for a quarter of their time.
    ///
    /// Spec: RFC 6762, section 5.4.
    func stale(_ kinds: Kinds, ttl: Duration, now: Instant) -> Kinds {
        Self.each(kinds).reduce(into: []) { stale, kind in
            if let last = lastTold[kind], now < last + ttl / 4 { return }
            stale.insert(kind)
        }
    }

    /// Joins kinds and an asker with what is pending, which then goes out at the earlier of both times.
    private mutating func plan(_ kinds: Kinds, at time: Instant, asker: SocketAddress?) {
        var plan = pending ?? Pending(at: time, kinds: [], askers: [], isForAll: false)
        plan.at = min(plan.at, time)
        plan.kinds.formUnion(kinds)
        if let asker {
            if !plan.askers.contains(asker), !plan.isForAll { plan.askers.append(asker) }
            if plan.askers.count > Self.askerCountMax { plan.isForAll = true }
        } else {
            plan.isForAll = true
        }
        for kind in Self.each(plan.kinds) {
            if let last = lastTold[kind] { plan.at = max(plan.at, last + Self.repeatDelay) }
        }
        pending = plan
    }

    private mutating func note(_ kinds: Kinds, now: Instant) {
        for kind in Self.each(kinds.told) { lastTold[kind] = now }
    }

    private static func each(_ kinds: Kinds) -> [Kinds] {
        [.peer, .instance, .host, .service].filter { kinds.contains($0) }
    }
}
