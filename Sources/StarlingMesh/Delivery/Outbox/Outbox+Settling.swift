package import StarlingCore

// The end of messages: receipts, lifetimes, settlements and the history.
extension Outbox {
    // MARK: Inputs

    /// What a recipient says of messages; its signature has been checked, and that it is to this node.
    ///
    /// - Returns: Whether it answers something that was sent and had no answer.
    @discardableResult
    package mutating func receipt(_ receipt: Receipt, now: Instant, wallNow: WallTime) -> Bool {
        guard receipt.to == own else { return false }
        return self.receipt(receipt.entries, from: receipt.from, now: now, wallNow: wallNow)
    }

    @discardableResult
    mutating func receipt(_ entries: [Receipt.Entry], from id: PeerID, now: Instant, wallNow: WallTime)
        -> Bool
    {
        guard let peer = peerIndex[id] else { return false }
        var answersSomething = false
        for entry in entries {
            guard let slot = index[entry.id], lanes[slots[slot].lane].peer == peer else {
                answerUnknown(peer, now: now)
                continue
            }
            switch slots[slot].state {
            case .free, .storing, .ending: continue
            case .waiting, .far, .loading, .queued, .sent, .resting: break
            }
            let lane = slots[slot].lane
            wasReached(peer)
            if case .sent = slots[slot].state { answersSomething = true }
            if slots[slot].path != nil, !entry.path.isEmpty { slots[slot].path = entry.path }
            switch entry.outcome {
            case .delivered, .refusedByPolicy, .refusedTooLarge, .expired, .unreadable:
                end(slot, .init(entry.outcome), now: now, wallNow: wallNow)
                lanes[lane].lastProgress = now
                lanes[lane].isStallTold = false
                peers[peer][holdOf: lanes[lane].priority].offering.reset()
            case .refusedFull:
                guard case .sent = slots[slot].state else { continue }
                offerAgainLater(slot, peer, now: now)
            case .fetching, .refusedNoSpace:
                slots[slot].isFetching = entry.outcome == .fetching
                slots[slot].lastRefusal = slots[slot].isFetching ? nil : entry.outcome
                lanes[lane].lastProgress = now
                rest(slot)
            case .heldBack:
                guard case .sent = slots[slot].state else { continue }
                slots[slot].lastRefusal = entry.outcome
                rest(slot)
                // It is likely behind with what is settled.
                owe(settlementOf: lane)
                settle(peer, at: now)
            }
        }
        feed(peer, now: now)
        feedStarved(now: now)
        tellWrite()
        return answersSomething
    }

    /// What a peer is to be told of settled messages; sign and send it.
    ///
    /// - Returns: `nil` when there is nothing to tell.
    package mutating func takeSettlement(for id: PeerID, now: Instant) -> [Settlement.Series]? {
        guard let peer = peerIndex[id], peers[peer].isUp else { return nil }
        peers[peer].isSettleTold = false
        peers[peer].settleAt = nil
        peers[peer].settledCount = 0
        setTimer(peer)
        var series: [Settlement.Series] = []
        for lane in peers[peer].lanes where lane >= 0 && lanes[lane].isSettlementDue {
            lanes[lane].isSettlementDue = false
            let floor = lanes[lane].tellableFloor
            lanes[lane].toldFloor = floor
            series.append(
                .init(
                    series: lanes[lane].series,
                    floor: floor,
                    ranges: lanes[lane].numbers.settledRanges(
                        below: min(floor + limits.windowCount, lanes[lane].reservedOnDisk + 1),
                        countMax: limits.settlement.rangeCountMax
                    )
                )
            )
        }
        feed(peer, now: now)
        return series.isEmpty ? nil : series
    }

    /// Whether a peer is to be told of settled messages, as soon as it can be sent to.
    package func owesSettlement(to id: PeerID) -> Bool {
        peerIndex[id].map { peers[$0].lanes.contains { $0 >= 0 && lanes[$0].isSettlementDue } } ?? false
    }

    // MARK: Ends

    /// Settles a message that is on the disk; the number follows once the disk knows.
    mutating func end(_ slot: Int, _ state: OutboxMessage.State, now: Instant, wallNow: WallTime) {
        let lane = slots[slot].lane
        let peer = lanes[lane].peer
        switch slots[slot].state {
        case .free, .storing, .ending: return
        case .waiting: remove(slot, from: .waiting)
        case .far: remove(slot, from: .far)
        case .loading:
            releaseLoad(slot)
            peers[peer].queues.release(lanes[lane].priority)
            remove(slot, from: .active)
        case .queued(let place):
            peers[peer].queues.remove(place, lanes[lane].priority)
            remove(slot, from: .active)
        case .sent:
            peers[peer].queues.release(lanes[lane].priority)
            remove(slot, from: .active)
        case .resting: remove(slot, from: .active)
        }
        retryTimers.remove(slot)
        lifetimes.remove(slot)
        dropEnvelope(slot)
        var message = report(slot)
        message.state = state
        message.ended = wallNow
        slots[slot].state = .ending
        count -= 1
        byteCount -= slots[slot].byteCount
        let row = OutboxRow.ended(message, key: slots[slot].key)
        pending.bookkeeping.put(StoreKey(DeliveryTables.outbox, message.position), row.encoded)
        pending.ended.append((slot, message))
        if state == .delivered {
            slots[slot].delivered = wallNow
            writeReceiptsAt = writeReceiptsAt ?? now + limits.receiptDelay
            remember(Ended(message: message, key: slots[slot].key))
            actions.append(.delivered(message.id))
        } else {
            pending.isUrgent = true
        }
        tellWrite()
    }

