package import StarlingCore

// Links: who the neighbours are, what they cost, and whether they deliver.
extension RouteTable {
    // MARK: Inputs

    /// The peer is connected: it is a route of one hop, and is told the others.
    package mutating func linkUp(_ peer: PeerID, _ quality: LinkQuality, now: Instant, wallNow: WallTime) {
        guard peer != own, let link = link(to: peer, now: now) else { return }
        guard !links[link].isUp else {
            return linkMeasured(peer, quality, now: now, wallNow: wallNow)
        }
        links[link].isUp = true
        links[link].acquit()
        (links[link].cost, links[link].costChanged) = (quality.cost, now)
        upCount += 1
        if let slot = admit(peer, .zero, from: link, isDirect: true, now: now) {
            let way = RouteUpdate.Way(metric: .zero, hops: 0)
            add(RouteEntry(link: link, way: way, proof: nil, proofEnd: now, now: now), to: slot)
        }
        links[link].dirty.insert(Self.ownSlot)
        // Other links may come up with it, and what they bring is told in the same frame.
        links[link].tellAt = now + limits.tellIntervalMin
        // There is one more to tell, also of what there was nobody to tell before.
        for slot in destinations.indices.dropFirst() where destinations[slot].isLive {
            choose(slot, now: now)
            if destinations[slot].advert != nil { links[link].dirty.insert(slot) }
        }
        finish(now: now, wallNow: wallNow)
    }

    /// The last connection to the peer is gone, and with it all that it told.
    package mutating func linkDown(_ peer: PeerID, now: Instant, wallNow: WallTime) {
        guard let link = linkIndex[peer], links[link].isUp else { return }
        links[link].isUp = false
        links[link].acquit()
        upCount -= 1
        links[link].resetOutgoing(now: now)
        (links[link].heardDigest, links[link].heard) = (RouteDigest(), nil)
        for slot in destinations.indices.dropFirst() {
            let isHeard = destinations[slot].entry(of: link).map { remove(entry: $0, of: slot) } != nil
            // With one neighbour less there may be nobody left to tell.
            if isHeard || destinations[slot].isLive { choose(slot, now: now) }
        }
        freeLinkIfIdle(link, now: now)
        finish(now: now, wallNow: wallNow)
    }

    /// What is measured of a link; small changes do not count.
    package mutating func linkMeasured(
        _ peer: PeerID,
        _ quality: LinkQuality,
        now: Instant,
        wallNow: WallTime
    ) {
        guard let link = linkIndex[peer], links[link].isUp else { return }
        let (cost, before) = (quality.cost, links[link].cost)
        guard cost.differs(from: before, byMoreThanOnePartIn: 4) else { return }
        let isFarWorse = cost.microseconds / 2 > before.microseconds
        guard isFarWorse || links[link].costChanged + limits.costInterval <= now else { return }
        (links[link].cost, links[link].costChanged) = (cost, now)
        chooseAll(over: link, now: now)
        finish(now: now, wallNow: wallNow)
    }

    /// What this node's own questions to a neighbour have come to; what was said before may be said again.
    ///
    /// A neighbour that is silent costs as much more as one that did not deliver, and a dead one as much as can be, also on the way
    /// to itself: whoever is reached over others all the same is. It does not fade, and is gone as soon as something comes.
    package mutating func suspected(
        _ peer: PeerID,
        _ suspicion: NeighbourSuspicion,
        now: Instant,
        wallNow: WallTime
    ) {
        guard let link = linkIndex[peer], links[link].isUp else { return }
        let before = links[link].suspicion
        switch suspicion {
        case .none:
            // What gave way to others meanwhile may be better than they are.
            if links[link].hasLostPlaces { queue(RouteRequest(destination: nil), to: link) }
            links[link].acquit()
        case .silent:
            links[link].suspicion = limits.penaltyMin
            if before == 0 {
                links[link].suspicionToldAt = now + limits.suspicionPatience
            } else if links[link].suspicionToldAt == nil {
                links[link].toldSuspicion = limits.penaltyMin
            }
        case .dead:
            links[link].suspicion = limits.penaltyMax
            // That it is dead may be another's word: what has only begun is told when it has lasted.
            if before == 0 {
                links[link].suspicionToldAt = now + limits.suspicionPatience
            } else if links[link].suspicionToldAt == nil {
                links[link].toldSuspicion = limits.penaltyMax
            }
        }
        guard links[link].suspicion != before else { return }
        chooseAll(over: link, now: now)
        finish(now: now, wallNow: wallNow)
    }

    /// The neighbour's stream begins anew: what it told on the last one is void.
    package mutating func incomingReset(_ peer: PeerID, now: Instant, wallNow: WallTime) {
        guard let link = linkIndex[peer], links[link].isUp else { return }
        forgetHeard(link, now: now)
        finish(now: now, wallNow: wallNow)
    }

    /// The stream to the neighbour begins anew: it is told everything.
    package mutating func outgoingReset(_ peer: PeerID, now: Instant, wallNow: WallTime) {
        guard let link = linkIndex[peer], links[link].isUp else { return }
        links[link].resetOutgoing(now: now)
        tellEverything(to: link)
        finish(now: now, wallNow: wallNow)
    }

    /// What was sent to a destination over a neighbour was answered.
    package mutating func delivered(to destination: PeerID, via peer: PeerID, now: Instant, wallNow: WallTime)
    {
        weigh(destination, peer, now: now) { $0 / 2 }
        finish(now: now, wallNow: wallNow)
    }

