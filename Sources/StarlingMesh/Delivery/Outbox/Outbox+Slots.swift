internal import StarlingCore

// Slots, lanes and peers: where things are kept, and how they are found.
extension Outbox {
    // MARK: Slots

    mutating func newSlot(id: MessageID, now: Instant) -> Int {
        let fresh = OutboxSlot(id: id, created: WallTime(millisecondsSince1970: 0), expires: now)
        guard let slot = freeSlots.popLast() else {
            slots.append(fresh)
            return slots.count - 1
        }
        slots[slot] = fresh
        return slot
    }

    /// Forgets a slot that is in no list.
    mutating func freeSlot(_ slot: Int) {
        dropEnvelope(slot)
        positions[slots[slot].position] = nil
        slots[slot].state = .free
        slots[slot].lane = -1
        slots[slot].key = nil
        slots[slot].copies = []
        slots[slot].path = nil
        freeSlots.append(slot)
    }

    func report(_ slot: Int) -> OutboxMessage {
        let entry = slots[slot]
        let lane = lanes[entry.lane]
        let state: OutboxMessage.State =
            switch entry.state {
            case .free, .storing: .storing
            case .waiting, .far, .loading, .queued, .resting: entry.isFetching ? .fetching : .queued
            case .sent: entry.isFetching ? .fetching : .sent
            case .ending: entry.delivered == nil ? .sent : .delivered
            }
        return OutboxMessage(
            id: entry.id,
            to: peerID(lane.peer),
            priority: lane.priority,
            privacy: entry.privacy,
            created: entry.created,
            lifetimeMilliseconds: entry.lifetimeMilliseconds,
            byteCount: entry.byteCount,
            state: state,
            sent: entry.sent,
            ended: entry.delivered,
            attempts: entry.attempts,
            lastRefusal: entry.lastRefusal,
            file: entry.file,
            position: entry.position,
            copies: entry.copies,
            path: entry.path
        )
    }

    func recipient(of id: MessageID) -> PeerID? {
        if let promise = promises[id] { return promise.header.to }
        return message(id)?.to
    }

    // MARK: Lists

    mutating func append(_ slot: Int, to list: OutboxLane.List) {
        let lane = slots[slot].lane
        let last = lanes[lane][list].last
        slots[slot].previous = last
        slots[slot].next = -1
        if last >= 0 {
            slots[Int(last)].next = Int32(slot)
        } else {
            lanes[lane][list].first = Int32(slot)
        }
        lanes[lane][list].last = Int32(slot)
        lanes[lane][list].count += 1
    }

    mutating func prepend(_ slot: Int, to list: OutboxLane.List) {
        let lane = slots[slot].lane
        let first = lanes[lane][list].first
        slots[slot].next = first
        slots[slot].previous = -1
        if first >= 0 {
            slots[Int(first)].previous = Int32(slot)
        } else {
            lanes[lane][list].last = Int32(slot)
        }
        lanes[lane][list].first = Int32(slot)
        lanes[lane][list].count += 1
    }

    mutating func remove(_ slot: Int, from list: OutboxLane.List) {
        let lane = slots[slot].lane
        let (previous, next) = (slots[slot].previous, slots[slot].next)
        if previous >= 0 {
            slots[Int(previous)].next = next
        } else {
            lanes[lane][list].first = next
        }
        if next >= 0 {
            slots[Int(next)].previous = previous
        } else {
            lanes[lane][list].last = previous
        }
        (slots[slot].previous, slots[slot].next) = (-1, -1)
        lanes[lane][list].count -= 1
    }

    // MARK: Lanes and peers

    func peerID(_ peer: Int) -> PeerID { peers[peer].id }

    mutating func peer(_ id: PeerID) -> Int {
        if let known = peerIndex[id] { return known }
        let fresh = OutboxPeer(id: id, queues: SendQueues(limits: limits.queues))
        let peer: Int
        if let reused = freePeers.popLast() {
            peer = reused
            peers[peer] = fresh
        } else {
            peer = peers.count
            peers.append(fresh)
        }
        peerIndex[id] = peer
        return peer
    }

    /// Forgets a peer that has no lane and no link.
    mutating func forgetPeerIfIdle(_ peer: Int) {
        guard !peers[peer].isUp, peers[peer].lanes.allSatisfy({ $0 < 0 }) else { return }
        peerIndex[peers[peer].id] = nil
        peers[peer] = OutboxPeer(id: own, queues: SendQueues(limits: limits.queues))
        peerTimers.remove(peer)
        freePeers.append(peer)
    }

    mutating func lane(
        to recipient: PeerID,
        _ name: LaneName,
        seriesDraw: UInt64,
        now: Instant
    ) -> Int {
        if let peer = peerIndex[recipient], peers[peer].lanes[name.index] >= 0 {
            return peers[peer].lanes[name.index]
        }
        // Before the peer gets its place: the lane that goes may be the last one that kept it.
        makeRoomForLane()
        return addLane(
            OutboxLane(
                peer: peer(recipient),
                name: name,
                series: seriesDraw,
                numbers: LaneNumbers(from: 1),
                reserved: 0,
                reservedOnDisk: 0,
                lastProgress: now
            )
        )
    }

    mutating func addLane(_ lane: OutboxLane) -> Int {
        let number: Int
        if let reused = freeLanes.popLast() {
            number = reused
            lanes[number] = lane
        } else {
            number = lanes.count
            lanes.append(lane)
        }
        peers[lane.peer].lanes[lane.name.index] = number
        laneOrder.append(number)
        return number
    }

    /// Forgets the idle lane that has been there for longest; a series that begins anew costs nothing but its name.
    private mutating func makeRoomForLane() {
        guard laneOrder.count >= limits.laneCountMax else { return }
        for _ in 0..<laneOrder.count {
            guard let lane = laneOrder.popFirst() else { return }
            let entry = lanes[lane]
            guard entry.numbers.isEmpty else {
                laneOrder.append(lane)
                continue
            }
            pending.bookkeeping.remove(OutboxRow.laneKey(peerID(entry.peer), entry.name))
            peers[entry.peer].lanes[entry.name.index] = -1
            stallTimers.remove(lane)
            freeLanes.append(lane)
            forgetPeerIfIdle(entry.peer)
            return
        }
    }

    /// Sees that the row of a lane reserves a number, before any row has it.
    mutating func reserve(_ number: UInt64, _ lane: Int) {
        guard number > lanes[lane].reserved else { return }
        lanes[lane].reserved = number + limits.reservationCount - 1
        pending.reserved.append((lane, lanes[lane].series, lanes[lane].reserved))
        pending.bookkeeping.put(
            OutboxRow.laneKey(peerID(lanes[lane].peer), lanes[lane].name),
            OutboxRow.lane(series: lanes[lane].series, reserved: lanes[lane].reserved)
        )
    }

    // MARK: Actions

    mutating func tellWrite() {
        guard !isWriteTold, inFlight == nil, hasPending, !canWait else { return }
        isWriteTold = true
        actions.append(.write)
    }
}
