internal import StarlingCore

/// What becomes of what neighbours say of members.
extension Liveness {
    mutating func take(_ claim: LivenessClaim, _ link: Int) {
        guard let slot = slot(of: claim.peer) else { return meet(claim, link) }
        if slot == 0 { return contradict(claim, link) }
        let member = members[slot]
        let isOwnWord = member.link == link
        var claim = claim
        // That it goes a neighbour says itself.
        if claim.state == .left, member.link >= 0, !isOwnWord, member.state != .left { claim.state = .dead }
        if claim.state >= .dead, member.link >= 0, !isOwnWord, !member.isGone, !hasAccused(slot) {
            // The link is there, and nothing was asked over it in vain.
            claim.state = .suspect
            claim.accusers = []
            probe(Int(member.link))
        }
        guard claim.overrides(member.state, member.incarnation) else { return compare(claim, slot, link) }
        // Who contradicts is heard, however much it has brought before.
        let isContradiction = isOwnWord && claim.state == .alive && member.state != .alive
        let isFree = isContradiction && !links[link].hasForged
        guard isFree || spendNews(link) else { return }
        guard isCredible(claim, over: member.incarnation, slot) else {
            // No proof of its own that a neighbour tells does not hold: the next ones count as news.
            if isOwnWord { links[link].hasForged = true }
            return
        }
        links[link].noteKnown(slot, memberCount: members.count)
        if claim.incarnation > member.incarnation {
            renew(slot, claim)
            // Who chooses neighbours by them hears of it, also where its state is the same.
            if claim.state == member.state, ranksOtherwise(slot, than: member) {
                actions.append(.changed(report(slot)))
            }
        }
        let wasAccused = members[slot].state != .alive
        become(claim.state, slot)
        if claim.state == .suspect {
            accuse(slot, claim.accusers)
            if member.link >= 0, !isOwnWord { probe(Int(member.link)) }
        }
        tell(slot, from: link, claim.state != .alive || wasAccused ? .urgent : .lazy)
    }

    /// A claim that says nothing new of a member.
    private mutating func compare(_ claim: LivenessClaim, _ slot: Int, _ link: Int) {
        guard claim.incarnation == members[slot].incarnation, claim.state == members[slot].state else {
            // The neighbour is behind.
            return tellAgain(slot, link)
        }
        members[slot].told |= 1 << UInt64(link)
        links[link].noteKnown(slot, memberCount: members.count)
        guard claim.state == .suspect else { return }
        let before = members[slot].accusers.count
        guard claim.accusers.contains(where: { isAccuser($0, of: slot) }), spendNews(link) else { return }
        accuse(slot, claim.accusers)
        if members[slot].accusers.count > before { tell(slot, from: link, .urgent) }
    }

    /// A claim about a member that is not known.
    private mutating func meet(_ claim: LivenessClaim, _ link: Int) {
        // Whom nobody here knows need not be buried; and what is too old is not worth a place.
        guard claim.state < .dead, Duration.seconds(Int64(claim.ageSeconds)) < limits.silenceMax else {
            return
        }
        guard spendNews(link), isCredible(claim, over: 0, nil), makeRoom(for: link) else { return }
        var member = Member(peer: claim.peer, incarnation: 0, renewed: now, since: now, met: now)
        member.introducer = Int8(link)
        let slot = insert(member)
        links[link].noteKnown(slot, memberCount: members.count)
        renew(slot, claim)
        if claim.incarnation > limits.unprovenStepMax { proofs[slot] = claim.proof }
        if claim.state == .suspect {
            become(.suspect, slot)
            accuse(slot, claim.accusers)
        } else {
            actions.append(.changed(report(slot)))
        }
        tell(slot, from: link, claim.state == .suspect ? .urgent : .prompt)
    }

    /// A claim about this node: whatever is wrong in it is answered with a higher incarnation.
    private mutating func contradict(_ claim: LivenessClaim, _ link: Int) {
        guard members[0].state == .alive, claim.overrides(.alive, members[0].incarnation) else {
            if claim.incarnation == members[0].incarnation {
                members[0].told |= 1 << UInt64(link)
            } else if claim.incarnation < members[0].incarnation {
                tellAgain(0, link)
            }
            return
        }
        guard spendNews(link), isCredible(claim, over: members[0].incarnation, 0),
            claim.incarnation < LivenessClaim.incarnationMax
        else { return }
        // Somebody has waited in vain; an earlier run of this node does not count.
        if claim.incarnation == members[0].incarnation, claim.state != .left { takeToHeart() }
        raise(to: claim.incarnation + 1, .urgent)
    }

    /// This node was accused of silence.
    ///
    /// Only now and then does it think the worse of itself for that: who accuses it without end, and without reason, would
    /// have it ask nobody any more.
    private mutating func takeToHeart() {
        guard heededAt.map({ $0 + limits.accusationPause <= now }) ?? true else { return }
        heededAt = now
        worsen()
    }

    // MARK: Belief

