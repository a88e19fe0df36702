internal import StarlingCore
internal import StarlingCrypto

/// Questions to neighbours, by this node and through others.
extension Liveness {
    /// A question that has no answer yet.
    struct Probe: Sendable {
        var number: UInt32
        var member: Int
        /// -1 when the link broke, so that only others can ask.
        var link: Int
        var sent: Instant
        var deadline: Instant
        /// Whether others have been asked to ask.
        var isIndirect = false
        var askedCount = 0
        /// Those of them who have answered anything.
        var reportCount = 0
        /// Whether one of them has reached it: what is still asked is whether its link carries anything.
        var isReached = false
        /// Whether it is to be asked about the neighbour once this has no answer.
        var isAskedAnew = false
    }

    /// A question on a neighbour's behalf.
    struct Errand: Sendable {
        var asker: Int
        var number: UInt32
        var member: Int
        var deadline: Instant
    }

    // MARK: Asking

    /// Asks a neighbour, unless it is being asked.
    ///
    /// Where others have reached it and its link is all that is still asked about, it is asked anew after that: who wants to know may
    /// know more, and each question has its time.
    mutating func probe(_ link: Int) {
        let slot = links[link].member
        if let place = probes.firstIndex(where: { $0.member == slot }) {
            if probes[place].isIndirect {
                probes[place].isAskedAnew = probes[place].isReached
            } else {
                // What has just begun for the link alone is about the neighbour from here on.
                probes[place].isReached = false
            }
            return
        }
        let number = nextProbeNumber()
        probes.append(
            Probe(number: number, member: slot, link: link, sent: now, deadline: now + timeout(link))
        )
        links[link].asked = now
        links[link].outgoing.probe = number
        links[link].isDue = true
    }

    /// Asks others about a member whose link broke.
    mutating func askOthers(about slot: Int) {
        let probe = Probe(number: nextProbeNumber(), member: slot, link: -1, sent: now, deadline: now)
        probes.append(probe)
        goIndirect(probes.count - 1)
    }

    private mutating func goIndirect(_ place: Int) {
        // Of its link alone they know nothing.
        var others =
            probes[place].isReached ? [] : links.indices.filter { links[$0].isUp && $0 != probes[place].link }
        others.shuffle(using: &draws)
        let request = LivenessFrame.Request(probes[place].number, members[probes[place].member].peer)
        for other in others.prefix(limits.requestCountMax) {
            guard links[other].outgoing.requests.count < limits.frame.requestCountMax else { continue }
            links[other].outgoing.requests.append(request)
            links[other].isDue = true
            probes[place].askedCount += 1
        }
        // The neighbour once more, too: what was lost may have been one frame.
        if probes[place].link >= 0 {
            links[probes[place].link].outgoing.probe = probes[place].number
            links[probes[place].link].isDue = true
        }
        probes[place].isIndirect = true
        probes[place].deadline = now + timeout(probes[place].link)
    }

