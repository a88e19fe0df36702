internal import StarlingCore

// The choice among what neighbours tell, and what is told of it.
extension RouteTable {
    // MARK: Feasibility

    /// Whether a route cannot lead back to this node.
    ///
    /// The neighbour's own feasibility distance is never worse than the best that it has told. When that is better than
    /// this node's, these distances get better from hop to hop, and no circle closes. What the neighbour tells later of
    /// the same route may be worse: that is another metric, and no other order.
    ///
    /// Spec: RFC 8966, section 3.5.1; docs/specs/routing.md, "Feasibility".
    func isFeasible(_ place: Int, of slot: Int) -> Bool {
        // Nothing comes behind the destination.
        if destinations[slot].entries[place].isDirect { return true }
        if waitUntil != nil { return false }
        guard let feasibility = destinations[slot].feasibility else { return true }
        return destinations[slot].entries[place].best.isBetter(than: feasibility)
    }

    /// What a route costs from here, or `nil` when it is none.
    func metric(of place: Int, of slot: Int) -> RouteMetric? {
        RouteMetric(microseconds: microseconds(of: place, of: slot))
    }

    /// What others are told that it costs: without a silence that has only begun.
    func toldMetric(of place: Int, of slot: Int) -> RouteMetric? {
        let link = destinations[slot].entries[place].link
        let untold = links[link].suspicion - links[link].toldSuspicion
        return RouteMetric(microseconds: microseconds(of: place, of: slot) - UInt64(untold))
    }

    /// What a route costs, also where it is too much for a route.
    private func microseconds(of place: Int, of slot: Int) -> UInt64 {
        let link = destinations[slot].entries[place].link
        var sum = UInt64(destinations[slot].entries[place].way.metric.microseconds)
        sum += UInt64(links[link].cost.microseconds) + UInt64(links[link].suspicion)
        if !destinations[slot].entries[place].isDirect {
            sum += UInt64(destinations[slot].entries[place].penalty) + UInt64(links[link].appliedPenalty)
        }
        return sum
    }

    /// The order in which routes are kept: the link to the destination itself, then the feasible by their metric, links and names.
    func precedes(_ place: Int, _ other: Int, of slot: Int) -> Bool {
        if destinations[slot].entries[place].isDirect { return true }
        if destinations[slot].entries[other].isDirect { return false }
        let isFeasible = isFeasible(place, of: slot)
        guard isFeasible == self.isFeasible(other, of: slot) else { return isFeasible }
        let metrics = (microseconds(of: place, of: slot), microseconds(of: other, of: slot))
        if metrics.0 != metrics.1 { return metrics.0 < metrics.1 }
        let hops = destinations[slot].entries[place].way.hops
        let otherHops = destinations[slot].entries[other].way.hops
        if hops != otherHops { return hops < otherHops }
        let (link, otherLink) = (
            destinations[slot].entries[place].link, destinations[slot].entries[other].link
        )
        return links[link].peer < links[otherLink].peer
    }

    // MARK: Choosing

    /// Looks again which route is taken, after anything that it hangs on has changed.
    mutating func choose(_ slot: Int, now: Instant) {
        let before = destinations[slot].primary
        let primary = bestEntry(of: slot)
        destinations[slot].primary = primary.map { destinations[slot].entries[$0].link } ?? -1
        activate(slot, primary: primary)
        let feasibility = destinations[slot].feasibility
        tell(slot, advert(of: slot, primary: primary), partOfMetric: 4, now: now)
        // What is told now may make some of the others unfeasible.
        if destinations[slot].feasibility != feasibility { activate(slot, primary: primary) }
        if destinations[slot].primary != before {
            destinations[slot].chosen = now
            if primary != nil { endSearch(for: destinations[slot].id) }
        }
        tellHops(of: slot)
        if isRestless(slot) { restless.insert(slot) }
        askIfNeeded(slot, primary: primary, now: now)
        if !destinations[slot].isLive { freeIfIdle(slot, now: now) }
    }

    /// The link to the destination itself, unless it measures much worse than a way over others; else the feasible route of
    /// lowest metric, where the one in use stays unless another one is clearly better.
    private func bestEntry(of slot: Int) -> Int? {
        let direct = destinations[slot].entries.indices.first { destinations[slot].entries[$0].isDirect }
        var (best, current): (Int?, Int?) = (nil, nil)
        for place in destinations[slot].entries.indices where place != direct {
            guard isFeasible(place, of: slot), metric(of: place, of: slot) != nil,
                direct.map({ mayBeDetour(place, around: $0, of: slot) }) ?? true
            else { continue }
            if destinations[slot].entries[place].link == destinations[slot].primary { current = place }
            if let other = best, !precedes(place, other, of: slot) { continue }
            best = place
        }
        if let first = best, let used = current {
            best = isClearlyBetter(first, than: used, of: slot) ? first : used
        }
        guard let direct, let way = best else { return best ?? direct }
        // A link that has just come up is not worse for having been without.
        let isUsed =
            current != nil && destinations[slot].hops.contains(destinations[slot].entries[direct].link)
        return isDetour(way, around: direct, isUsed: isUsed, of: slot) ? way : direct
    }

