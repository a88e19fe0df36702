internal import StarlingCore

// Envelopes in memory: kept where they are sent soon, read from the disk when it is their turn, and never more than a limit.
extension Outbox {
    /// Entries of ``spares`` with which they are looked through for the first time.
    static let spareCountMin = 1024
    /// Peers that are fed in one go when there is room again.
    private static let feedCountMax = 64

    // MARK: Holding

    /// Keeps the envelope of a new message, where there is room.
    mutating func keep(_ envelope: [UInt8], _ slot: Int) {
        if fits(slot, byteCount: envelope.count) { hold(envelope, slot) }
    }

    mutating func hold(_ envelope: [UInt8], _ slot: Int) {
        account(envelope.count, slot)
        slots[slot].envelope = envelope
    }

    mutating func dropEnvelope(_ slot: Int) {
        guard let envelope = slots[slot].envelope else { return }
        account(-envelope.count, slot)
        slots[slot].envelope = nil
    }

    /// Takes the memory that an envelope needs which is being read.
    mutating func claimLoad(_ slot: Int) { account(slots[slot].byteCount, slot) }

    /// Gives back the memory that was promised to a load; what it brings is not taken any more.
    mutating func releaseLoad(_ slot: Int) { account(-slots[slot].byteCount, slot) }

    private mutating func account(_ byteCount: Int, _ slot: Int) {
        envelopeByteCount += byteCount
        peers[lanes[slots[slot].lane].peer].envelopeByteCount += byteCount
    }

    /// Bytes of envelopes in memory with which none more of a priority has room.
    func envelopeByteCountMax(_ priority: MessagePriority) -> Int {
        limits.envelopeByteCountMax + reserveByteCount
            + (priority == .emergency ? limits.emergencyByteCountMax : 0)
    }

    /// What is left to peers that have none.
    private var reserveByteCount: Int { limits.envelopeByteCountMax / 2 }

    /// Whether the envelope of a message has room beside the others; the first one has, whatever its size.
    private func fits(_ slot: Int, byteCount: Int) -> Bool {
        let lane = slots[slot].lane
        let isOnlyOne = peers[lanes[lane].peer].envelopeByteCount == 0
        let max = envelopeByteCountMax(lanes[lane].priority) - (isOnlyOne ? 0 : reserveByteCount)
        return envelopeByteCount == 0 || envelopeByteCount + byteCount <= max
    }

    // MARK: Making room

    /// A message waits, and may have its envelope in memory: it gives that up for one whose turn it is.
    mutating func spare(_ slot: Int) {
        guard slots[slot].envelope != nil, case .waiting = slots[slot].state else { return }
        if spares.count >= spareCountMax {
            // A place that another message has taken since stands there twice.
            var kept: Set<Int32> = []
            spares = spares.reversed().filter { isSpare(Int($0)) && kept.insert($0).inserted }.reversed()
            spareCountMax = max(Self.spareCountMin, 2 * spares.count)
        }
        spares.append(Int32(slot))
    }

    private func isSpare(_ slot: Int) -> Bool {
        if case .waiting = slots[slot].state { return slots[slot].envelope != nil }
        return false
    }

    /// Makes room for the envelope of a message that is next in its lane: those that only wait, the last ones first, are read
    /// when it is their turn.
    ///
    /// - Returns: Whether there is room; else its peer is fed when there is.
    mutating func makeRoom(toLoad slot: Int) -> Bool {
        while !fits(slot, byteCount: slots[slot].byteCount) {
            guard let spare = spares.popLast() else {
                let peer = lanes[slots[slot].lane].peer
                if !peers[peer].isStarved {
                    peers[peer].isStarved = true
                    starved.append(peer)
                }
                return false
            }
            if isSpare(Int(spare)) { dropEnvelope(Int(spare)) }
        }
        return true
    }

    /// Feeds those who waited for room in memory, in turn; those who find none wait behind the others.
    mutating func feedStarved(now: Instant) {
        for _ in 0..<min(starved.count, Self.feedCountMax) {
            guard envelopeByteCount < envelopeByteCountMax(.emergency), let peer = starved.popFirst() else {
                return
            }
            peers[peer].isStarved = false
            feed(peer, now: now)
        }
    }
}
