internal import StarlingCore

// Which destinations have a place in the table.
extension RouteTable {
    /// The place of a destination, where it has one.
    func slot(of destination: PeerID) -> Int? {
        index.place(of: destination) { destinations[$0].id == destination }
    }

    /// Whether a destination would be taken, by the metric that a neighbour tells.
    mutating func mayAdmit(_ destination: PeerID, _ metric: RouteMetric, from link: Int, now: Instant) -> Bool
    {
        let search = searches.first { $0.destination == destination }
        let isOwn = search?.isOwn ?? false
        let known = slot(of: destination)
        let usedCount = destinations.count - freeSlots.count
        guard known != nil || usedCount <= slotCountMax + (isOwn ? limits.soughtCountMax : 0) else {
            wasFull = true
            return false
        }
        guard !isOwn else { return liveCount < limits.destinationCountMax || farthest(now: now) != nil }
        // What a neighbour was the last to tell is counted already.
        let isCounted = known.map { destinations[$0].lastLink == link } ?? false
        if !isCounted, links[link].soleCount >= limits.soleCountMax {
            links[link].wasShareFull = true
            return false
        }
        guard liveCount >= limits.destinationCountMax else { return true }
        guard search == nil else { return farthest(now: now) != nil }
        wasFull = true
        guard let farthest = farthest(now: now), let offered = metric.adding(links[link].cost) else {
            return false
        }
        // One that is hardly farther does not give way: two would take turns.
        return farthest.metric > offered && farthest.metric.differs(from: offered, byMoreThanOnePartIn: 4)
    }

