internal import StarlingCore

// Requests for higher numbers: the way out when all routes that are left might lead back.
extension RouteTable {
    /// Asks for a higher number when there is no feasible route, or a far better one than those that are.
    mutating func askIfNeeded(_ slot: Int, primary: Int?, now: Instant) {
        if destinations[slot].hasMore, destinations[slot].entries.count < 2 { askForMore(slot) }
        guard let primary else {
            guard destinations[slot].isLive, !askTimers.contains(slot) else { return }
            destinations[slot].askCount = 0
            return ask(slot, now: now)
        }
        askTimers.remove(slot)
        if areAllDoubtful(slot, primary: primary) { return askEverybody(slot, now: now) }
        askForBetter(slot, than: primary, now: now)
    }

    /// Whether all routes that are kept were found not to deliver, or lead over neighbours that are silent, and others were not
    /// kept; where the one in use does not deliver, those that are not feasible say nothing against that.
    private func areAllDoubtful(_ slot: Int, primary: Int) -> Bool {
        guard destinations[slot].hasMore else { return false }
        let isLost = destinations[slot].entries[primary].penalty >= limits.penaltyMin
        return destinations[slot].entries.indices.allSatisfy { place in
            let entry = destinations[slot].entries[place]
            return entry.penalty >= limits.penaltyMin || links[entry.link].toldSuspicion > 0
                || isLost && !isFeasible(place, of: slot)
        }
    }

    /// Asks all neighbours for a higher number: only with it are the routes feasible that were not kept.
    private mutating func askEverybody(_ slot: Int, now: Instant) {
        guard let feasibility = destinations[slot].feasibility, waitUntil == nil else { return }
        if let asked = destinations[slot].askedBetter, asked.at + limits.askBetterInterval > now { return }
        let number = feasibility.number + 1
        destinations[slot].askedBetter = (number, now)
        let request = numberRequest(destinations[slot].id, number, hopLimit: limits.hopLimit)
        for link in links.indices where links[link].isUp { queue(request, to: link) }
    }

    /// Asks the neighbour with the best of the routes that are kept, and all of them when it does so again later: soon at first, and
    /// then with each digest.
    mutating func ask(_ slot: Int, now: Instant) {
        guard let feasibility = destinations[slot].feasibility, waitUntil == nil,
            destinations[slot].primary < 0
        else { return }
        let request = numberRequest(
            destinations[slot].id,
            feasibility.number + 1,
            hopLimit: limits.hopLimit
        )
        let best = bestPlace(of: slot, besides: -1)
        if destinations[slot].askCount == 0, let best {
            queue(request, to: destinations[slot].entries[best].link)
        } else {
            queue(request, toAllOf: slot, besides: nil)
        }
        guard destinations[slot].askCount < limits.askCountMax else { return }
        destinations[slot].askCount += 1
        // The answer crosses the way at least once there and back.
        let trip =
            best.flatMap { metric(of: $0, of: slot) }.map { Duration.microseconds($0.microseconds) } ?? .zero
        let interval = limits.askInterval + min(trip * 2, limits.askInterval * 4)
        askTimers.set(slot, to: now + interval * (1 << (destinations[slot].askCount - 1)))
    }

    private mutating func askForBetter(_ slot: Int, than primary: Int, now: Instant) {
        guard destinations[slot].entries.count > 1, let feasibility = destinations[slot].feasibility,
            waitUntil == nil
        else { return }
        let asked = destinations[slot].askedBetter
        if let asked, asked.at + limits.askBetterInterval > now { return }
        let number = feasibility.number + 1
        for place in destinations[slot].entries.indices where !isFeasible(place, of: slot) {
            guard isFarBetter(place, than: primary, of: slot) else { continue }
            destinations[slot].askedBetter = (number, now)
            let request = numberRequest(destinations[slot].id, number, hopLimit: limits.hopLimit)
            // In vain, perhaps because somebody on the way answers nothing.
            guard asked?.number != number else { return queue(request, toAllOf: slot, besides: nil) }
            return queue(request, to: destinations[slot].entries[place].link)
        }
    }

    /// Whether a route's metric is not even half of another's.
    ///
    /// Each higher number is told through the whole mesh: a link that was faster at some time is no reason for one, or links
    /// whose costs come and go would have the mesh tell itself all the time.
    private func isFarBetter(_ place: Int, than other: Int, of slot: Int) -> Bool {
        guard let metric = metric(of: place, of: slot) else { return false }
        // A silence that has only begun is no reason either.
        guard let otherMetric = toldMetric(of: other, of: slot) else { return true }
        return metric.microseconds < otherMetric.microseconds / 2
    }

