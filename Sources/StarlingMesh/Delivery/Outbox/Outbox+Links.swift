package import StarlingCore

// Links: who can be reached, and what is sent to them next.
extension Outbox {
    // MARK: Inputs

    /// The peer is connected, or reached over others: what waits for it is sent at once.
    ///
    /// - Parameter linkCount: Links that the shortest known way to it crosses, 1 where none is known.
    package mutating func linkUp(_ id: PeerID, linkCount: Int = 1, now: Instant) {
        let peer = peer(id)
        guard !peers[peer].isUp else { return }
        peers[peer].isUp = true
        peers[peer].linkCount = linkCount
        peers[peer].isReaching = false
        // Over others it may be gone in a moment: the wait since the last failure goes on.
        if linkCount == 1 { peers[peer].reachAt = nil }
        (peers[peer].hold, peers[peer].emergencyHold) = (OutboxHold(), OutboxHold())
        for lane in peers[peer].lanes where lane >= 0 {
            lanes[lane].toldFloor = 1
            lanes[lane].lastProgress = now
            lanes[lane].isStallTold = false
            if lanes[lane].tellableFloor > 1 { owe(settlementOf: lane) }
            if lanes[lane].liveCount > 0 { stallTimers.set(lane, to: now + limits.stallDuration) }
        }
        settle(peer, at: now)
        feed(peer, now: now)
    }

    /// The shortest known way to a peer that can be sent to has become another one.
    ///
    /// Messages that may not cross as many links wait until there is a shorter one: on a longer one they would be dropped, and who
    /// drops them would be taken for one that does not deliver.
    ///
    /// - Parameter linkCount: Links that it crosses, 1 where none is known.
    package mutating func setLinkCount(_ linkCount: Int, for id: PeerID, now: Instant) {
        guard let peer = peerIndex[id], peers[peer].isUp, peers[peer].linkCount != linkCount else { return }
        peers[peer].linkCount = linkCount
        for lane in peers[peer].lanes where lane >= 0 { callBack(lane) }
        feed(peer, now: now)
    }

    /// The last connection to the peer is gone: what was sent to it waits again.
    package mutating func linkDown(_ id: PeerID, now: Instant) {
        guard let peer = peerIndex[id], peers[peer].isUp else { return }
        peers[peer].isUp = false
        peers[peer].linkCount = 1
        peers[peer].queues.removeAll()
        (peers[peer].settleAt, peers[peer].isSettleTold) = (nil, false)
        (peers[peer].hold.until, peers[peer].emergencyHold.until) = (nil, nil)
        peers[peer].toldPriorities = []
        for lane in peers[peer].lanes where lane >= 0 {
            stallTimers.remove(lane)
            while lanes[lane].active.last >= 0 {
                let slot = Int(lanes[lane].active.last)
                if case .loading = slots[slot].state { releaseLoad(slot) }
                retryTimers.remove(slot)
                slots[slot].retrying.reset()
                slots[slot].isOverdue = false
                slots[slot].isFetching = false
                slots[slot].state = .waiting
                remove(slot, from: .active)
                prepend(slot, to: .waiting)
            }
            callBack(lane)
            // Memory is for those who can be sent to.
            var slot = lanes[lane].waiting.first
            while slot >= 0 {
                dropEnvelope(Int(slot))
                slot = slots[Int(slot)].next
            }
        }
        reachIfNeeded(peer, now: now, isFirst: false)
        feedStarved(now: now)
        forgetPeerIfIdle(peer)
    }

    /// The peer could not be connected to: it is tried again later, also for what comes only now.
    package mutating func unreachable(_ id: PeerID, now: Instant) {
        guard let peer = peerIndex[id] else { return }
        // Others dial, too: what this has not asked for counts only where something waits for it.
        let isAsked = peers[peer].isReaching
        peers[peer].isReaching = false
        guard peers[peer].reachAt == nil, isAsked || needsConnection(peer) else { return }
        reachLater(peer, now: now)
    }