    /// Whether a way over others may be taken though there is a link to the destination itself: it is short enough for any message,
    /// and nothing was lost on it lately, or the link is silent.
    private func mayBeDetour(_ place: Int, around direct: Int, of slot: Int) -> Bool {
        let entry = destinations[slot].entries[place]
        guard entry.way.hops < limits.detourLinkCountMax else { return false }
        if links[destinations[slot].entries[direct].link].suspicion > 0 { return true }
        return entry.penalty < limits.penaltyMin && links[entry.link].appliedPenalty < limits.penaltyMin
    }

    /// Whether it is taken: it costs less than half of what the link does, and is left again when it costs more than two thirds.
    private func isDetour(_ place: Int, around direct: Int, isUsed: Bool, of slot: Int) -> Bool {
        var way = microseconds(of: place, of: slot)
        let link = microseconds(of: direct, of: slot)
        guard isUsed else { return way * 2 < link }
        // What is lost does not bring it back to a link that is silent: the neighbour may have answered over that.
        if links[destinations[slot].entries[direct].link].suspicion > 0 {
            let entry = destinations[slot].entries[place]
            way -= UInt64(entry.penalty) + UInt64(links[entry.link].appliedPenalty)
        }
        return way * 3 <= link * 2
    }

    /// Tells the driver when the next hops are others than before, stand in another order, or are nearer to or farther from the
    /// destination.
    ///
    /// - Parameter tellsLinkCounts: Whether it is told, too, when only the links of ways are more or fewer: that happens all the
    ///   time somewhere, and matters to messages that may cross few.
    mutating func tellHops(of slot: Int, tellsLinkCounts: Bool = false) {
        hopScratch.removeAll(keepingCapacity: true)
        for place in destinations[slot].entries.indices {
            guard isFeasible(place, of: slot), metric(of: place, of: slot) != nil else { continue }
            let isFirst = destinations[slot].entries[place].link == destinations[slot].primary
            var target = isFirst ? 0 : hopScratch.count
            while !isFirst, target > 0, comesBefore(place, hopScratch[target - 1], of: slot) { target -= 1 }
            hopScratch.insert(place, at: target)
        }
        var hops = RouteHops()
        for place in hopScratch {
            let linkCount = Int(destinations[slot].entries[place].way.hops) + 1
            hops.append(destinations[slot].entries[place].link, linkCount: linkCount)
        }
        guard hops != destinations[slot].hops else { return }
        if !tellsLinkCounts, hops.hasSameOrder(as: destinations[slot].hops) {
            restless.insert(slot)
            return
        }
        destinations[slot].hops = hops
        guard !destinations[slot].isChangeTold else { return }
        destinations[slot].isChangeTold = true
        actions.append(.changed(destinations[slot].id))
    }

    /// The places of a destination's routes: the first choice, then by the order in which they are kept.
    func order(of slot: Int) -> [Int] {
        var places: [Int] = []
        for place in destinations[slot].entries.indices {
            let isFirst = destinations[slot].entries[place].link == destinations[slot].primary
            var target = isFirst ? 0 : places.count
            while !isFirst, target > 0, comesBefore(place, places[target - 1], of: slot) { target -= 1 }
            places.insert(place, at: target)
        }
        return places
    }

    private func comesBefore(_ place: Int, _ other: Int, of slot: Int) -> Bool {
        destinations[slot].entries[other].link != destinations[slot].primary
            && precedes(place, other, of: slot)
    }

    /// Whether a route's metric is lower by more than an eighth.
    func isClearlyBetter(_ place: Int, than other: Int, of slot: Int) -> Bool {
        guard let metric = metric(of: place, of: slot) else { return false }
        guard let otherMetric = self.metric(of: other, of: slot) else { return true }
        return metric < otherMetric && metric.differs(from: otherMetric, byMoreThanOnePartIn: 8)
    }

