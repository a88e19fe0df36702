package import StarlingCore

/// A neighbour over which a destination is reached.
package struct RouteHop: Equatable, Sendable {
    package let peer: PeerID
    /// Of the whole way, with this node's penalties.
    package let metric: RouteMetric
    /// Links to the destination, by the neighbours' word.
    package let hops: Int

    package init(peer: PeerID, metric: RouteMetric, hops: Int) {
        self.peer = peer
        self.metric = metric
        self.hops = hops
    }
}

/// Why a neighbour's route is used, or is not.
package enum RouteReason: Equatable, Sendable {
    /// It is taken: the feasible route of lowest metric.
    case first
    /// It is taken: the link to the destination itself, which goes before others unless it measures much worse.
    case direct
    /// It is taken in the place of the link to the destination, which measures much worse.
    case detour
    /// It is taken because it was before: another one's metric is lower, but by no more than an eighth.
    case kept
    /// Its metric is close to the first one's: it takes messages when that is busy.
    case balanced
    /// It is there when the others are gone, or all are busy.
    case spare
    /// It might lead back to this node.
    case unfeasible
    /// This node has lost what it told others, and waits until that is void.
    case waiting
}

/// What is known of the ways to a destination, as `starling route` shows it.
package struct RouteReport: Equatable, Sendable {
    package struct Candidate: Equatable, Sendable {
        package let peer: PeerID
        /// Of the whole way; `nil` when it is too much for a route.
        package let metric: RouteMetric?
        /// What the neighbour tells.
        package let told: RouteMetric
        /// What the link to the neighbour costs.
        package let linkCost: RouteMetric
        /// What the neighbour was found not to deliver, in microseconds of metric.
        package let penalty: UInt32
        /// What the neighbour's silence adds while it lasts, in microseconds of metric.
        package let suspicion: UInt32
        package let hops: Int
        /// The destination's sequence number; 0 for a neighbour that has not told one.
        package let number: UInt64
        /// Since when the neighbour tells this.
        package let age: Duration
        package let reason: RouteReason
    }

    package let destination: PeerID
    /// The first choice first.
    package let candidates: [Candidate]
    /// The best distance that this node has told; `nil` when it has told none.
    package let feasibility: RouteDistance?
    /// Whether it is told to neighbours.
    package let isTold: Bool
    /// Since when the first choice is that.
    package let age: Duration
}

// What is asked of the table.
extension RouteTable {
    /// All neighbours over which a destination may be reached, the first choice first; at most four.
    ///
    /// Whichever of them each node takes, no message comes back.
    package func nextHops(to destination: PeerID) -> [RouteHop] {
        guard let slot = slot(of: destination) else { return [] }
        var hops: [RouteHop] = []
        let links = destinations[slot].hops
        for index in links.indices {
            if let hop = hop(to: slot, over: links[index]) { hops.append(hop) }
        }
        return hops
    }

    /// How a destination is reached, and why so; `nil` when nothing is known of it.
    package func report(of destination: PeerID, now: Instant) -> RouteReport? {
        guard let slot = slot(of: destination), destinations[slot].isLive else { return nil }
        let known = destinations[slot]
        return RouteReport(
            destination: destination,
            candidates: order(of: slot).map { candidate($0, of: slot, now: now) },
            feasibility: known.feasibility,
            isTold: known.advert != nil,
            age: known.chosen.duration(to: now)
        )
    }

    /// How all destinations are reached, in the order of their names.
    package func reports(now: Instant) -> [RouteReport] {
        destinations.dropFirst().filter(\.isLive).map(\.id).sorted().compactMap { report(of: $0, now: now) }
    }

    /// The tables that have a limit.
    package var tableFills: [TableFill] {
        // Neighbours have a place always.
        let most = limits.destinationCountMax + limits.linkCountMax
        let beside = limits.heldCountMax + limits.soughtCountMax + restoredCount
        return [
            TableFill("route destinations", liveCount, of: most),
            TableFill("route distances", index.count - 1, of: most + beside),
            TableFill("route links", links.count - freeLinks.count, of: limits.linkCountMax),
            TableFill("route searches", searches.count, of: limits.searchCountMax),
            TableFill("route proofs", proofs.count, of: limits.proofCountMax),
            TableFill("routes of a destination, at most so far", entryCountPeak, of: limits.entryCountMax),
        ]
    }

    /// How many destinations have a route.
    package var destinationCount: Int { liveCount }

    /// The number with which this node tells itself; 0 before the first.
    package var number: UInt64 { ownNumber.current }

    private func hop(to slot: Int, over link: Int) -> RouteHop? {
        guard let place = destinations[slot].entry(of: link),
            let metric = metric(of: place, of: slot)
        else { return nil }
        let hops = Int(destinations[slot].entries[place].way.hops) + 1
        return RouteHop(peer: links[link].peer, metric: metric, hops: hops)
    }

    private func candidate(_ place: Int, of slot: Int, now: Instant) -> RouteReport.Candidate {
        let entry = destinations[slot].entries[place]
        return RouteReport.Candidate(
            peer: links[entry.link].peer,
            metric: metric(of: place, of: slot),
            told: entry.way.metric,
            linkCost: links[entry.link].cost,
            penalty: entry.isDirect ? 0 : entry.penalty + links[entry.link].appliedPenalty,
            suspicion: links[entry.link].suspicion,
            hops: Int(entry.way.hops) + 1,
            number: entry.proof?.number ?? 0,
            age: entry.changed.duration(to: now),
            reason: reason(place, of: slot)
        )
    }

    private func reason(_ place: Int, of slot: Int) -> RouteReason {
        guard isFeasible(place, of: slot) else { return waitUntil != nil ? .waiting : .unfeasible }
        let destination = destinations[slot]
        guard destination.entries[place].link == destination.primary else {
            return destination.entries[place].isActive ? .balanced : .spare
        }
        if destination.entries[place].isDirect { return .direct }
        if destination.hasDirect { return .detour }
        let first = metric(of: place, of: slot) ?? .max
        let isLowest = destination.entries.indices.allSatisfy { other in
            !isFeasible(other, of: slot) || metric(of: other, of: slot) ?? .max >= first
        }
        return isLowest ? .first : .kept
    }
}