    /// The next envelope for a peer, among the priorities whose streams take bytes; it counts as sent.
    package mutating func nextTransmission(
        to id: PeerID,
        among priorities: PrioritySet = .all,
        now: Instant,
        wallNow: WallTime
    ) -> Transmission? {
        guard let peer = peerIndex[id] else { return nil }
        guard let (slot, priority) = nextInLine(peer, among: priorities, now: now) else {
            peers[peer].toldPriorities.subtract(priorities)
            return nil
        }
        guard let envelope = slots[slot].envelope else { preconditionFailure("queued without its envelope") }
        dropEnvelope(slot)
        slots[slot].state = .sent
        slots[slot].attempts += 1
        slots[slot].sent = wallNow
        let transit = Duration.nanoseconds(Int64(envelope.count) * 1_000_000_000 / limits.linkBytesPerSecond)
        retryTimers.set(slot, to: now + transit + slots[slot].retrying.next(limits.retries, &jitter))
        let isOverdue = slots[slot].isOverdue
        slots[slot].isOverdue = false
        feedStarved(now: now)
        return Transmission(
            id: slots[slot].id,
            priority: priority,
            envelope: envelope,
            hopLimit: slots[slot].hopLimit,
            isOverdue: isOverdue
        )
    }

    /// The next message for a peer's link, without those for which the ways have become too long since they were put in line.
    private mutating func nextInLine(
        _ peer: Int,
        among priorities: PrioritySet,
        now: Instant
    ) -> (slot: Int, MessagePriority)? {
        while let (reference, priority) = peers[peer].queues.next(among: priorities) {
            let slot = Int(reference)
            guard isTooFar(slot) else { return (slot, priority) }
            peers[peer].queues.release(priority)
            remove(slot, from: .active)
            putAway(slot, now: now)
            feedStarved(now: now)
            feed(peer, now: now)
        }
        return nil
    }

    /// The priorities of which ``nextTransmission(to:among:now:wallNow:)`` has something for a peer.
    package func waitingPriorities(for id: PeerID) -> PrioritySet {
        peerIndex[id].map { peers[$0].queues.waiting } ?? []
    }

    /// What was read for ``OutboxAction/load(position:)``: the row's value, or `nil` when it is not there.
    package mutating func loaded(position: UInt64, row: [UInt8]?, now: Instant, wallNow: WallTime) {
        guard let slot = positions[position], case .loading = slots[slot].state else { return }
        let peer = lanes[slots[slot].lane].peer
        guard let row, case .live(let envelope, _, _)? = try? OutboxRow(row.span) else {
            end(slot, .damaged, now: now, wallNow: wallNow)
            feed(peer, now: now)
            feedStarved(now: now)
            return
        }
        releaseLoad(slot)
        peers[peer].queues.release(lanes[slots[slot].lane].priority)
        hold(envelope, slot)
        enqueue(slot)
        tellTransmit(peer)
    }

    /// What has come due.
    package mutating func advance(to now: Instant, wallNow: WallTime) {
        if isDue(writeReceiptsAt, now) { writeReceiptsAt = nil }
        while let slot = lifetimes.popFirst(through: now) {
            let lane = slots[slot].lane
            end(slot, .expired, now: now, wallNow: wallNow)
            feed(lanes[lane].peer, now: now)
        }
        while let slot = retryTimers.popFirst(through: now) {
            let lane = slots[slot].lane
            if case .sent = slots[slot].state {
                peers[lanes[lane].peer].queues.release(lanes[lane].priority)
                slots[slot].isOverdue = true
            }
            slots[slot].state = .waiting
            remove(slot, from: .active)
            prepend(slot, to: .waiting)
            feed(lanes[lane].peer, now: now)
        }
        while let peer = peerTimers.popFirst(through: now) { advance(peer: peer, now: now) }
        while let lane = stallTimers.popFirst(through: now) { watch(lane, now: now) }
        feedStarved(now: now)
        trimHistory(wallNow: wallNow)
        tellWrite()
    }

    // MARK: Feeding

    /// Hands messages that wait to the link's queues, as far as there is room.
    mutating func feed(_ peer: Int, now: Instant) {
        guard peers[peer].isUp else { return }
        for name in LaneName.all where peers[peer][holdOf: name.priority].until == nil {
            let lane = peers[peer].lanes[name.index]
            guard lane >= 0 else { continue }
            while lanes[lane].waiting.first >= 0 {
                let slot = Int(lanes[lane].waiting.first)
                // One that has its envelope in memory gives that back when it is its turn.
                if isTooFar(slot), slots[slot].envelope == nil {
                    remove(slot, from: .waiting)
                    putAway(slot, now: now)
                    continue
                }
                guard mayFeed(slot, lane, peer, now: now) else { break }
                remove(slot, from: .waiting)
                append(slot, to: .active)
                if slots[slot].envelope == nil {
                    load(slot, peer, name.priority)
                } else {
                    enqueue(slot)
                }
            }
        }
        if peers[peer].queues.waitingCount > 0 { tellTransmit(peer) }
    }

