package import StarlingCore

// What happens because time passes.
extension RouteTable {
    /// When ``advance(to:wallNow:)`` must next be called.
    package var nextDeadline: Instant? {
        var first = Instant.earlier(tickAt, askTimers.first)
        first = .earlier(first, searchDeadline)
        first = .earlier(first, waitUntil)
        first = .earlier(first, ownNumber.renewAt)
        first = .earlier(first, ownNumber.askedAt)
        if inFlight == nil { first = .earlier(first, writeAt) }
        for link in links.indices {
            first = .earlier(first, links[link].suspicionToldAt)
            guard links[link].isUp, !links[link].isTransmitTold else { continue }
            first = .earlier(first, links[link].dueAt)
        }
        return first
    }

    /// What has come due.
    package mutating func advance(to now: Instant, wallNow: WallTime) {
        if let wait = waitUntil, wait <= now {
            waitUntil = nil
            isLossUnwritten = true
            for slot in destinations.indices.dropFirst() where destinations[slot].isLive {
                choose(slot, now: now)
            }
        }
        while let slot = askTimers.popFirst(through: now) { ask(slot, now: now) }
        advanceSuspicions(to: now)
        advanceSearches(to: now)
        if let write = writeAt, write <= now { writeAt = nil }
        if tickAt <= now {
            let next = tickAt + limits.digestInterval
            tickAt = next > now ? next : now + limits.digestInterval
            tick(now: now)
        }
        finish(now: now, wallNow: wallNow)
    }

    private mutating func tick(now: Instant) {
        for link in links.indices {
            links[link].penalty = Self.faded(links[link].penalty)
            applyPenalty(of: link, now: now)
            guard links[link].isUp else {
                freeLinkIfIdle(link, now: now)
                continue
            }
            if let heard = links[link].heard, heard + limits.routeTimeout <= now {
                forgetHeard(link, now: now)
            }
            links[link].digestDueAt = links[link].digestDueAt ?? now + limits.digestPatience
        }
        if let end = proofsEndAt, end <= now { endProofs(now: now) }
        var looked = restless
        restless = SlotSet()
        while let slot = looked.popFirst() { look(at: slot, now: now) }
        // What was left out for want of room is worth asking for again.
        let hasRoom = liveCount < limits.destinationCountMax - limits.destinationCountMax / 8
        let shareMost = limits.soleCountMax - max(1, limits.soleCountMax / 8)
        let asksAll = wasFull && hasRoom
        if asksAll { wasFull = false }
        for link in links.indices where links[link].isUp {
            guard asksAll || links[link].wasShareFull && links[link].soleCount <= shareMost else { continue }
            links[link].wasShareFull = false
            queue(RouteRequest(destination: nil), to: link)
        }
    }

    /// Drops the routes whose proofs do not hold any more.
    private mutating func endProofs(now: Instant) {
        proofsEndAt = nil
        for slot in destinations.indices.dropFirst() where destinations[slot].isLive {
            var hasEnded = false
            for entry in destinations[slot].entries.indices.reversed() {
                guard destinations[slot].entries[entry].proof != nil else { continue }
                if destinations[slot].entries[entry].proofEnd <= now {
                    withdraw(entry, of: slot, now: now)
                    hasEnded = true
                } else {
                    proofsEndAt = .earlier(proofsEndAt, destinations[slot].entries[entry].proofEnd)
                }
            }
            if hasEnded { choose(slot, now: now) }
        }
    }

    /// Whether something of a destination changes with time alone.
    func isRestless(_ slot: Int) -> Bool {
        guard destinations[slot].isLive, destinations[slot].primary >= 0, grudges[slot] == nil else {
            return true
        }
        for place in destinations[slot].entries.indices {
            if destinations[slot].entries[place].penalty > 0 { return true }
            if isOverSilence(slot) { return true }
            if destinations[slot].entries[place].link == destinations[slot].primary,
                destinations[slot].toldMetric != toldMetric(of: place, of: slot)
            {
                return true
            }
        }
        return false
    }

    /// Whether the first choice leads over a neighbour that is silent.
    private func isOverSilence(_ slot: Int) -> Bool {
        destinations[slot].primary >= 0 && links[destinations[slot].primary].toldSuspicion > 0
    }

    private mutating func look(at slot: Int, now: Instant) {
        guard isUsed.contains(slot) else { return }
        defer { if isUsed.contains(slot), isRestless(slot) { restless.insert(slot) } }
        fadeGrudges(of: slot)
        guard destinations[slot].isLive else { return freeIfIdle(slot, now: now) }
        forgetDistanceIfVoid(slot, now: now)
        var hasFaded = false
        for entry in destinations[slot].entries.indices {
            let penalty = destinations[slot].entries[entry].penalty
            guard penalty > 0 else { continue }
            destinations[slot].entries[entry].penalty = Self.faded(penalty)
            hasFaded = true
        }
        // Where it could not be asked for a better one when the silence began, it is now.
        if hasFaded || isOverSilence(slot) { choose(slot, now: now) }
        guard destinations[slot].isLive else { return }
        tellSmallChanges(of: slot, now: now)
        tellHops(of: slot, tellsLinkCounts: true)
        if !askTimers.contains(slot) { ask(slot, now: now) }
    }
}