    /// Marks the routes that count as in use, whose neighbours are not told of it: those at most a quarter above the first choice.
    ///
    /// Whoever becomes such a neighbour, or is none any more, is looked at for what it is to be told.
    private mutating func activate(_ slot: Int, primary: Int?) {
        let first = primary.flatMap { metric(of: $0, of: slot) }
        let most = first.map { UInt64($0.microseconds) * 5 / 4 }
        for place in destinations[slot].entries.indices {
            var isActive = place == primary
            if !isActive, let most, isFeasible(place, of: slot), let metric = metric(of: place, of: slot) {
                isActive = UInt64(metric.microseconds) <= most
            }
            guard isActive != destinations[slot].entries[place].isActive else { continue }
            destinations[slot].entries[place].isActive = isActive
            markDirty(slot, for: destinations[slot].entries[place].link)
        }
    }

    // MARK: What is told

    /// What is to be told of a destination: the first choice, when there is somebody who wants it.
    private func advert(of slot: Int, primary: Int?) -> RouteAdvert? {
        guard let primary else { return nil }
        let hops = destinations[slot].entries[primary].way.hops
        // The reader's own link counts too.
        guard let proof = destinations[slot].entries[primary].proof, hops + 1 < limits.hopLimit,
            let metric = toldMetric(of: primary, of: slot)
        else {
            return nil
        }
        // A neighbour over which messages go is not told; with nobody else nothing is promised to anybody.
        guard upCount > destinations[slot].activeCount else { return nil }
        return RouteAdvert(proof: proof, way: .init(metric: metric, hops: hops + 1))
    }

    /// Tells an advert in place of the one before, if it is news.
    ///
    /// The feasibility distance goes along at once; it is told once that is on the disk. A higher number alone is for those who asked
    /// for it; others are told with frames that go anyway, or each restart somewhere would have the whole mesh tell itself.
    mutating func tell(_ slot: Int, _ advert: RouteAdvert?, partOfMetric part: UInt32, now: Instant) {
        let before = destinations[slot].advert
        guard let advert else {
            guard before != nil else { return }
            destinations[slot].advert = nil
            destinations[slot].heldUntil = now + limits.feasibilityHold
            markDirty(slot)
            for link in links.indices {
                links[link].current.remove(slot)
                if links[link].isUp, links[link].told.contains(slot) { links[link].urgent.insert(slot) }
            }
            return
        }
        if let before, !advert.isNews(after: before, partOfMetric: part) { return }
        destinations[slot].advert = advert
        let isNewNumber = advert.proof.number != before?.proof.number
        let isNewWay = before.map { advert.way.isNews(after: $0.way, partOfMetric: part) } ?? true
        let endsLater = before.map { advert.proof.expires > $0.proof.expires } ?? true
        var isForAny = isNewWay || endsLater
        for link in links.indices where links[link].isUp {
            if isNewNumber { links[link].proven.remove(slot) }
            if isNewWay || links[link].isAsking(for: slot) {
                links[link].current.remove(slot)
                markDirty(slot, for: link)
                if links[link].isAsking(for: slot) { links[link].urgent.insert(slot) }
                isForAny = true
            } else if endsLater {
                links[link].renewed.insert(slot)
            } else {
                links[link].numbered.insert(slot)
            }
        }
        if isForAny { lowerFeasibility(of: slot, to: advert.distance) }
    }

    /// Makes what is about to be told the feasibility distance, where nobody was to be told of it when it came.
    mutating func promise(_ slot: Int) {
        guard let advert = destinations[slot].advert else { return }
        lowerFeasibility(of: slot, to: advert.distance)
        activate(slot, primary: destinations[slot].entry(of: destinations[slot].primary))
        tellHops(of: slot)
    }

    /// Tells what the last small changes of the metric have added up to.
    mutating func tellSmallChanges(of slot: Int, now: Instant) {
        let primary = destinations[slot].entry(of: destinations[slot].primary)
        let metric = primary.flatMap { toldMetric(of: $0, of: slot) }
        guard let told = destinations[slot].toldMetric, told != metric else { return }
        tell(slot, advert(of: slot, primary: primary), partOfMetric: 16, now: now)
        activate(slot, primary: primary)
        tellHops(of: slot)
    }

    private mutating func lowerFeasibility(of slot: Int, to distance: RouteDistance) {
        guard slot != Self.ownSlot else { return }
        if let feasibility = destinations[slot].feasibility, !distance.isBetter(than: feasibility) { return }
        destinations[slot].feasibility = distance
        guard !destinations[slot].isUnwritten else { return }
        destinations[slot].isUnwritten = true
        unwritten.append(slot)
    }

    /// Has all neighbours looked at for what they are to be told of a destination.
    mutating func markDirty(_ slot: Int) {
        for link in links.indices { markDirty(slot, for: link) }
    }

    /// Has one neighbour looked at for that.
    mutating func markDirty(_ slot: Int, for link: Int) {
        if links[link].isUp { links[link].dirty.insert(slot) }
    }
}