    private mutating func mayFeed(_ slot: Int, _ lane: Int, _ peer: Int, now: Instant) -> Bool {
        if slots[slot].number >= lanes[lane].toldFloor + limits.windowCount {
            if lanes[lane].tellableFloor > lanes[lane].toldFloor {
                owe(settlementOf: lane)
                settle(peer, at: now)
            }
            return false
        }
        let priority = lanes[lane].priority
        // A recipient that was full gets one message at a time until it takes one.
        if peers[peer][holdOf: priority].isProbing, isUnderWay(priority, peer) { return false }
        if slots[slot].envelope == nil, !makeRoom(toLoad: slot) { return false }
        if peers[peer].queues.hasRoom(priority) { return true }
        guard priority == .emergency, let low = peers[peer].queues.displaceLow() else { return false }
        slots[Int(low)].state = .waiting
        remove(Int(low), from: .active)
        prepend(Int(low), to: .waiting)
        spare(Int(low))
        actions.append(.displaced(low: slots[Int(low)].id, by: slots[slot].id))
        return true
    }

    /// Whether the link has a message that is held back together with those of a priority.
    private func isUnderWay(_ priority: MessagePriority, _ peer: Int) -> Bool {
        let emergencyCount = peers[peer].queues.count(.emergency)
        return priority == .emergency ? emergencyCount > 0 : peers[peer].queues.count > emergencyCount
    }

    private mutating func enqueue(_ slot: Int) {
        let lane = slots[slot].lane
        let place = peers[lanes[lane].peer].queues.append(
            Int32(slot),
            byteCount: slots[slot].byteCount,
            lanes[lane].priority
        )
        slots[slot].state = .queued(place: place)
    }

    private mutating func load(_ slot: Int, _ peer: Int, _ priority: MessagePriority) {
        slots[slot].state = .loading
        peers[peer].queues.claim(priority)
        claimLoad(slot)
        actions.append(.load(position: slots[slot].position))
    }

    // MARK: Far

    /// Whether the shortest known way to a message's recipient, who can be sent to, crosses more links than the message may.
    func isTooFar(_ slot: Int) -> Bool {
        Int(slots[slot].hopLimit) < peers[lanes[slots[slot].lane].peer].linkCount
    }

    /// Lets a message that is in no list wait for a shorter way, or a link of its recipient's own, for which that is dialled.
    private mutating func putAway(_ slot: Int, now: Instant) {
        dropEnvelope(slot)
        slots[slot].retrying.reset()
        slots[slot].isOverdue = false
        slots[slot].state = .far
        append(slot, to: .far)
        reachIfNeeded(lanes[slots[slot].lane].peer, now: now, isFirst: true)
    }

    /// Has those messages of a lane wait for the link again that are not too far any more, before those that came later.
    private mutating func callBack(_ lane: Int) {
        var next = lanes[lane].far.last
        while next >= 0 {
            let slot = Int(next)
            next = slots[slot].previous
            guard !isTooFar(slot) else { continue }
            remove(slot, from: .far)
            slots[slot].state = .waiting
            prepend(slot, to: .waiting)
        }
    }

    // MARK: Reaching

    /// A message for a peer became sendable, or less stands in its way.
    mutating func wake(_ peer: Int, now: Instant) {
        if peers[peer].isUp {
            for lane in peers[peer].lanes where lane >= 0 && lanes[lane].liveCount > 0 {
                if !stallTimers.contains(lane) { stallTimers.set(lane, to: now + limits.stallDuration) }
            }
            feed(peer, now: now)
        } else {
            reachIfNeeded(peer, now: now, isFirst: true)
        }
    }

    private mutating func reachIfNeeded(_ peer: Int, now: Instant, isFirst: Bool) {
        guard !peers[peer].isReaching, peers[peer].reachAt == nil, needsConnection(peer) else { return }
        // The wait after the last failure is over.
        if isFirst { reach(peer) } else { reachLater(peer, now: now) }
    }

    private mutating func reachLater(_ peer: Int, now: Instant) {
        peers[peer].reachAt = now + peers[peer].reaching.next(limits.retries, &jitter)
        setTimer(peer)
    }