    /// Whether a member's incarnation may have risen so far.
    ///
    /// Without this a forger would use up the numbers, and leave the member none to answer with.
    private mutating func isCredible(_ claim: LivenessClaim, over known: UInt64, _ slot: Int?) -> Bool {
        guard claim.incarnation > limits.unprovenStepMax else { return true }
        if claim.isProven {
            if let slot, slot > 0 { proofs[slot] = claim.proof }
            return true
        }
        guard known > 0, claim.incarnation - known <= limits.unprovenStepMax else { return false }
        if let slot, slot > 0, claim.incarnation > known { proofs[slot] = nil }
        return true
    }

    /// Takes one piece of news out of what a neighbour may bring.
    private mutating func spendNews(_ link: Int) -> Bool {
        guard newsAllowances.take(members[links[link].member].peer, now: now) else {
            refusedNewsCount += 1
            links[link].hasMissed = true
            links[link].lastMiss = now
            return false
        }
        return true
    }

    /// Whether a member can carry more or less than was known, or has started at another time.
    private func ranksOtherwise(_ slot: Int, than before: Member) -> Bool {
        guard members[slot].capacity == before.capacity else { return true }
        let start = members[slot].renewed - .seconds(Int64(members[slot].uptimeSeconds))
        let startBefore = before.renewed - .seconds(Int64(before.uptimeSeconds))
        // Claims tell whole seconds.
        return max(start, startBefore) - .seconds(2) > min(start, startBefore)
    }

    private mutating func renew(_ slot: Int, _ claim: LivenessClaim) {
        members[slot].incarnation = claim.incarnation
        members[slot].renewed = now - .seconds(Int64(claim.ageSeconds))
        members[slot].uptimeSeconds = claim.uptimeSeconds
        members[slot].capacity = claim.capacity
    }

    /// Gives a member a state, and tells the driver when it is another one.
    mutating func become(_ state: LivenessClaim.State, _ slot: Int) {
        let before = members[slot].state
        if before == .suspect {
            suspicions.remove(slot)
            members[slot].accusers = []
        }
        let wasGone = members[slot].isGone
        if wasGone { goneCount -= 1 }
        members[slot].state = state
        if members[slot].isGone { goneCount += 1 }
        if members[slot].isGone != wasGone, members[slot].isSilent, members[slot].link >= 0 {
            noteSilence(slot)
        }
        if state == .suspect {
            members[slot].since = now
            suspicions.set(slot, to: now + suspicionDuration(0))
        }
        guard before != state else { return }
        members[slot].since = now
        actions.append(.changed(report(slot)))
    }

    // MARK: Suspicion

    /// Whether this peer's word against a member would count: it is alive, and has not been heard yet.
    private func isAccuser(_ peer: PeerID, of slot: Int) -> Bool {
        guard let accuser = self.slot(of: peer), accuser != slot, members[accuser].state == .alive else {
            return false
        }
        return members[slot].accusers.count < LivenessClaim.accuserCountMax
            && !members[slot].accusers.contains(peer)
    }

    /// Whether this node itself has asked a suspect in vain.
    private func hasAccused(_ slot: Int) -> Bool { members[slot].accusers.contains(own) }

    /// Adds accusers to a suspect, whose time gets shorter.
    private mutating func accuse(_ slot: Int, _ accusers: [PeerID]) {
        var hasMore = false
        for accuser in accusers where isAccuser(accuser, of: slot) {
            members[slot].accusers.append(accuser)
            hasMore = true
        }
        guard hasMore else { return }
        let confirmationCount = members[slot].accusers.count - 1
        suspicions.set(slot, to: members[slot].since + suspicionDuration(confirmationCount))
    }

    /// A neighbour does not answer.
    ///
    /// One that has not introduced itself has no incarnation to be accused at, and nobody who would miss it.
    mutating func accuseSilent(_ slot: Int) {
        guard members[slot].incarnation > 0 else { return }
        switch members[slot].state {
        case .alive:
            become(.suspect, slot)
            accuse(slot, [own])
            tell(slot, from: -1, .urgent)
        case .suspect:
            guard isAccuser(own, of: slot) else { return }
            accuse(slot, [own])
            tell(slot, from: -1, .urgent)
        case .dead, .left: break
        }
    }

    /// A suspect's time is over.
    mutating func expireSuspicion(_ slot: Int) {
        let member = members[slot]
        if member.link >= 0, links[Int(member.link)].heard > member.since {
            // It is alive, and has not understood yet that it is accused.
            suspicions.set(slot, to: now + suspicionDuration(0))
            links[Int(member.link)].isDue = true
            return
        }
        become(.dead, slot)
        tell(slot, from: -1, .urgent)
    }

    /// How long a suspect has, with so many accusers beyond the first.
    ///
    /// Lifeguard: it falls with the logarithm of their number.
    func suspicionDuration(_ confirmationCount: Int) -> Duration {
        let least = max(limits.suspicionMin, limits.suspicionGrowth * Self.log10(livingCount))
        let most = least * limits.suspicionRatio
        guard confirmationCount > 0 else { return most }
        let share = Self.log10(confirmationCount + 1) / Self.log10(limits.confirmationCount + 1)
        return max(least, most - (most - least) * share)
    }

    /// The decimal logarithm of a positive number, straight between powers of two: within 0.03.
    static func log10(_ number: Int) -> Double {
        let exponent = Int.bitWidth - 1 - max(1, number).leadingZeroBitCount
        return (Double(exponent) + Double(max(1, number)) / Double(1 << exponent) - 1) * 0.30103
    }
}