    /// Asks all neighbours whose routes are kept.
    private mutating func queue(_ request: NumberRequest, toAllOf slot: Int, besides asker: Int?) {
        for place in destinations[slot].entries.indices {
            let link = destinations[slot].entries[place].link
            if link != asker { queue(request, to: link) }
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
        guard isWanted(way, number: nil, to: destination, from: link, now: now) else { return }
        queue(RouteRequest(destination: destination), to: link)
    }

    private mutating func numberRequest(_ destination: PeerID, _ number: UInt64, hopLimit: UInt8)
        -> NumberRequest
    {
        // The destination may have lost its count, and those on the way may not have heard of it: a signature is believed.
        var proof = newestProof(of: destination).flatMap { $0.number + 1 >= number ? $0 : nil }
        if proof == nil, let slot = slot(of: destination), let kept = destinations[slot].restoredProof,
            kept.number + 1 >= number
        {
            // What the disk has damaged would be held against this node.
            proof = try? proofs.verified(kept)
        }
        return NumberRequest(
            destination: destination,
            number: min(number, RouteProof.numberMax),
            hopLimit: hopLimit,
            proof: proof
        )
    }

    /// The newest proof that was verified: one that many others have displaced stands with the routes still.
    func newestProof(of destination: PeerID) -> RouteProof? {
        if let cached = proofs.newest(of: destination) { return cached }
        guard let slot = slot(of: destination) else { return nil }
        return destinations[slot].entries.compactMap(\.proof).max { $0.number < $1.number }
    }

    // MARK: Others' requests

    /// A neighbour asks for a number.
    ///
    /// What is asked again had no answer, and the next hop may be to blame: a neighbour that flatters itself is the next hop
    /// of many, and answers nothing. So it goes to all from whom there is a route then.
    ///
    /// Spec: RFC 8966, section 3.8.1.2.
    mutating func take(_ request: NumberRequest, from link: Int, now: Instant) {
        guard request.destination != own else { return answer(request, from: link, now: now) }
        guard let slot = slot(of: request.destination) else { return }
        let destination = destinations[slot]
        if let advert = destination.advert, advert.proof.number >= request.number, !destination.isActive(link)
        {
            return answer(slot, to: link)
        }
        links[link].asks(for: slot, request.number)
        guard request.hopLimit > 1, isAnswerable(request) else { return }
        let hopLimit = min(request.hopLimit - 1, limits.hopLimit)
        var isRepeated = false
        if let last = destination.forwarded, last.number >= request.number {
            let isRecent = last.at + limits.forwardInterval > now
            // One that comes farther is not the same.
            if isRecent, last.hopLimit >= hopLimit { return }
            // An answer takes its time.
            isRepeated = last.at + limits.answerPatience <= now && last.at + limits.repeatInterval > now
        }
        guard let next = nextLink(for: slot, besides: link) else { return }
        destinations[slot].forwarded = .init(number: request.number, hopLimit: hopLimit, at: now)
        var passed = numberRequest(request.destination, request.number, hopLimit: hopLimit)
        if passed.proof == nil { passed.proof = request.proof }
        if isRepeated { queue(passed, toAllOf: slot, besides: link) } else { queue(passed, to: next) }
    }

    /// Whether the destination would answer: it is asked for the number after one that it has signed.
    ///
    /// Other requests are nobody's need. Passed on, they would stand in the way of those that are.
    private mutating func isAnswerable(_ request: NumberRequest) -> Bool {
        if let known = newestProof(of: request.destination), request.number <= known.number + 1 {
            return true
        }
        guard let proof = request.proof, proof.destination == request.destination,
            proof.number + 1 >= request.number
        else { return false }
        return (try? proofs.verified(proof)) != nil
    }

    /// Where a request comes closer to the destination: the next hop, or else another neighbour that has a route.
    private func nextLink(for slot: Int, besides link: Int) -> Int? {
        let primary = destinations[slot].primary
        if primary >= 0, primary != link { return primary }
        return bestPlace(of: slot, besides: link).map { destinations[slot].entries[$0].link }
    }

    /// The best of the routes that are kept, but for that over one link.
    private func bestPlace(of slot: Int, besides link: Int) -> Int? {
        var best: Int?
        for place in destinations[slot].entries.indices where destinations[slot].entries[place].link != link {
            if let other = best, !precedes(place, other, of: slot) { continue }
            best = place
        }
        return best
    }
}
