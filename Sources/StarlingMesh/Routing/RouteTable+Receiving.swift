package import StarlingCore

// What the neighbours tell.
extension RouteTable {
    /// Takes a frame that came on a neighbour's stream; the frames of one stream in their order.
    ///
    /// Signatures that were not checked before are checked here. The liveness part is another machine's.
    ///
    /// - Throws: What resets the stream. All that was told on it is forgotten then.
    package mutating func receive(
        _ frame: RouteFrame,
        from peer: PeerID,
        now: Instant,
        wallNow: WallTime
    ) throws(RouteBreach) {
        guard let link = linkIndex[peer], links[link].isUp else { return }
        defer { finish(now: now, wallNow: wallNow) }
        let isFirst = links[link].heard == nil
        if isFirst || !frame.updates.isEmpty || frame.digest != nil { links[link].heard = now }
        do throws(RouteBreach) {
            for update in frame.updates {
                links[link].heardDigest.add(update)
                links[link].updateAllowance.spend(1, now: now)
                try take(update, from: link, now: now, wallNow: wallNow)
            }
            if let digest = frame.digest, digest != links[link].heardDigest { throw .digestDiffers }
        } catch {
            switch error {
            case .invalidProof, .notTheDestination: condemn(link, now: now)
            case .digestDiffers: forgetHeard(link, now: now)
            }
            throw error
        }
        for request in frame.routeRequests where links[link].requestAllowance.take(now: now) {
            take(request, from: link, now: now)
        }
        for request in frame.numberRequests where links[link].numberAllowance.take(now: now) {
            take(request, from: link, now: now)
        }
    }

    /// Until when no more is to be read of a neighbour, which has told more than its share; `nil` when that is not so.
    package func pausesReading(of peer: PeerID, now: Instant) -> Instant? {
        guard let link = linkIndex[peer] else { return nil }
        let ready = links[link].updateAllowance.ready
        return ready > now ? ready : nil
    }

    // MARK: Updates

    private mutating func take(
        _ update: RouteUpdate,
        from link: Int,
        now: Instant,
        wallNow: WallTime
    ) throws(RouteBreach) {
        guard update.destination != own else { return try takeOwn(update.proof, from: link, now: now) }
        guard let way = update.way, way.hops < limits.hopLimit, way.metric.adding(links[link].cost) != nil
        else {
            return withdraw(update.destination, link, now: now)
        }
        guard way.hops > 0 || update.destination == links[link].peer else { throw .notTheDestination }
        let slot = slot(of: update.destination)
        let known = slot.flatMap { slot in destinations[slot].entry(of: link).map { (slot, $0) } }
        guard let told = update.proof else {
            guard let (slot, place) = known, let proof = destinations[slot].entries[place].proof else {
                return askAgain(way, to: update.destination, link, now: now)
            }
            let end = destinations[slot].entries[place].proofEnd
            return renew(place, of: slot, way, proof, end: end, now: now)
        }
        // A signature costs more to check than all the rest: not for what would not be kept.
        guard
            known != nil
                || isWanted(way, number: told.number, to: update.destination, from: link, now: now)
        else { return }
        let proof = try verified(told, of: slot, from: link, now: now)
        guard let end = proof.end(now: now, wallNow: wallNow) else {
            return withdraw(update.destination, link, now: now)
        }
        if let (slot, place) = known {
            renew(place, of: slot, way, proof, end: end, now: now)
        } else if let slot = admit(update.destination, way.metric, from: link, isDirect: false, now: now) {
            add(RouteEntry(link: link, way: way, proof: proof, proofEnd: end, now: now), to: slot)
            choose(slot, now: now)
        }
    }

    /// Takes what a neighbour tells in place of what it told before.
    private mutating func renew(
        _ place: Int,
        of slot: Int,
        _ way: RouteUpdate.Way,
        _ proof: RouteProof,
        end: Instant,
        now: Instant
    ) {
        let link = destinations[slot].entries[place].link
        // What the neighbour had no use for it may have a use for.
        if way.metric > destinations[slot].entries[place].way.metric { markDirty(slot, for: link) }
        destinations[slot].entries[place].take(way, proof, end: end, now: now)
        proofsEndAt = .earlier(proofsEndAt, end)
        choose(slot, now: now)
    }

    mutating func verified(
        _ proof: RouteProof,
        of slot: Int?,
        from link: Int,
        now: Instant
    ) throws(RouteBreach) -> RouteProof {
        // Another neighbour has told it, mostly.
        if let slot, let known = destinations[slot].firstProof, known == proof { return known }
        if !proofs.contains(proof) {
            links[link].updateAllowance.spend(limits.proofUpdateCount - 1, now: now)
        }
        do throws(RouteProofError) {
            return try proofs.verified(proof)
        } catch {
            throw .invalidProof(error)
        }
    }

    /// Whether a route that a neighbour did not have would be kept.
    ///
    /// - Parameter number: Its proof's, where that is told.
    mutating func isWanted(
        _ way: RouteUpdate.Way,
        number: UInt64?,
        to destination: PeerID,
        from link: Int,
        now: Instant
    ) -> Bool {
        guard let slot = slot(of: destination), destinations[slot].isLive else {
            return mayAdmit(destination, way.metric, from: link, now: now)
        }
        guard destinations[slot].entries.count >= limits.entryCountMax else { return true }
        guard let worst = worstEntry(of: slot) else { return false }
        // One that can be used goes before one that cannot, whatever it costs.
        if let number, let feasibility = destinations[slot].feasibility,
            !destinations[slot].entries[worst].best.isBetter(than: feasibility),
            RouteDistance(number: number, metric: way.metric).isBetter(than: feasibility)
        {
            return true
        }
        let offered = way.metric.adding(links[link].cost)?.microseconds ?? .max
        let isBetter = offered < metric(of: worst, of: slot)?.microseconds ?? .max
        if !isBetter { destinations[slot].hasMore = true }
        return isBetter
    }

    /// The entry that gives way first, which is never the destination's own.
    func worstEntry(of slot: Int) -> Int? {
        var worst: Int?
        for place in destinations[slot].entries.indices where !destinations[slot].entries[place].isDirect {
            if let other = worst, precedes(place, other, of: slot) { continue }
            worst = place
        }
        return worst
    }

    // MARK: Withdrawals

    private mutating func withdraw(_ destination: PeerID, _ link: Int, now: Instant) {
        guard let slot = slot(of: destination), let entry = destinations[slot].entry(of: link) else { return }
        withdraw(entry, of: slot, now: now)
        choose(slot, now: now)
    }

    /// Takes back what a neighbour told of a destination.
    ///
    /// A neighbour that withdraws itself is one still, of which nothing is told to others.
    mutating func withdraw(_ entry: Int, of slot: Int, now: Instant) {
        let link = destinations[slot].entries[entry].link
        remove(entry: entry, of: slot)
        guard links[link].isUp, links[link].peer == destinations[slot].id else { return }
        let way = RouteUpdate.Way(metric: .zero, hops: 0)
        add(RouteEntry(link: link, way: way, proof: nil, proofEnd: now, now: now), to: slot)
    }
}
