package import StarlingCore

/// Who has a blob in hand, and who waits for that: so many fetches run at a time, so many of them from one peer, and each blob is
/// in one hand.
///
/// While others wait, a fetch that has had its turn for long gives its place to one from a peer that has none, or two fewer at least,
/// the slowest first: senders that trickle keep their own files waiting. Of those who wait, too, the peers that have the fewest go first, and else
/// whoever came first.
///
/// Spec: docs/specs/blob.md, "Turns".
package struct BlobTurns: Sendable {
    package struct Limits: Sendable {
        /// Fetches that run at a time; others wait.
        package var fetchCountMax = 4
        /// Those of them from one peer.
        package var peerFetchCountMax = 2
        /// How long a fetch has its turn in any case.
        package var duration: Duration = .seconds(60)

        package init() {}
    }

    private struct Turn: Sendable {
        /// Tells turns in the order of their beginning.
        var number: UInt64
        /// From whom is fetched; nobody where the blob is being removed.
        var peer: PeerID?
        /// When the peer could be asked; `nil` until then.
        var since: Instant?
        /// What was there then, and what is there.
        var firstByteCount: UInt64 = 0
        var byteCount: UInt64 = 0
        /// Whether it was told to end.
        var isEnding = false

        func bytesPerSecond(now: Instant) -> Double {
            guard let since else { return 0 }
            let moved = byteCount > firstByteCount ? byteCount - firstByteCount : 0
            return Double(moved) / max(1, since.duration(to: now).inSeconds)
        }
    }

    private let limits: Limits
    private var running: [BlobID: Turn] = [:]
    private var lastTurn: UInt64 = 0
    /// Who waits, by number, which is their order.
    private var waiting: [UInt64: (id: BlobID, peer: PeerID?)] = [:]
    /// Whether somebody waits of whom no turn has been looked at.
    private var hasFresh = false
    private var lastLook: Instant?

    package init(_ limits: Limits = Limits()) { self.limits = limits }

    /// Whether nobody has a blob in hand.
    package var isIdle: Bool { running.isEmpty }

    /// Whether a blob may be taken in hand, to fetch it from a peer, or to remove it.
    package func canGo(_ id: BlobID, _ peer: PeerID?) -> Bool {
        guard running[id] == nil else { return false }
        guard let peer else { return true }
        let peers = running.values.compactMap(\.peer)
        return peers.count < limits.fetchCountMax
            && peers.count(where: { $0 == peer }) < limits.peerFetchCountMax
    }

    // MARK: Turns

    /// A blob is taken in hand.
    package mutating func begin(_ id: BlobID, _ peer: PeerID?) {
        lastTurn += 1
        running[id] = Turn(number: lastTurn, peer: peer)
    }

    /// The peer is asked for a blob, of which so much is there: its time runs from here on.
    package mutating func started(_ id: BlobID, byteCount: UInt64, now: Instant) {
        running[id]?.since = now
        running[id]?.firstByteCount = byteCount
        running[id]?.byteCount = byteCount
    }

    /// So much of a blob is there.
    package mutating func moved(_ id: BlobID, byteCount: UInt64) { running[id]?.byteCount = byteCount }

    /// A blob is in nobody's hand any more: those who wait look again in their ``order``.
    package mutating func end(_ id: BlobID) { running[id] = nil }

    // MARK: Waiting

    /// Somebody waits from here on.
    package mutating func wait(_ number: UInt64, for id: BlobID, _ peer: PeerID?) {
        waiting[number] = (id, peer)
        hasFresh = true
    }

    /// Somebody does not wait any more.
    package mutating func endWait(_ number: UInt64) { waiting[number] = nil }

    /// The numbers of those who wait, whoever goes first at the front.
    package var order: [UInt64] {
        var counts = counts { _ in true }
        var ranked: [(count: Int, number: UInt64)] = []
        for (number, wait) in waiting.sorted(by: { $0.key < $1.key }) {
            ranked.append((wait.peer.map { counts[$0, default: 0] } ?? 0, number))
            if let peer = wait.peer { counts[peer, default: 0] += 1 }
        }
        return ranked.sorted { ($0.count, $0.number) < ($1.count, $1.number) }.map(\.number)
    }

    /// Fetches that run, by peer.
    private func counts(where isCounted: (Turn) -> Bool) -> [PeerID: Int] {
        var counts: [PeerID: Int] = [:]
        for turn in running.values where isCounted(turn) {
            if let peer = turn.peer { counts[peer, default: 0] += 1 }
        }
        return counts
    }

    // MARK: Sharing

    /// When ``advance(to:)`` must next be called.
    package var nextDeadline: Instant? {
        guard !waiting.isEmpty else { return nil }
        let ends = running.values.compactMap { turn in
            turn.isEnding ? nil : turn.since.map { $0 + limits.duration }
        }
        guard !hasFresh, let lastLook else { return ends.min() }
        return ends.filter { $0 > lastLook }.min()
    }

    /// The fetches that are to end for those who wait, from here on.
    package mutating func advance(to now: Instant) -> [BlobID] {
        (hasFresh, lastLook) = (false, now)
        var counts = counts { !$0.isEnding }
        var total = counts.values.reduce(0, +)
        var (ending, wanted): ([BlobID], Set<BlobID>) = ([], [])
        for number in order {
            guard let wait = waiting[number], let peer = wait.peer else { continue }
            // The same content from somebody else, who may be quicker.
            if let turn = running[wait.id], turn.peer != peer, !turn.isEnding, let since = turn.since,
                since + limits.duration <= now
            {
                running[wait.id]?.isEnding = true
                ending.append(wait.id)
            }
            guard running[wait.id] == nil,
                counts[peer, default: 0] < limits.peerFetchCountMax, wanted.insert(wait.id).inserted
            else { continue }
            if total >= limits.fetchCountMax {
                guard let victim = victim(of: counts[peer, default: 0], counts, now: now) else { continue }
                running[victim.id]?.isEnding = true
                counts[victim.peer, default: 1] -= 1
                total -= 1
                ending.append(victim.id)
            }
            counts[peer, default: 0] += 1
            total += 1
        }
        return ending
    }

    /// Which fetch ends for one from a peer with so many.
    private func victim(of count: Int, _ counts: [PeerID: Int], now: Instant) -> (id: BlobID, peer: PeerID)? {
        if let victim = slowest(now, where: { counts[$0, default: 0] > count + 1 }) { return victim }
        // Peers that have one each take turns with those that have none.
        return count == 0 ? slowest(now, where: { counts[$0, default: 0] > 0 }) : nil
    }

    /// The slowest of those that have had their turn for long, of some peers; the first of several.
    private func slowest(_ now: Instant, where isMeant: (PeerID) -> Bool) -> (id: BlobID, peer: PeerID)? {
        var slowest: (id: BlobID, peer: PeerID, rate: Double, number: UInt64)?
        for (id, turn) in running {
            guard !turn.isEnding, let since = turn.since, since + limits.duration <= now,
                let peer = turn.peer,
                isMeant(peer)
            else { continue }
            let rate = turn.bytesPerSecond(now: now)
            if let best = slowest, (best.rate, best.number) <= (rate, turn.number) { continue }
            slowest = (id, peer, rate, turn.number)
        }
        return slowest.map { ($0.id, $0.peer) }
    }
}
