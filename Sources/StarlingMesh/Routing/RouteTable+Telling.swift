package import StarlingCore

// What goes onto the streams to the neighbours.
extension RouteTable {
    /// The next frame for a neighbour, or `nil` when there is nothing for now.
    ///
    /// It counts as told: when it is not written, the stream ends, and ``outgoingReset(_:now:wallNow:)`` says so.
    ///
    /// - Parameter isSentAnyway: Whether something else goes in a frame to the neighbour now: a digest goes along.
    package mutating func nextFrame(
        for peer: PeerID,
        isSentAnyway: Bool = false,
        now: Instant
    ) -> RouteFrame? {
        guard let link = linkIndex[peer], links[link].isUp else { return nil }
        var frame = RouteFrame()
        let countMax = RouteFrame.Limits().requestCountMax
        frame.routeRequests = Array(links[link].routeRequests.prefix(countMax))
        links[link].routeRequests.removeFirst(frame.routeRequests.count)
        frame.numberRequests = Array(links[link].numberRequests.prefix(countMax))
        links[link].numberRequests.removeFirst(frame.numberRequests.count)
        // What is sent anyway takes along what is new.
        let isDigestLate = links[link].digestDueAt.map { $0 <= now } ?? false
        if links[link].tellAt <= now || !frame.isEmpty || isDigestLate {
            addUpdates(to: &frame, for: link)
            if isSentAnyway || isDigestLate || !frame.isEmpty {
                links[link].tellRenewed()
                if links[link].digestDueAt != nil { links[link].tellNumbered(limits, now: now) }
                addUpdates(to: &frame, for: link)
            }
            tellWrite(now: now)
            if links[link].dirty.isEmpty, !frame.updates.isEmpty { links[link].didTell(limits, now: now) }
        } else if let due = links[link].updatesDueAt, due <= now {
            frame.updates = urgentUpdates(for: link)
            tellWrite(now: now)
            links[link].urgentAt = now + limits.tellIntervalMin
        }
        // The digest is about all that was told: what waits would make it a lie.
        if links[link].digestDueAt != nil, links[link].dirty.isEmpty,
            isDigestLate || isSentAnyway || !frame.isEmpty
        {
            frame.digest = links[link].toldDigest
            links[link].digestDueAt = nil
        }
        guard frame.isEmpty else { return frame }
        links[link].isTransmitTold = false
        return nil
    }

    /// Adds updates of as many destinations as a frame takes.
    private mutating func addUpdates(to frame: inout RouteFrame, for link: Int) {
        let countMax = RouteFrame.Limits().updateCountMax
        while frame.updates.count < countMax, let slot = links[link].dirty.popFirst() {
            links[link].urgent.remove(slot)
            guard let update = update(of: slot, for: link) else { continue }
            links[link].toldDigest.add(update)
            frame.updates.append(update)
        }
    }

    /// What is urgent of as many destinations as a frame takes: a route that is there again meanwhile is not, unless it is asked for.
    private mutating func urgentUpdates(for link: Int) -> [RouteUpdate] {
        var updates: [RouteUpdate] = []
        let countMax = RouteFrame.Limits().updateCountMax
        while updates.count < countMax, let slot = links[link].urgent.popFirst() {
            guard destinations[slot].advert == nil || links[link].isAsking(for: slot),
                let update = update(of: slot, for: link)
            else { continue }
            links[link].dirty.remove(slot)
            links[link].toldDigest.add(update)
            updates.append(update)
        }
        return updates
    }

    /// What a neighbour is to be told of a destination, which counts as told.
    private mutating func update(of slot: Int, for link: Int) -> RouteUpdate? {
        if let advert = destinations[slot].advert {
            // What a neighbour over which messages go was told before stands: it is farther than what that neighbour tells, and
            // not feasible to it.
            guard !destinations[slot].isActive(link),
                links[link].told.contains(slot) || isOfUse(advert, of: slot, to: link)
            else { return nil }
            // Once its distance is on the disk, it is looked at again.
            guard isDurable(slot) else {
                promise(slot)
                return nil
            }
            guard !links[link].current.contains(slot) else { return nil }
            links[link].told.insert(slot)
            links[link].current.insert(slot)
            links[link].renewed.remove(slot)
            links[link].numbered.remove(slot)
            links[link].isAnswered(slot, advert.proof.number)
            guard !links[link].proven.contains(slot) else {
                return RouteUpdate(advert.way, to: destinations[slot].id)
            }
            links[link].proven.insert(slot)
            return RouteUpdate(advert.way, proof: advert.proof)
        }
        guard links[link].told.contains(slot) else { return nil }
        links[link].told.remove(slot)
        links[link].proven.remove(slot)
        links[link].current.remove(slot)
        return RouteUpdate(withdrawing: destinations[slot].id)
    }

    /// Whether a neighbour might use a route that it was not told.
    ///
    /// While it tells one itself that is not farther, no other of that number is feasible to it: its own feasibility
    /// distance is no worse than what it tells.
    private func isOfUse(_ advert: RouteAdvert, of slot: Int, to link: Int) -> Bool {
        guard let place = destinations[slot].entry(of: link),
            let number = destinations[slot].entries[place].proof?.number
        else { return true }
        return advert.proof.number > number
            || advert.way.metric < destinations[slot].entries[place].way.metric
    }

    /// Whether what is told of a destination would be remembered after a crash.
    private func isDurable(_ slot: Int) -> Bool {
        guard slot != Self.ownSlot else { return true }
        guard let advert = destinations[slot].advert, let durable = destinations[slot].durable else {
            return false
        }
        return !advert.distance.isBetter(than: durable)
    }

    /// Answers a neighbour that asked for a route, with its proof, if it may know it.
    mutating func answer(_ slot: Int, to link: Int) {
        tellAgain(slot, to: link)
        links[link].asks(for: slot, 0)
        links[link].urgent.insert(slot)
    }

    private mutating func tellAgain(_ slot: Int, to link: Int) {
        links[link].proven.remove(slot)
        links[link].current.remove(slot)
        links[link].dirty.insert(slot)
    }

    /// Has a neighbour told all that there is, with the proofs.
    mutating func tellEverything(to link: Int) {
        for slot in destinations.indices where destinations[slot].advert != nil { tellAgain(slot, to: link) }
    }

    // MARK: Requests

    mutating func queue(_ request: RouteRequest, to link: Int) {
        guard links[link].routeRequests.count < limits.requestCountMax,
            !links[link].routeRequests.contains(request)
        else { return }
        links[link].routeRequests.append(request)
    }

    mutating func queue(_ request: NumberRequest, to link: Int) {
        guard links[link].numberRequests.count < limits.requestCountMax,
            !links[link].numberRequests.contains(request)
        else { return }
        links[link].numberRequests.append(request)
    }
}
