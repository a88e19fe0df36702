package import StarlingCore

/// A member of the mesh, as this node knows it.
package struct LivenessMember: Equatable, Sendable {
    package var peer: PeerID
    package var state: LivenessClaim.State
    package var incarnation: UInt64
    /// When it was last heard to be there: it raised its incarnation.
    package var renewed: Instant
    /// Since when it has this state here.
    package var since: Instant
    /// How long it had been running when it raised its incarnation, by its own word.
    package var uptimeSeconds: UInt32
    /// How much it can carry for others, by its own word.
    package var capacity: UInt16
    /// Whether there is a link to it.
    package var isNeighbour: Bool

    /// How long it has been running, by its own word.
    package func uptime(at now: Instant) -> Duration {
        .seconds(Int64(uptimeSeconds)) + max(.zero, renewed.duration(to: now))
    }
}

extension Liveness {
    /// A row of the table of members.
    struct Member: Sendable {
        var peer: PeerID
        var isPresent = true
        var state = LivenessClaim.State.alive
        /// 0 for a neighbour that has not introduced itself yet.
        var incarnation: UInt64
        var renewed: Instant
        var since: Instant
        /// When it got its place here.
        var met: Instant
        var uptimeSeconds: UInt32 = 0
        var capacity: UInt16 = 0
        /// Its link; -1 when it is no neighbour.
        var link: Int8 = -1
        /// The link that has told of it first; -1 when that is gone, or when it introduced itself.
        var introducer: Int8 = -1
        var accusers: [PeerID] = []
        /// Whether this node has asked in vain over its link, and nothing has come from it since; it outlives the link.
        var isSilent = false
        /// Whether the last question over its link had no answer, and nothing has come from it since.
        var hasMissed = false

        // As news:
        /// The links that know, a bit for each.
        var told: UInt64 = 0
        /// How often it is still to be told.
        var tellings: UInt16 = 0
        /// Whether it is among the news.
        var isNews = false
        var haste = Haste.lazy
        /// Whether all neighbours have been told once: no frame is made for it alone.
        var isRepeated = false

        /// Whether it is worth a place in the table only until something else needs it.
        var isGone: Bool { state >= .dead }
    }

    /// A member by its number.
    func report(_ slot: Int) -> LivenessMember {
        let member = members[slot]
        return LivenessMember(
            peer: member.peer,
            state: member.state,
            incarnation: member.incarnation,
            renewed: member.renewed,
            since: member.since,
            uptimeSeconds: member.uptimeSeconds,
            capacity: member.capacity,
            isNeighbour: member.link >= 0
        )
    }

    /// What this node says of a member.
    func claim(_ slot: Int) -> LivenessClaim {
        // Part by part: most of what is said goes through here, and a copy of the row counts references.
        let (state, incarnation) = (members[slot].state, members[slot].incarnation)
        var claim = LivenessClaim(members[slot].peer, state, incarnation: incarnation)
        let age = members[slot].renewed.duration(to: now).milliseconds / 1000
        claim.ageSeconds = UInt32(clamping: age)
        claim.uptimeSeconds = members[slot].uptimeSeconds
        claim.capacity = members[slot].capacity
        if state == .suspect { claim.accusers = members[slot].accusers }
        if incarnation > limits.unprovenStepMax { claim.proof = proofs[slot] ?? [] }
        return claim
    }

    // MARK: Places

    /// The place of a member, where it is known.
    func slot(of peer: PeerID) -> Int? {
        index.place(of: peer) { members[$0].peer == peer }
    }

    /// Puts a member into the table.
    mutating func insert(_ member: Member) -> Int {
        let slot: Int
        if let vacant = vacant.popLast() {
            slot = vacant
            members[slot] = member
        } else {
            slot = members.count
            members.append(member)
        }
        index.insert(slot, of: member.peer)
        if slot > 0 { young.append(slot) }
        return slot
    }

    /// Forgets a member that has no link.
    mutating func remove(_ slot: Int) {
        acquit(slot)
        let member = members[slot]
        young.removeAll { $0 == slot }
        if member.isGone { goneCount -= 1 }
        suspicions.remove(slot)
        probes.removeAll { $0.member == slot }
        errands.removeAll { $0.member == slot }
        if member.isNews { news.removeAll { $0 == slot } }
        proofs[slot] = nil
        index.remove(slot, of: member.peer)
        members[slot].isPresent = false
        members[slot].isNews = false
        members[slot].accusers = []
        vacant.append(slot)
        actions.append(.forgot(member.peer))
    }

    /// Makes room for one more member.
    ///
    /// In a full table those who have been dead for a while give way, the longest dead first. Whoever lives and has been
    /// here for a while stays. Of those who came since then, a neighbour gives up the last one that it told of, if it told
    /// of more than the other: who invents members displaces those.
    ///
    /// - Parameter link: Who tells of the member; -1 for a neighbour, which always gets its place.
    mutating func makeRoom(for link: Int) -> Bool {
        guard index.count >= limits.memberCountMax else { return true }
        if let dead = longestDead() {
            remove(dead)
        } else if let young = lastOfTheLoudest(for: link) {
            remove(young)
        } else if link < 0, let any = members.indices.last(where: { canGo($0) }) {
            remove(any)
        } else {
            return false
        }
        return true
    }

    private func canGo(_ slot: Int) -> Bool {
        slot > 0 && members[slot].isPresent && members[slot].link < 0
    }

    private mutating func longestDead() -> Int? {
        guard goneCount > 0, ripeAt <= now else { return nil }
        let gone = members.indices.filter { canGo($0) && members[$0].isGone }
        guard let longest = gone.min(by: { members[$0].since < members[$1].since }) else { return nil }
        // Until then nobody need look again.
        ripeAt = members[longest].since + limits.deadDurationMin
        return ripeAt <= now ? longest : nil
    }

    private mutating func lastOfTheLoudest(for link: Int) -> Int? {
        // In a mesh of more members than have room most news are of such: they are refused by a count that is a little old.
        let isOld = youngCountedAt.map { $0 + limits.gossipInterval <= now } ?? true
        if isOld || youngCounts.count != links.count + 1 { countYoung() }
        guard loudest(besides: link) != nil else { return nil }
        countYoung()
        guard let most = loudest(besides: link) else { return nil }
        return young.last { youngCounts[introducer($0)] == most }
    }

    /// Counts those who came of late by who has told of them; those whose neighbour is gone are counted at the end.
    private mutating func countYoung() {
        let established = now - limits.youthDuration
        young.removeAll { members[$0].met <= established || members[$0].link >= 0 }
        youngCounts = [Int](repeating: 0, count: links.count + 1)
        for slot in young { youngCounts[introducer(slot)] += 1 }
        youngCountedAt = now
    }

    /// The most that one has told of, if that is more than the other told of.
    private func loudest(besides link: Int) -> Int? {
        guard let most = youngCounts.max(), most > 0, link < 0 || most > youngCounts[link] + 1 else {
            return nil
        }
        return most
    }

    private func introducer(_ slot: Int) -> Int {
        members[slot].introducer < 0 ? links.count : Int(members[slot].introducer)
    }

    /// Forgets the dead after their time, and takes for dead who has not renewed itself.
    mutating func sweep() {
        for slot in members.indices.dropFirst() {
            guard members[slot].isPresent, members[slot].link < 0 else { continue }
            if members[slot].isGone {
                if members[slot].since + limits.deadDuration <= now { remove(slot) }
            } else if members[slot].state == .alive, members[slot].renewed + limits.silenceMax <= now {
                // Everybody comes to this by itself: it is no news.
                become(.dead, slot)
            }
        }
    }
}
