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
    /// The feasible route of lowest metric, or one that no other is clearly better than.
    case first
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
        let reason: RouteReason
        if isFeasible(place, of: slot) {
            let isFirst = entry.link == destinations[slot].primary
            reason = isFirst ? .first : entry.isActive ? .balanced : .spare
        } else {
            reason = waitUntil != nil ? .waiting : .unfeasible
        }
        return RouteReport.Candidate(
            peer: links[entry.link].peer,
            metric: metric(of: place, of: slot),
            told: entry.way.metric,
            linkCost: links[entry.link].cost,
            penalty: entry.isDirect ? 0 : entry.penalty + links[entry.link].appliedPenalty,
            hops: Int(entry.way.hops) + 1,
            number: entry.proof?.number ?? 0,
            age: entry.changed.duration(to: now),
            reason: reason
        )
    }
}
