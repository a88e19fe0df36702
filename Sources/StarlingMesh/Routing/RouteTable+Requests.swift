internal import StarlingCore

// Requests for higher numbers: the way out when all routes that are left might lead back.
extension RouteTable {
    /// Asks for a higher number when there is no feasible route, or a clearly better one than those that are.
    mutating func askIfNeeded(_ slot: Int, primary: Int?, now: Instant) {
        if destinations[slot].hasMore, destinations[slot].entries.count < 2 { askForMore(slot) }
        guard let primary else {
            guard destinations[slot].isLive, !askTimers.contains(slot) else { return }
            destinations[slot].askCount = 0
            return ask(slot, now: now)
        }
        askTimers.remove(slot)
        askForBetter(slot, than: primary, now: now)
    }

    /// Asks all whose routes are kept, and does so again later: soon at first, and then with each digest.
    mutating func ask(_ slot: Int, now: Instant) {
        guard let feasibility = destinations[slot].feasibility, waitUntil == nil,
            destinations[slot].primary < 0
        else { return }
        let (id, number) = (destinations[slot].id, feasibility.number + 1)
        for entry in destinations[slot].entries {
            queue(numberRequest(id, number, hopLimit: limits.hopLimit), to: entry.link)
        }
        guard destinations[slot].askCount < limits.askCountMax else { return }
        destinations[slot].askCount += 1
        askTimers.set(slot, to: now + limits.askInterval * (1 << (destinations[slot].askCount - 1)))
    }

    private mutating func askForBetter(_ slot: Int, than primary: Int, now: Instant) {
        guard destinations[slot].entries.count > 1, let feasibility = destinations[slot].feasibility,
            waitUntil == nil
        else { return }
        if let asked = destinations[slot].askedBetter, asked + limits.askBetterInterval > now { return }
        for place in destinations[slot].entries.indices where !isFeasible(place, of: slot) {
            guard isClearlyBetter(place, than: primary, of: slot) else { continue }
            destinations[slot].askedBetter = now
            let request = numberRequest(
                destinations[slot].id,
                feasibility.number + 1,
                hopLimit: limits.hopLimit
            )
            return queue(request, to: destinations[slot].entries[place].link)
        }
    }

    /// Asks those whose routes were not kept, when few are left.
    private mutating func askForMore(_ slot: Int) {
        destinations[slot].hasMore = false
        let request = RouteRequest(destination: destinations[slot].id)
        for link in links.indices where links[link].isUp && destinations[slot].entry(of: link) == nil {
            queue(request, to: link)
        }
    }

    /// Asks a neighbour for the proof of a route that it tells and that was not kept.
    mutating func askAgain(_ way: RouteUpdate.Way, to destination: PeerID, _ link: Int, now: Instant) {
        guard isWanted(way, to: destination, from: link, now: now) else { return }
        queue(RouteRequest(destination: destination), to: link)
    }

    private func numberRequest(_ destination: PeerID, _ number: UInt64, hopLimit: UInt8) -> NumberRequest {
        // The destination may have lost its count: it believes its own signature.
        let proof = proofs.newest(of: destination).flatMap { $0.number + 1 >= number ? $0 : nil }
        return NumberRequest(
            destination: destination,
            number: min(number, RouteProof.numberMax),
            hopLimit: hopLimit,
            proof: proof
        )
    }

    // MARK: Others' requests

    /// A neighbour asks for a number.
    ///
    /// Spec: RFC 8966, section 3.8.1.2.
    mutating func take(_ request: NumberRequest, from link: Int, now: Instant) {
        guard request.destination != own else { return answer(request, from: link, now: now) }
        guard let slot = index[request.destination] else { return }
        let destination = destinations[slot]
        if let advert = destination.advert, advert.proof.number >= request.number, !destination.isActive(link)
        {
            return tellAgain(slot, to: link)
        }
        guard request.hopLimit > 1 else { return }
        if let last = destination.forwarded, last.number >= request.number,
            last.at + limits.forwardInterval > now
        {
            return
        }
        guard let next = nextLink(for: slot, besides: link) else { return }
        destinations[slot].forwarded = (request.number, now)
        var passed = numberRequest(request.destination, request.number, hopLimit: request.hopLimit - 1)
        if passed.proof == nil { passed.proof = request.proof }
        queue(passed, to: next)
    }

    /// Where a request comes closer to the destination: the next hop, or else another neighbour that has a route.
    private func nextLink(for slot: Int, besides link: Int) -> Int? {
        let primary = destinations[slot].primary
        if primary >= 0, primary != link { return primary }
        var best: Int?
        for place in destinations[slot].entries.indices where destinations[slot].entries[place].link != link {
            if let other = best, !precedes(place, other, of: slot) { continue }
            best = place
        }
        return best.map { destinations[slot].entries[$0].link }
    }
}