    /// A number that nobody knows who has seen the ones before: whoever answered it ahead of the question would look nearer than
    /// it is.
    private mutating func nextProbeNumber() -> UInt32 {
        probeCount += 1
        var message: [UInt8] = []
        for word in [seed, probeCount] {
            for shift in stride(from: 0, to: 64, by: 8) {
                message.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        let number = SHA256.hash(message).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
        return max(1, number)
    }

    /// How long one leg of a probe takes at most.
    private func timeout(_ link: Int) -> Duration {
        var patience = limits.probeTimeout
        if link >= 0, let roundTrip = links[link].roundTrip {
            // As TCP's retransmission timer (RFC 6298).
            patience = max(patience, roundTrip + links[link].variation * 4)
        }
        return min(patience, limits.probeTimeoutMax) * (score + 1)
    }

    // MARK: Time

    mutating func advanceProbes() {
        var place = 0
        while place < probes.count {
            guard probes[place].deadline <= now else {
                place += 1
                continue
            }
            let probe = probes[place]
            if probe.link >= 0, links[probe.link].heard > probe.sent {
                probes.remove(at: place)
            } else if probe.isIndirect {
                probes.remove(at: place)
                fail(probe)
            } else {
                goIndirect(place)
                place += 1
            }
        }
        for errand in errands where errand.deadline <= now { report(errand, .silent) }
        errands.removeAll { $0.deadline <= now }
        guard let due = probeAt, due <= now else { return }
        probeAt = nil
        guard upLinks != 0 else { return }
        let interval = probeInterval
        probeAt = now + interval * (score + 1)
        if let link = quietestLink {
            let last = max(links[link].heard, links[link].asked)
            if last + interval <= now {
                if !probes.contains(where: { $0.member == links[link].member }) { probe(link) }
            } else {
                probeAt = max(now + interval / 4, last + interval)
            }
        }
    }

    private var probeInterval: Duration {
        let doublings = upLinks.nonzeroBitCount / limits.probeIntervalLinkCount
        return limits.probeInterval * (1 << min(doublings, limits.probeIntervalDoublingMax))
    }

    /// The neighbour that has neither spoken nor been asked for longest.
    private var quietestLink: Int? {
        var quietest: (link: Int, since: Instant)?
        for link in links.indices where links[link].isUp {
            let since = max(links[link].heard, links[link].asked)
            if let quietest, quietest.since <= since { continue }
            quietest = (link, since)
        }
        return quietest?.link
    }

    private mutating func fail(_ probe: Probe) {
        if probe.link >= 0 {
            links[probe.link].lateProbe = (probe.number, probe.sent)
            if miss(probe.member) { askAgain(probe.link) }
            if probe.isAskedAnew { self.probe(probe.link) }
        }
        guard !probe.isReached else { return }
        if members[probe.member].state == .alive {
            // With hardly an answer from those who were asked to ask, the fault may be here.
            if probe.reportCount * 2 <= probe.askedCount { worsen() }
        }
        accuseSilent(probe.member)
    }

    /// Timers came late: this node had no processor, and answers may be waiting for it to read them.
    mutating func putOff(until moment: Instant) {
        worsen()
        for place in probes.indices { probes[place].deadline = max(probes[place].deadline, moment) }
        for place in errands.indices { errands[place].deadline = max(errands[place].deadline, moment) }
        suspicions.putOff(until: moment)
    }

    mutating func worsen() { score = min(limits.scoreMax, score + 1) }

    // MARK: Silence

    /// A neighbour has not answered in time: the second time in a row it counts as silent, for one answer may be late.
    ///
    /// - Returns: Whether it is to be asked once more.
    private mutating func miss(_ slot: Int) -> Bool {
        guard members[slot].hasMissed else {
            members[slot].hasMissed = true
            return true
        }
        noteSilence(slot)
        return false
    }

    /// Asks a neighbour at once whether its link carries anything; nobody is accused by that.
    private mutating func askAgain(_ link: Int) {
        probe(link)
        let slot = links[link].member
        if let place = probes.lastIndex(where: { $0.member == slot }) { probes[place].isReached = true }
    }

    /// A neighbour answers nothing over its link, whatever others say of it.
    mutating func noteSilence(_ slot: Int) {
        members[slot].isSilent = true
        actions.append(.suspected(members[slot].peer, members[slot].isGone ? .dead : .silent))
    }

    /// Something came from it.
    mutating func acquit(_ slot: Int) {
        members[slot].hasMissed = false
        guard members[slot].isSilent else { return }
        members[slot].isSilent = false
        actions.append(.suspected(members[slot].peer, .none))
    }

    // MARK: Answers

    /// Something came from a neighbour.
    mutating func noteLife(_ link: Int) {
        links[link].heard = now
        guard errands.contains(where: { $0.member == links[link].member }) else { return }
        let done = errands.filter { $0.member == links[link].member }
        errands.removeAll { $0.member == links[link].member }
        for errand in done { report(errand, .reached) }
    }

    mutating func take(ack: UInt32, _ link: Int) {
        if let late = links[link].lateProbe, late.number == ack {
            links[link].lateProbe = nil
            return measure(link, since: late.sent)
        }
        guard let place = probes.firstIndex(where: { $0.number == ack && $0.link == link }) else { return }
        measure(link, since: probes[place].sent)
        probes.remove(at: place)
        score = max(0, score - 1)
    }

    private mutating func measure(_ link: Int, since sent: Instant) {
        let sample = sent.duration(to: now)
        actions.append(.measured(members[links[link].member].peer, sample))
        guard let smoothed = links[link].roundTrip else {
            links[link].roundTrip = sample
            links[link].variation = sample / 2
            return
        }
        let difference = sample > smoothed ? sample - smoothed : smoothed - sample
        links[link].variation = (links[link].variation * 3 + difference) / 4
        links[link].roundTrip = (smoothed * 7 + sample) / 8
    }

    mutating func take(_ report: LivenessFrame.Report, _ link: Int) {
        guard let place = probes.firstIndex(where: { $0.number == report.number && $0.isIndirect }) else {
            return
        }
        switch report.finding {
        // Without a link nothing else is asked.
        case .reached where probes[place].link < 0: probes.remove(at: place)
        case .reached: probes[place].isReached = true
        case .silent, .unable: probes[place].reportCount += 1
        }
    }

    // MARK: Errands

    mutating func take(_ request: LivenessFrame.Request, _ link: Int) {
        guard let slot = slot(of: request.peer), members[slot].link >= 0, Int(members[slot].link) != link,
            errands.count(where: { $0.asker == link }) < limits.neighbourErrandCountMax
        else { return answer(link, LivenessFrame.Report(request.number, .unable)) }
        // Sooner than the asker's own patience ends.
        let deadline = now + limits.probeTimeout * 4 / 5
        errands.append(Errand(asker: link, number: request.number, member: slot, deadline: deadline))
        probe(Int(members[slot].link))
    }

    private mutating func report(_ errand: Errand, _ finding: LivenessFrame.Finding) {
        answer(errand.asker, LivenessFrame.Report(errand.number, finding))
    }

    private mutating func answer(_ link: Int, _ report: LivenessFrame.Report) {
        guard links[link].outgoing.reports.count < limits.frame.requestCountMax else { return }
        links[link].outgoing.reports.append(report)
        links[link].isDue = true
    }
}
