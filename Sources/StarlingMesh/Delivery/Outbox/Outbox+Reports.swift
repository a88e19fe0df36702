package import StarlingCore

/// How many messages of one priority are not settled.
package struct OutboxFill: Equatable, Sendable {
    package var priority: MessagePriority
    /// Those that are in the outbox and not on their way, with the bytes of their bodies.
    package var queuedCount = 0
    package var queuedByteCount = 0
    /// Those that were sent and have no receipt yet.
    package var sentCount = 0
    package var sentByteCount = 0
}

/// How many messages wait for one recipient.
package struct OutboxBacklog: Equatable, Sendable {
    package var to: PeerID
    package var count: Int
    package var byteCount: Int
    /// The one that was accepted first.
    package var oldest: OutboxMessage
}

// What the outbox holds, for those who ask.
extension Outbox {
    /// What is known of a message; `nil` when it was never accepted, or is forgotten.
    package func message(_ id: MessageID) -> OutboxMessage? {
        if let slot = index[id] { return report(slot) }
        return history[id]?.message
    }

    /// The message that a key names.
    package func message(key: [UInt8]) -> OutboxMessage? { keys[key].flatMap { message($0) } }

    /// Messages that are not settled, in the order of their acceptance.
    package func messages(after position: UInt64 = 0, countMax: Int = 1000) -> [OutboxMessage] {
        let wanted = positions.filter { $0.key > position && slots[$0.value].delivered == nil }
        return wanted.sorted { $0.key < $1.key }.prefix(countMax).map { report($0.value) }
    }

    /// Settled messages, the last ones first.
    ///
    /// - Parameter id: Where to go on: only messages that were settled before this one. Nothing comes before one that is
    ///   forgotten.
    package func ended(before id: MessageID? = nil, countMax: Int = 1000) -> [OutboxMessage] {
        var end = historyOrder.count
        if let id {
            while end > 0, historyOrder[end - 1] != id { end -= 1 }
            end -= 1
        }
        guard end > 0 else { return [] }
        return (0..<min(countMax, end)).compactMap { history[historyOrder[end - 1 - $0]]?.message }
    }

    /// Messages to a peer that are not settled.
    package func count(to peer: PeerID) -> Int {
        guard let index = peerIndex[peer] else { return 0 }
        return peers[index].lanes.reduce(0) { $0 + ($1 < 0 ? 0 : lanes[$1].liveCount) }
    }

    /// What is not settled, by priority, the most urgent first.
    package var fills: [OutboxFill] {
        var fills = MessagePriority.allCases.map { OutboxFill(priority: $0) }
        for slot in index.values {
            let place = lanes[slots[slot].lane].priority.index
            switch slots[slot].state {
            case .free, .ending: continue
            case .storing, .waiting, .far, .loading, .queued, .resting:
                fills[place].queuedCount += 1
                fills[place].queuedByteCount += slots[slot].byteCount
            case .sent:
                fills[place].sentCount += 1
                fills[place].sentByteCount += slots[slot].byteCount
            }
        }
        return fills
    }

    /// Recipients for whom messages wait, those who have been waited for longest first.
    package func backlogs(countMax: Int) -> [OutboxBacklog] {
        var found: [PeerID: (count: Int, byteCount: Int, oldest: Int)] = [:]
        for slot in index.values {
            if case .ending = slots[slot].state { continue }
            let to = peerID(lanes[slots[slot].lane].peer)
            var entry = found[to] ?? (0, 0, slot)
            entry.count += 1
            entry.byteCount += slots[slot].byteCount
            if slots[slot].position < slots[entry.oldest].position { entry.oldest = slot }
            found[to] = entry
        }
        let ordered = found.sorted { slots[$0.value.oldest].position < slots[$1.value.oldest].position }
        return ordered.prefix(countMax).map { to, entry in
            OutboxBacklog(
                to: to,
                count: entry.count,
                byteCount: entry.byteCount,
                oldest: report(entry.oldest)
            )
        }
    }

    /// What is stuck now though its recipient is there, in the order of recipients and priorities.
    package func stalls(now: Instant, countMax: Int) -> [OutboxStall] {
        let stuck = lanes.indices.filter { lane in
            let entry = lanes[lane]
            return entry.liveCount > 0 && peers[entry.peer].isUp
                && entry.lastProgress + limits.stallDuration <= now
        }
        let stalls = stuck.compactMap { stall(of: $0, now: now) }
        return Array(stalls.sorted { ($0.to, $0.priority) < ($1.to, $1.priority) }.prefix(countMax))
    }

    /// Why a message is stuck; `nil` as long as something moves, or its recipient is not there.
    package func stall(of id: MessageID, now: Instant) -> OutboxStall? {
        guard let slot = index[id] else { return nil }
        let lane = slots[slot].lane
        guard peers[lanes[lane].peer].isUp, lanes[lane].lastProgress + limits.stallDuration <= now else {
            return nil
        }
        return stall(of: lane, now: now)
    }

    /// How many links the shortest known way to a message's recipient crosses, and how many the message may, where that is fewer and
    /// keeps it here.
    package func shortfall(of id: MessageID) -> (linkCount: Int, hopLimit: Int)? {
        guard let slot = index[id], isTooFar(slot) else { return nil }
        switch slots[slot].state {
        case .waiting, .far, .loading, .queued:
            return (peers[lanes[slots[slot].lane].peer].linkCount, Int(slots[slot].hopLimit))
        case .free, .storing, .sent, .resting, .ending: return nil
        }
    }
}