    /// Whether something waits for a connection to a peer: all where it cannot be sent to, else what is too far.
    private func needsConnection(_ peer: Int) -> Bool {
        let isUp = peers[peer].isUp
        return peers[peer].lanes.contains { lane in
            lane >= 0 && (isUp ? lanes[lane].far.count : lanes[lane].liveCount) > 0
        }
    }

    private func hasBusiness(_ peer: Int) -> Bool {
        peers[peer].lanes.contains { $0 >= 0 && lanes[$0].liveCount > 0 }
    }

    /// A peer has answered: the next time that it cannot be reached counts as the first one.
    mutating func wasReached(_ peer: Int) {
        peers[peer].reaching.reset()
        guard peers[peer].reachAt != nil, peers[peer].isUp, !needsConnection(peer) else { return }
        peers[peer].reachAt = nil
        setTimer(peer)
    }

    private mutating func reach(_ peer: Int) {
        peers[peer].isReaching = true
        actions.append(.reach(peers[peer].id))
    }

    // MARK: Timers

    func isDue(_ deadline: Instant?, _ now: Instant) -> Bool { deadline.map { $0 <= now } ?? false }

    mutating func setTimer(_ peer: Int) {
        let first = Instant.earlier(
            .earlier(peers[peer].reachAt, peers[peer].settleAt),
            .earlier(peers[peer].hold.until, peers[peer].emergencyHold.until)
        )
        if let first { peerTimers.set(peer, to: first) } else { peerTimers.remove(peer) }
    }

    private mutating func advance(peer: Int, now: Instant) {
        if isDue(peers[peer].reachAt, now) {
            peers[peer].reachAt = nil
            if needsConnection(peer) || peers[peer].linkCount > 1 && hasBusiness(peer) { reach(peer) }
        }
        let isOver = (isDue(peers[peer].hold.until, now), isDue(peers[peer].emergencyHold.until, now))
        if isOver.0 { peers[peer].hold.until = nil }
        if isOver.1 { peers[peer].emergencyHold.until = nil }
        if isOver.0 || isOver.1 { feed(peer, now: now) }
        if isDue(peers[peer].settleAt, now) {
            peers[peer].settleAt = nil
            tellSettle(peer)
        }
        setTimer(peer)
    }

    /// Looks whether a lane has moved since it was looked at.
    private mutating func watch(_ lane: Int, now: Instant) {
        guard peers[lanes[lane].peer].isUp, lanes[lane].liveCount > 0 else { return }
        let due = lanes[lane].lastProgress + limits.stallDuration
        guard due <= now else { return stallTimers.set(lane, to: due) }
        stallTimers.set(lane, to: now + limits.stallDuration)
        guard !lanes[lane].isStallTold, let stall = stall(of: lane, now: now) else { return }
        lanes[lane].isStallTold = true
        stallCount += 1
        actions.append(.stalled(stall))
    }

    func stall(of lane: Int, now: Instant) -> OutboxStall? {
        let entry = lanes[lane]
        // A number that is promised, or whose row is on its way, is not on the link yet.
        guard let oldest = entry.numbers.firstSlot else { return nil }
        let slot = slots[oldest]
        let reason: OutboxStall.Reason
        switch slot.state {
        case .free, .storing, .ending: return nil
        case .far: reason = .tooFar
        case .loading: reason = .loading
        case .queued: reason = .linkBlocked
        case .sent: reason = .noReceipt
        case .resting:
            reason = slot.lastRefusal == .refusedNoSpace ? .noSpace : slot.isFetching ? .fetching : .heldBack
        case .waiting:
            if peers[entry.peer][holdOf: entry.priority].isProbing {
                reason = .recipientFull
            } else if slot.number >= entry.toldFloor + limits.windowCount {
                reason = .windowFull
            } else {
                reason = slot.envelope == nil && peers[entry.peer].isStarved ? .loading : .queueFull
            }
        }
        return OutboxStall(
            to: peers[entry.peer].id,
            priority: entry.priority,
            oldest: slot.id,
            count: entry.liveCount,
            reason: reason,
            duration: entry.lastProgress.duration(to: now)
        )
    }

    private mutating func tellTransmit(_ peer: Int) {
        // One priority may be slow to be sent while another one comes.
        let waiting = peers[peer].queues.waiting
        guard !peers[peer].toldPriorities.isSuperset(of: waiting) else { return }
        peers[peer].toldPriorities.formUnion(waiting)
        actions.append(.transmit(peers[peer].id))
    }
}
