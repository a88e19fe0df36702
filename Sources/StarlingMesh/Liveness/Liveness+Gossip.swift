internal import StarlingCore

/// How news go from neighbour to neighbour.
extension Liveness {
    /// One neighbour.
    struct Link: Sendable {
        var isUp = false
        var member = -1
        /// When something last came from it.
        var heard: Instant
        /// When it was last asked.
        var asked: Instant
        /// How long answers take, and by how much that differs, both smoothed.
        var roundTrip: Duration?
        var variation: Duration = .zero
        /// A probe that was given up: its answer may still tell how slow the neighbour is.
        var lateProbe: (number: UInt32, sent: Instant)?
        /// The next member of the table that it is told; past the end when it knows all.
        var nextMember = 0
        /// Which members it has told of itself meanwhile, a bit for each; empty when it knows all.
        var knownMembers: [UInt64] = []
        /// When it was last told all of the table.
        var lastTable: Instant
        /// Whether news of it were not taken, and when last.
        var hasMissed = false
        var lastMiss: Instant
        /// Whether it has told a proof of its own that does not hold.
        var hasForged = false
        /// Members of whom it said something that is out of date.
        var corrections: [Int] = []
        /// Answers and questions for the next frame.
        var outgoing = LivenessFrame()
        /// Whether it is to get a frame.
        var isDue = false

        init(_ now: Instant) { (heard, asked, lastTable, lastMiss) = (now, now, now, now) }

        /// It knows this member: the table need not say so again.
        mutating func noteKnown(_ slot: Int, memberCount: Int) {
            guard nextMember < memberCount, slot >= nextMember else { return }
            while knownMembers.count <= slot / 64 { knownMembers.append(0) }
            knownMembers[slot / 64] |= 1 << UInt64(slot % 64)
        }

        func knows(_ slot: Int) -> Bool {
            slot / 64 < knownMembers.count && knownMembers[slot / 64] & 1 << UInt64(slot % 64) != 0
        }
    }

    /// How soon news are told; what is more urgent goes first.
    enum Haste: UInt8, Comparable, Sendable {
        /// Somebody is accused, or not any more: at once, and again.
        case urgent = 0
        /// Somebody is new: at once.
        case prompt = 1
        /// Somebody is still there: with the next frame that goes out anyway, or in a while.
        case lazy = 2

        static func < (one: Haste, other: Haste) -> Bool { one.rawValue < other.rawValue }
    }

    // MARK: Links

    mutating func openLink(_ peer: PeerID) -> Int? {
        let link: Int
        if let vacant = links.firstIndex(where: { !$0.isUp }) {
            link = vacant
        } else if links.count < min(limits.linkCountMax, UInt64.bitWidth) {
            link = links.count
            links.append(Link(now))
        } else {
            return nil
        }
        let slot: Int
        if let known = self.slot(of: peer) {
            slot = known
        } else {
            guard makeRoom(for: -1) else { return nil }
            slot = insert(Member(peer: peer, incarnation: 0, renewed: now, since: now, met: now))
            actions.append(.changed(report(slot)))
        }
        probes.removeAll { $0.member == slot }
        members[slot].link = Int8(link)
        // What was asked over the last one says nothing of this one.
        acquit(slot)
        newsAllowances.came(peer, now: now)
        var fresh = Link(now)
        (fresh.isUp, fresh.member) = (true, slot)
        links[link] = fresh
        upLinks |= 1 << UInt64(link)
        for slot in news { members[slot].told &= ~(1 << UInt64(link)) }
        return link
    }

    mutating func closeLink(_ link: Int) {
        let slot = links[link].member
        upLinks &= ~(1 << UInt64(link))
        probes.removeAll { $0.link == link }
        errands.removeAll { $0.asker == link || $0.member == slot }
        for other in young where members[other].introducer == Int8(link) { members[other].introducer = -1 }
        links[link] = Link(now)
        newsAllowances.left(members[slot].peer)
        members[slot].link = -1
        // It never introduced itself.
        if members[slot].incarnation == 0 { remove(slot) }
    }

    // MARK: News

    /// Puts a member among the news.
    ///
    /// - Parameter link: Who told of it; -1 for nobody.
    mutating func tell(_ slot: Int, from link: Int, _ haste: Haste) {
        guard members[slot].incarnation > 0, upLinks != 0 else { return }
        var tellings = upLinks.nonzeroBitCount
        if haste == .urgent {
            let most = Double(limits.tellingsPerDecade) * Self.log10(livingCount + 1)
            tellings = max(tellings, Int(most.rounded(.up)))
        }
        members[slot].told = link >= 0 ? 1 << UInt64(link) : 0
        members[slot].tellings = UInt16(clamping: tellings)
        // News that take the place of more urgent ones are as urgent.
        members[slot].haste =
            members[slot].isNews && members[slot].haste < haste ? members[slot].haste : haste
        members[slot].isRepeated = false
        if !members[slot].isNews {
            members[slot].isNews = true
            news.append(slot)
        }
        if haste != .lazy {
            gossipSoon()
        } else if lazyAt == nil {
            lazyAt = now + limits.lazyInterval
        }
    }

    /// Tells one neighbour, which is behind, what is known of a member.
    ///
    /// The rest of the table is told anyway, but for what is known of the neighbour itself.
    mutating func tellAgain(_ slot: Int, _ link: Int) {
        guard slot < links[link].nextMember || slot == links[link].member,
            links[link].corrections.count < limits.frame.claimCountMax,
            !links[link].corrections.contains(slot)
        else { return }
        links[link].corrections.append(slot)
        gossipSoon()
    }