    /// What was sent to a destination over a neighbour had no answer in its time.
    package mutating func lost(to destination: PeerID, via peer: PeerID, now: Instant, wallNow: WallTime) {
        let (least, most) = (limits.penaltyMin, limits.penaltyMax)
        weigh(destination, peer, now: now) { max(least, $0 >= most / 2 ? most : $0 * 2) }
        finish(now: now, wallNow: wallNow)
    }

    /// What others sent to a destination over a neighbour came again, and no answer was seen to go back; or a tunnel to it, which it
    /// may have ended itself, came to nothing.
    ///
    /// They may make that up: it counts for this destination alone, and for no more than ``Limits/doubtMax``.
    package mutating func doubted(to destination: PeerID, via peer: PeerID, now: Instant, wallNow: WallTime) {
        guard destination != peer, let link = linkIndex[peer], let slot = slot(of: destination),
            let entry = destinations[slot].entry(of: link)
        else { return }
        let penalty = destinations[slot].entries[entry].penalty
        guard penalty < limits.doubtMax else { return }
        destinations[slot].entries[entry].penalty = min(max(limits.penaltyMin, penalty * 2), limits.doubtMax)
        choose(slot, now: now)
        finish(now: now, wallNow: wallNow)
    }

    // MARK: Penalties

    /// Tells others of silences that have lasted.
    mutating func advanceSuspicions(to now: Instant) {
        for link in links.indices {
            guard let time = links[link].suspicionToldAt, time <= now else { continue }
            (links[link].toldSuspicion, links[link].suspicionToldAt) = (links[link].suspicion, nil)
            chooseAll(over: link, now: now)
        }
    }

    private mutating func weigh(
        _ destination: PeerID,
        _ peer: PeerID,
        now: Instant,
        _ change: (UInt32) -> UInt32
    ) {
        // A neighbour is not to blame as a relay for what it does not answer itself.
        guard destination != peer, let link = linkIndex[peer] else { return }
        if let slot = slot(of: destination), let entry = destinations[slot].entry(of: link) {
            destinations[slot].lastUse = now
            destinations[slot].entries[entry].penalty = change(destinations[slot].entries[entry].penalty)
            choose(slot, now: now)
        }
        // One destination may be to blame itself: what counts for all of a neighbour's is an eighth of it.
        let before = links[link].penalty
        let after = change(before)
        links[link].penalty = after > before ? before + max(limits.penaltyMin, after - before) / 8 : after
        applyPenalty(of: link, now: now)
    }

    /// Lets a neighbour's penalty count when it has become another one by much.
    mutating func applyPenalty(of link: Int, now: Instant) {
        let (penalty, applied) = (links[link].penalty, links[link].appliedPenalty)
        let (low, high) = (min(penalty, applied), max(penalty, applied))
        guard high - low > low / 4, penalty == 0 || high - low > limits.penaltyMin / 16 else { return }
        links[link].appliedPenalty = penalty
        if links[link].isUp { chooseAll(over: link, now: now) }
    }

    /// The neighbour has broken the rules: it is believed last from here on.
    mutating func condemn(_ link: Int, now: Instant) {
        links[link].penalty = limits.penaltyMax
        forgetHeard(link, now: now)
        applyPenalty(of: link, now: now)
    }

    // MARK: Places

    /// Drops what a neighbour told; that it is a neighbour stays.
    mutating func forgetHeard(_ link: Int, now: Instant) {
        (links[link].heardDigest, links[link].heard) = (RouteDigest(), nil)
        for slot in destinations.indices.dropFirst() {
            guard let entry = destinations[slot].entry(of: link) else { continue }
            withdraw(entry, of: slot, now: now)
            choose(slot, now: now)
        }
    }

    mutating func chooseAll(over link: Int, now: Instant) {
        for slot in destinations.indices.dropFirst() where destinations[slot].entry(of: link) != nil {
            choose(slot, now: now)
        }
    }

    private mutating func link(to peer: PeerID, now: Instant) -> Int? {
        if let link = linkIndex[peer] { return link }
        if links.count - freeLinks.count >= limits.linkCountMax, !freeLeastPenalized(now: now) { return nil }
        let fresh = RouteLink(peer: peer, limits: limits, now: now)
        let link: Int
        if let free = freeLinks.popLast() {
            link = free
            links[link] = fresh
        } else {
            link = links.count
            links.append(fresh)
        }
        linkIndex[peer] = link
        return link
    }

    /// Frees a link that is down, unless its neighbour is remembered: for what it did not deliver, for the places that it
    /// takes still, or because whoever comes again has no more than it went with.
    mutating func freeLinkIfIdle(_ link: Int, now: Instant) {
        guard links[link].penalty == 0, links[link].soleCount == 0, links[link].hasRested(now: now) else {
            return
        }
        free(link)
    }

    private mutating func free(_ link: Int) {
        guard !links[link].isUp, linkIndex[links[link].peer] == link else { return }
        linkIndex[links[link].peer] = nil
        forgetGrudges(against: link)
        for slot in destinations.indices where destinations[slot].lastLink == link {
            destinations[slot].lastLink = -1
        }
        (links[link].soleCount, links[link].wasShareFull) = (0, false)
        freeLinks.append(link)
    }

    private mutating func freeLeastPenalized(now: Instant) -> Bool {
        let down = links.indices.filter { !links[$0].isUp && linkIndex[links[$0].peer] == $0 }
        guard let least = down.min(by: { links[$0].penalty < links[$1].penalty }) else { return false }
        free(least)
        return true
    }
}