    /// The disk knows that a message is settled.
    mutating func finish(_ slot: Int, _ message: OutboxMessage, now: Instant) {
        let lane = slots[slot].lane
        let peer = lanes[lane].peer
        lanes[lane].numbers.settle(slots[slot].number)
        index[message.id] = nil
        if slots[slot].delivered == nil { remember(Ended(message: message, key: slots[slot].key)) }
        freeSlot(slot)
        actions.append(.ended(message))
        owe(settlementOf: lane)
        peers[peer].settledCount += 1
        if peers[peer].settledCount >= limits.settlementCount {
            settle(peer, at: now)
        } else if peers[peer].settleAt == nil, !peers[peer].isSettleTold {
            settle(peer, at: now + limits.settlementDelay)
        }
        forgetPeerIfIdle(peer)
    }

    /// Gives the place of a sent message to others: its recipient has it in hand, and it is sent again only to hear how far.
    private mutating func rest(_ slot: Int) {
        guard case .sent = slots[slot].state else { return }
        slots[slot].state = .resting
        peers[lanes[slots[slot].lane].peer].queues.release(lanes[slots[slot].lane].priority)
    }

    private mutating func offerAgainLater(_ slot: Int, _ peer: Int, now: Instant) {
        let priority = lanes[slots[slot].lane].priority
        slots[slot].lastRefusal = .refusedFull
        peers[peer].queues.release(priority)
        retryTimers.remove(slot)
        slots[slot].state = .waiting
        remove(slot, from: .active)
        prepend(slot, to: .waiting)
        // All that were on their way are refused alike: they count once.
        guard peers[peer][holdOf: priority].until == nil else { return }
        let wait = peers[peer][holdOf: priority].offering.next(limits.retries, &jitter)
        peers[peer][holdOf: priority].until = now + wait
        setTimer(peer)
    }

    // MARK: Settlements

    /// A receipt came for a message that is settled: its recipient has not heard of that.
    private mutating func answerUnknown(_ peer: Int, now: Instant) {
        for lane in peers[peer].lanes where lane >= 0 { owe(settlementOf: lane) }
        if peers[peer].settleAt == nil, !peers[peer].isSettleTold {
            settle(peer, at: now + limits.settlementDelay)
        }
    }

    mutating func owe(settlementOf lane: Int) { lanes[lane].isSettlementDue = true }

    /// Tells a settlement at a time, or earlier when one is due earlier.
    mutating func settle(_ peer: Int, at time: Instant) {
        guard peers[peer].isUp, !peers[peer].isSettleTold,
            peers[peer].lanes.contains(where: { $0 >= 0 && lanes[$0].isSettlementDue })
        else { return }
        peers[peer].settleAt = min(peers[peer].settleAt ?? time, time)
        setTimer(peer)
    }

    mutating func tellSettle(_ peer: Int) {
        guard peers[peer].isUp, !peers[peer].isSettleTold else { return }
        peers[peer].isSettleTold = true
        actions.append(.settle(peers[peer].id))
    }

    // MARK: History

    mutating func remember(_ ended: Ended) {
        let id = ended.message.id
        history[id] = ended
        historyOrder.append(id)
        keepPath(of: id)
        if let key = ended.key { keys[key] = id }
        if historyOrder.count > limits.historyCountMax { forgetOldest() }
    }

    /// Counts the way of a message that was just remembered, and forgets those of the oldest where they are too much.
    mutating func keepPath(of id: MessageID) {
        guard let path = history[id]?.message.path, !path.isEmpty else { return }
        historyPathByteCount += path.count * MessageHop.memoryByteCount
        historyPathOrder.append(id)
        while historyPathByteCount > limits.historyPathByteCountMax, let oldest = historyPathOrder.popFirst()
        {
            historyPathByteCount -= pathByteCount(of: oldest)
            history[oldest]?.message.path = []
        }
    }

    private func pathByteCount(of id: MessageID) -> Int {
        (history[id]?.message.path?.count ?? 0) * MessageHop.memoryByteCount
    }

    /// Forgets what was settled too long ago.
    mutating func trimHistory(wallNow: WallTime) {
        while let first = historyOrder.first, let ended = history[first]?.message.ended,
            ended.advanced(by: limits.historyDuration) < wallNow
        {
            forgetOldest()
        }
    }

    mutating func forgetOldest() {
        guard let id = historyOrder.popFirst() else { return }
        historyPathByteCount -= pathByteCount(of: id)
        guard let ended = history.removeValue(forKey: id) else { return }
        while let first = historyPathOrder.first, history[first] == nil { _ = historyPathOrder.popFirst() }
        if let key = ended.key { keys[key] = nil }
        forgotten.append(ended.message.position)
    }
}

extension OutboxMessage.State {
    /// What a final outcome makes of a message.
    init(_ outcome: Receipt.Outcome) {
        switch outcome {
        case .delivered: self = .delivered
        case .expired: self = .expired
        case .refusedByPolicy, .refusedTooLarge, .unreadable, .refusedFull, .heldBack, .fetching,
            .refusedNoSpace:
            self = .refused(outcome)
        }
    }
}