    /// Tells a neighbour the whole table once more, if the last time is a while ago.
    mutating func tellTable(_ link: Int) {
        guard links[link].lastTable + limits.tableInterval <= now else { return }
        links[link].lastTable = now
        links[link].nextMember = 0
        gossipSoon()
    }

    /// Asks those who brought too much, and have calmed down, for what was not taken.
    mutating func askForTables() {
        for link in links.indices where links[link].isUp && links[link].hasMissed {
            guard links[link].lastMiss + limits.tableInterval <= now else { continue }
            links[link].hasMissed = false
            links[link].outgoing.wantsTable = true
            links[link].isDue = true
        }
    }

    /// With nobody to tell there are no news.
    mutating func forgetNews() {
        for slot in news { members[slot].isNews = false }
        news = []
        (gossipAt, lazyAt) = (nil, nil)
    }

    private mutating func gossipSoon() {
        if gossipAt == nil { gossipAt = max(now, lastGossip + limits.gossipInterval) }
    }

    // MARK: Frames

    /// The end of every input: frames for those who are to get one.
    mutating func finish() {
        let isLazyDue = lazyAt.map { $0 <= now } ?? false
        if isLazyDue || gossipAt.map({ $0 <= now }) ?? false {
            gossipAt = nil
            if isLazyDue { lazyAt = nil }
            lastGossip = now
            let waiting = waitingLinks(forAll: isLazyDue)
            for link in links.indices where waiting & 1 << UInt64(link) != 0 { links[link].isDue = true }
        }
        var hasSent = false
        for link in links.indices where links[link].isDue {
            links[link].isDue = false
            guard links[link].isUp else { continue }
            let frame = nextFrame(link)
            guard !frame.isEmpty else { continue }
            actions.append(.send(frame, to: members[links[link].member].peer))
            hasSent = true
        }
        if hasSent { settleNews() }
        if gossipAt == nil, upLinks != 0, waitingLinks(forAll: false) != 0 { gossipSoon() }
    }

    /// The links to those who have not been told everything once, or everything that has haste.
    private func waitingLinks(forAll isLazyDue: Bool) -> UInt64 {
        var waiting: UInt64 = 0
        for slot in news where !members[slot].isRepeated && (isLazyDue || members[slot].haste != .lazy) {
            waiting |= ~members[slot].told
        }
        for link in links.indices where links[link].isUp {
            if links[link].nextMember < members.count || !links[link].corrections.isEmpty {
                waiting |= 1 << UInt64(link)
            }
        }
        return waiting & upLinks
    }

    /// What a neighbour gets: answers, what it is accused of, news, and the table as long as it does not know it.
    private mutating func nextFrame(_ link: Int) -> LivenessFrame {
        var frame = links[link].outgoing
        links[link].outgoing = LivenessFrame()
        let peer = links[link].member
        var claims: [LivenessClaim] = []
        // Lifeguard's buddy system: an accused neighbour is the first to hear of it. One that has come back hears what its last
        // run has left behind.
        if members[peer].state != .alive || links[link].corrections.contains(peer) {
            claims.append(claim(peer))
        }
        for slot in links[link].corrections where members[slot].isPresent && slot != peer {
            guard claims.count < limits.frame.claimCountMax else { break }
            claims.append(claim(slot))
        }
        links[link].corrections = []
        addNews(to: &claims, link)
        while claims.count < limits.frame.claimCountMax, links[link].nextMember < members.count {
            let slot = links[link].nextMember
            links[link].nextMember += 1
            guard members[slot].isPresent, members[slot].incarnation > 0, slot != peer,
                !links[link].knows(slot)
            else { continue }
            if members[slot].isNews, members[slot].told & 1 << UInt64(link) != 0 { continue }
            claims.append(claim(slot))
        }
        if links[link].nextMember >= members.count { links[link].knownMembers = [] }
        frame.claims = claims
        return frame
    }

    private mutating func addNews(to claims: inout [LivenessClaim], _ link: Int) {
        let bit: UInt64 = 1 << UInt64(link)
        let isCrowded = news.count > limits.frame.claimCountMax - claims.count
        // What accuses or acquits goes first, and what nobody has told it before what it may know.
        for rank in 0..<(isCrowded ? 4 : 1) as Range<UInt8> {
            for slot in news where members[slot].told & bit == 0 && members[slot].tellings > 0 {
                let ownRank = members[slot].isRepeated ? 3 : members[slot].haste.rawValue
                guard !isCrowded || ownRank == rank else { continue }
                guard claims.count < limits.frame.claimCountMax else { return }
                members[slot].told |= bit
                // Nobody is told of itself.
                guard links[link].member != slot else { continue }
                members[slot].tellings -= 1
                claims.append(claim(slot))
            }
        }
    }

    /// Ends or repeats the news that all neighbours have been told.
    private mutating func settleNews() {
        var hasEnded = false
        for slot in news {
            let isTold = members[slot].told & upLinks == upLinks
            if members[slot].tellings == 0 || isTold && members[slot].haste != .urgent {
                members[slot].isNews = false
                hasEnded = true
            } else if isTold {
                // Links lose nothing, but what is behind them may.
                members[slot].told = 0
                members[slot].isRepeated = true
            }
        }
        if hasEnded { news.removeAll { !members[$0].isNews } }
    }
}
