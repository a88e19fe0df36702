package import StarlingCore

// What happens because time passes.
extension RouteTable {
    /// When ``advance(to:wallNow:)`` must next be called.
    package var nextDeadline: Instant? {
        var first = Instant.earlier(tickAt, askTimers.first)
        first = .earlier(first, searchDeadline)
        first = .earlier(first, waitUntil)
        first = .earlier(first, ownNumber.renewAt)
        if inFlight == nil { first = .earlier(first, writeAt) }
        for link in links.indices {
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
            links[link].penalty -= max(links[link].penalty / 8, min(links[link].penalty, 1000))
            applyPenalty(of: link, now: now)
            guard links[link].isUp else {
                freeLinkIfIdle(link)
                continue
            }
            if let heard = links[link].heard, heard + limits.routeTimeout <= now {
                forgetHeard(link, now: now)
            }
            links[link].isDigestDue = true
        }
        for slot in destinations.indices.dropFirst() where isUsed.contains(slot) { look(at: slot, now: now) }
        // What was left out for want of room is worth asking for again.
        if wasFull, liveCount < limits.destinationCountMax - limits.destinationCountMax / 8 {
            wasFull = false
            for link in links.indices where links[link].isUp {
                queue(RouteRequest(destination: nil), to: link)
            }
        }
    }

    private mutating func look(at slot: Int, now: Instant) {
        guard destinations[slot].isLive else { return freeIfIdle(slot, now: now) }
        var isChanged = false
        for entry in destinations[slot].entries.indices.reversed() {
            let penalty = destinations[slot].entries[entry].penalty
            if penalty > 0 {
                destinations[slot].entries[entry].penalty -= max(penalty / 8, min(penalty, 1000))
                isChanged = true
            }
            guard destinations[slot].entries[entry].proofEnd <= now,
                destinations[slot].entries[entry].proof != nil
            else { continue }
            withdraw(entry, of: slot, now: now)
            isChanged = true
        }
        if isChanged { choose(slot, now: now) }
        guard destinations[slot].isLive else { return }
        tellSmallChanges(of: slot, now: now)
        if !askTimers.contains(slot) { ask(slot, now: now) }
    }
}