    /// The place of a destination, which gets one if there is room or another one gives way.
    ///
    /// A neighbour always gets one: there are no more of them than links.
    mutating func admit(
        _ destination: PeerID,
        _ metric: RouteMetric,
        from link: Int,
        isDirect: Bool,
        now: Instant
    ) -> Int? {
        if let slot = slot(of: destination), destinations[slot].isLive { return slot }
        guard isDirect || mayAdmit(destination, metric, from: link, now: now) else { return nil }
        if liveCount >= limits.destinationCountMax {
            if let slot = farthest(now: now)?.slot {
                evict(slot, now: now)
            } else if !isDirect {
                return nil
            }
        }
        // Whoever asked for it on behalf of others uses it once.
        let useDuration = searches.first { $0.destination == destination }.map {
            $0.isOwn ? limits.useDuration : limits.passedUseDuration
        }
        let lastUse = useDuration.map { now - (limits.useDuration - $0) }
        if let slot = slot(of: destination) {
            if let lastUse {
                destinations[slot].lastUse = max(destinations[slot].lastUse ?? lastUse, lastUse)
            }
            return slot
        }
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            destinations[slot] = RouteDestination(id: destination, now: now)
        } else {
            slot = destinations.count
            destinations.append(RouteDestination(id: destination, now: now))
        }
        index.insert(slot, of: destination)
        isUsed.insert(slot)
        restless.insert(slot)
        if let lastUse { destinations[slot].lastUse = lastUse }
        return slot
    }

    /// Places for others than this node.
    var slotCountMax: Int { limits.destinationCountMax + limits.heldCountMax }

    /// The destination that gives way first: neither a neighbour nor in use, and the farthest of those.
    ///
    /// The one that was it last is still, until it is nearer, or gone: who is told of thousands does not look through the
    /// table for each.
    private mutating func farthest(now: Instant) -> (slot: Int, metric: RouteMetric)? {
        if let last = lastFarthest, isUsed.contains(last.slot), mayGiveWay(last.slot, now: now),
            metric(of: last.slot) == last.metric
        {
            return last
        }
        lastFarthest = findFarthest(now: now)
        return lastFarthest
    }

    private func mayGiveWay(_ slot: Int, now: Instant) -> Bool {
        destinations[slot].isLive && !destinations[slot].hasDirect && !isInUse(slot, now: now)
    }

    /// What the first choice costs.
    private func metric(of slot: Int) -> RouteMetric {
        let first = destinations[slot].entry(of: destinations[slot].primary)
        return first.flatMap { metric(of: $0, of: slot) } ?? .max
    }

    private func findFarthest(now: Instant) -> (slot: Int, metric: RouteMetric)? {
        var found: (slot: Int, metric: RouteMetric)?
        for slot in destinations.indices.dropFirst() where mayGiveWay(slot, now: now) {
            let metric = metric(of: slot)
            if let found, metric <= found.metric { continue }
            found = (slot, metric)
        }
        return found
    }

    private func isInUse(_ slot: Int, now: Instant) -> Bool {
        destinations[slot].lastUse.map { $0 + limits.useDuration > now } ?? false
    }

    private mutating func evict(_ slot: Int, now: Instant) {
        while let last = destinations[slot].entries.indices.last {
            let link = destinations[slot].entries[last].link
            if links[link].suspicion > 0 { links[link].hasLostPlaces = true }
            remove(entry: last, of: slot)
        }
        choose(slot, now: now)
    }

    // MARK: Entries

    /// Adds a neighbour's route; the worst one gives way.
    mutating func add(_ entry: consuming RouteEntry, to slot: Int) {
        if destinations[slot].entries.count >= limits.entryCountMax, let worst = worstEntry(of: slot) {
            destinations[slot].hasMore = true
            let link = destinations[slot].entries[worst].link
            if links[link].suspicion > 0 { links[link].hasLostPlaces = true }
            remove(entry: worst, of: slot)
        }
        if !destinations[slot].isLive {
            liveCount += 1
            release(slot)
        }
        countSole(slot, -1)
        var entry = entry
        entry.penalty = max(entry.penalty, takeGrudge(against: entry.link, of: slot))
        if entry.proof != nil { proofsEndAt = .earlier(proofsEndAt, entry.proofEnd) }
        destinations[slot].entries.append(entry)
        countSole(slot, 1)
        entryCountPeak = max(entryCountPeak, destinations[slot].entries.count)
    }

    /// Counts a destination that only one neighbour tells to that neighbour's, or takes it from them.
    private mutating func countSole(_ slot: Int, _ change: Int) {
        guard destinations[slot].entries.count == 1 else { return }
        links[destinations[slot].entries[0].link].soleCount += change
    }

    mutating func remove(entry: Int, of slot: Int) {
        // A neighbour over which nothing goes any more may be told, and so may one that had a better route.
        let gone = destinations[slot].entries[entry]
        markDirty(slot, for: gone.link)
        keepGrudge(gone, of: slot)
        let isLast = destinations[slot].entries.count == 1
        if !isLast { countSole(slot, -1) }
        destinations[slot].entries.remove(at: entry)
        if isLast {
            liveCount -= 1
            destinations[slot].lastLink = gone.link
        } else {
            countSole(slot, 1)
        }
    }

    /// A place is charged to nobody any more: there is a route again, or it is given back.
    private mutating func release(_ slot: Int) {
        let link = destinations[slot].lastLink
        guard link >= 0 else { return }
        destinations[slot].lastLink = -1
        links[link].soleCount -= 1
    }

    /// Forgets a feasibility distance that nobody relies on any more, where it keeps all routes from being used that others tell:
    /// the destination may have lost its number, and nobody has the proof of the one that it would have to exceed.
    mutating func forgetDistanceIfVoid(_ slot: Int, now: Instant) {
        // Where it stands: a destination is large, and all that are restless are looked at.
        guard destinations[slot].primary < 0, destinations[slot].feasibility != nil, slot != Self.ownSlot,
            destinations[slot].advert == nil, destinations[slot].heldUntil <= now,
            !destinations[slot].isUnwritten, inFlight?.holds(slot) != true,
            !links.contains(where: { $0.told.contains(slot) })
        else { return }
        (destinations[slot].feasibility, destinations[slot].durable) = (nil, nil)
        forgotten.append(destinations[slot].id)
        choose(slot, now: now)
    }

    /// Gives a place back when nothing is known and nothing has to be remembered.
    mutating func freeIfIdle(_ slot: Int, now: Instant) {
        guard slot != Self.ownSlot, isUsed.contains(slot), !destinations[slot].isLive,
            destinations[slot].advert == nil, !destinations[slot].isUnwritten,
            // Who was told is told that it is no more.
            !links.contains(where: { $0.told.contains(slot) })
        else { return }
        if destinations[slot].feasibility != nil {
            guard destinations[slot].heldUntil <= now, inFlight?.holds(slot) != true else { return }
            forgotten.append(destinations[slot].id)
        }
        for link in links.indices { links[link].forget(slot) }
        release(slot)
        grudges[slot] = nil
        askTimers.remove(slot)
        index.remove(slot, of: destinations[slot].id)
        isUsed.remove(slot)
        restless.remove(slot)
        destinations[slot] = RouteDestination(id: destinations[slot].id, now: now)
        freeSlots.append(slot)
    }
}
