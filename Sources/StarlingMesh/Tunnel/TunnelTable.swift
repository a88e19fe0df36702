package import StarlingCore

/// The tunnels that end at a node or pass through it, and which ways to a peer have failed lately.
///
/// It decides what becomes of a request, and over which neighbour a tunnel goes. Nothing here is durable: a tunnel ends
/// with its node.
package struct TunnelTable: Sendable {
    package struct Limits: Sendable {
        /// Tunnels of others that this node carries; more are refused, and their origins look for another way.
        package var relayedCountMax = 64
        /// Tunnels that one neighbour may have open here, those that end here among them: it leaves room for others.
        package var neighbourCountMax = 16
        /// Tunnels that end here, whoever opened them; more are refused.
        package var endedCountMax = 64
        /// Of these from one peer, once it has proved who it is.
        package var peerCountMax = 8
        /// How long a way that failed is the last to be tried.
        package var failureDuration: Duration = .seconds(60)
        /// Ways whose failure is remembered; with more, the oldest is forgotten.
        package var failureCountMax = 1024

        package init() {}
    }

    /// What becomes of a request.
    package enum Verdict: Equatable, Sendable {
        /// The tunnel ends here.
        case end
        /// It goes on over this neighbour.
        case relay(PeerID)
        case refuse(TunnelAnswer.Refusal)
    }

    private struct Way: Hashable {
        var to: PeerID
        var via: PeerID
    }

    private struct Entry {
        var neighbour: PeerID
        var isRelayed: Bool
    }

    private let own: PeerID
    package let limits: Limits
    private var entries: [TunnelID: Entry] = [:]
    private var neighbourCounts: [PeerID: Int] = [:]
    private var peerCounts: [PeerID: Int] = [:]
    /// Tunnels of others that pass through.
    package private(set) var relayedCount = 0
    private var failures: [Way: Instant] = [:]
    private var failureOrder = RingQueue<Way>()
    /// Tunnels that were carried on.
    package private(set) var carriedCount: UInt64 = 0
    /// Requests that were not, by the reason.
    package private(set) var refusedCounts: [TunnelAnswer.Refusal: UInt64] = [:]

    package init(own: PeerID, limits: Limits = Limits()) {
        self.own = own
        self.limits = limits
    }

    // MARK: Requests

    /// Says what becomes of a request that came from a neighbour.
    ///
    /// One that is not refused has a place until ``ended(_:)``.
    ///
    /// - Parameter hops: The neighbours over which its destination is reached, the best first, without the one from which
    ///   the request came.
    package mutating func admit(
        _ request: TunnelRequest,
        from neighbour: PeerID,
        hops: [PeerID],
        now: Instant
    ) -> Verdict {
        // What this node has opened itself may come back to it as well.
        guard entries[request.id] == nil, request.from != own else { return refuse(.circle) }
        guard neighbourCounts[neighbour, default: 0] < limits.neighbourCountMax else { return refuse(.busy) }
        if request.to == own {
            guard entries.count - relayedCount < limits.endedCountMax else { return refuse(.busy) }
            enter(request.id, Entry(neighbour: neighbour, isRelayed: false))
            return .end
        }
        guard relayedCount < limits.relayedCountMax else { return refuse(.busy) }
        guard request.mayGoOn else { return refuse(.tooFar) }
        let open = hops.filter { $0 != neighbour && $0 != request.from }
        guard let next = ordered(open, to: request.to, now: now).first else { return refuse(.noRoute) }
        enter(request.id, Entry(neighbour: neighbour, isRelayed: true))
        relayedCount += 1
        carriedCount += 1
        return .relay(next)
    }

    /// A tunnel that had a place has ended.
    package mutating func ended(_ id: TunnelID) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        if entry.isRelayed { relayedCount -= 1 }
        let count = neighbourCounts[entry.neighbour, default: 1] - 1
        neighbourCounts[entry.neighbour] = count > 0 ? count : nil
    }

    /// The peer at the other end of a tunnel that ends here has proved who it is; `false` when it has enough of them.
    package mutating func begin(_ peer: PeerID) -> Bool {
        guard peerCounts[peer, default: 0] < limits.peerCountMax else { return false }
        peerCounts[peer, default: 0] += 1
        return true
    }

    /// Ends what ``begin(_:)`` let begin.
    package mutating func end(_ peer: PeerID) {
        let count = peerCounts[peer, default: 1] - 1
        peerCounts[peer] = count > 0 ? count : nil
    }

    private mutating func enter(_ id: TunnelID, _ entry: Entry) {
        entries[id] = entry
        neighbourCounts[entry.neighbour, default: 0] += 1
    }

    private mutating func refuse(_ reason: TunnelAnswer.Refusal) -> Verdict {
        refusedCounts[reason, default: 0] += 1
        return .refuse(reason)
    }

    // MARK: Ways

    /// Neighbours in the order in which they are tried: those over which a tunnel to the peer failed lately come last,
    /// the one that failed first before the others.
    package func ordered(_ hops: [PeerID], to peer: PeerID, now: Instant) -> [PeerID] {
        var sound: [PeerID] = []
        var doubtful: [(at: Instant, hop: PeerID)] = []
        for hop in hops {
            if let at = failures[Way(to: peer, via: hop)], at + limits.failureDuration > now {
                let place = doubtful.firstIndex { at < $0.at } ?? doubtful.endIndex
                doubtful.insert((at, hop), at: place)
            } else {
                sound.append(hop)
            }
        }
        return sound + doubtful.map(\.hop)
    }

    /// A tunnel to a peer over a neighbour was refused on its way, or broke.
    package mutating func failed(to peer: PeerID, via neighbour: PeerID, now: Instant) {
        let way = Way(to: peer, via: neighbour)
        if failures.updateValue(now, forKey: way) != nil { return }
        failureOrder.append(way)
        if failureOrder.count > limits.failureCountMax, let oldest = failureOrder.popFirst() {
            failures[oldest] = nil
        }
    }

    /// The tables that have a limit.
    package var tableFills: [TableFill] {
        [
            TableFill("relayed tunnels", relayedCount, of: limits.relayedCountMax),
            TableFill("tunnels that end here", entries.count - relayedCount, of: limits.endedCountMax),
            TableFill("ways that failed", failures.count, of: limits.failureCountMax),
            TableFill(
                "tunnels of a neighbour",
                neighbourCounts.values.max() ?? 0,
                of: limits.neighbourCountMax
            ),
            TableFill("tunnels of a peer", peerCounts.values.max() ?? 0, of: limits.peerCountMax),
        ]
    }
}
