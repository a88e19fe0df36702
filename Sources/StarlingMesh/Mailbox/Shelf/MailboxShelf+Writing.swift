package import StarlingCore

// What is written, and what follows once it is.
extension MailboxShelf {
    /// What is to be written next; `nil` when there is nothing, or when the last batch is still on its way.
    package mutating func takeBatch() -> StoreBatch? {
        isWriteTold = false
        guard inFlight == nil, hasPending else { return nil }
        var batch = pending.bookkeeping
        var room = limits.batchByteCount
        while let next = unwritten.first, next.row.count <= room || pending.added.isEmpty {
            _ = unwritten.popFirst()
            unwrittenByteCount -= next.row.count
            // It may have been erased while it waited.
            guard isThere(next.slot, next.position) else {
                if let sender = next.sender { answer(sender, next.id, .settled) }
                continue
            }
            batch.put(StoreKey(MailboxTables.shelf, next.position), next.row)
            slots[next.slot].mayHaveRow = true
            pending.added.append(next)
            room -= next.row.count
        }
        for index in pending.added.indices { pending.added[index].row = [] }
        inFlight = pending
        pending = Batch()
        return batch
    }

    var hasPending: Bool { !pending.isEmpty || !unwritten.isEmpty }

    /// The batch is on the disk.
    package mutating func stored() {
        guard let batch = inFlight else { return }
        inFlight = nil
        for added in batch.added {
            let isThere = isThere(added.slot, added.position)
            if isThere { share(added.slot) }
            if let sender = added.sender { answer(sender, added.id, isThere ? .stored : .settled) }
        }
        for erased in batch.erased { actions.append(.erased(to: erased.to, erased.ids)) }
        tellWrite()
    }

    /// The batch was not written, and nothing of it is on the disk.
    package mutating func storeFailed() {
        guard let batch = inFlight else { return }
        inFlight = nil
        for added in batch.added {
            let isThere = isThere(added.slot, added.position)
            if isThere {
                slots[added.slot].mayHaveRow = false
                remove(added.slot)
            }
            if let sender = added.sender { answer(sender, added.id, isThere ? .failed : .settled) }
        }
        // Rows that were erased while they were written are not there.
        let unwritten = Set(batch.added.map { StoreKey(MailboxTables.shelf, $0.position) })
        var bookkeeping = batch.bookkeeping
        for case .remove(let key) in pending.bookkeeping.changes where !unwritten.contains(key) {
            bookkeeping.remove(key)
        }
        pending.bookkeeping = bookkeeping
        pending.erased = batch.erased + pending.erased
        pending.erasedCount += batch.erasedCount
        tellWrite()
    }

    /// Sees that the row of a new slot is written.
    mutating func write(_ slot: Int, _ row: MailboxRow) {
        let encoded = row.encoded
        unwrittenByteCount += encoded.count
        unwritten.append(
            Unwritten(
                slot: slot,
                position: slots[slot].position,
                row: encoded,
                id: slots[slot].id,
                sender: slots[slot].isReceipt ? nil : parties[slots[slot].sender].id
            )
        )
        tellWrite()
    }

    mutating func tellWrite() {
        guard !isWriteTold, inFlight == nil, hasPending else { return }
        isWriteTold = true
        actions.append(.write)
    }

    // MARK: Slots

    /// Whether a slot still is what it was when it got this position.
    func isThere(_ slot: Int, _ position: UInt64) -> Bool {
        slots[slot].state != .free && slots[slot].position == position
    }

    /// Adds something at the end of its recipient's box.
    mutating func insert(_ fresh: Slot) -> Int {
        let slot: Int
        if let reused = freeSlots.popLast() {
            slot = reused
            slots[slot] = fresh
        } else {
            slot = slots.count
            slots.append(fresh)
        }
        if fresh.position == 0 { slots[slot].position = nextPosition }
        nextPosition = max(nextPosition, slots[slot].position) + 1
        let (sender, recipient) = (fresh.sender, fresh.recipient)
        slots[slot].ordinal = parties[recipient].nextOrdinal
        parties[recipient].nextOrdinal += 1
        let last = parties[recipient].last
        slots[slot].previous = last
        if last >= 0 { slots[Int(last)].next = Int32(slot) } else { parties[recipient].first = Int32(slot) }
        parties[recipient].last = Int32(slot)
        if fresh.isReceipt {
            for id in fresh.receipted { receipts[Name(sender: recipient, id: id)] = slot }
        } else {
            copies[Name(sender: sender, id: fresh.id)] = slot
            boxed.add(slot, for: recipient, fresh.id)
        }
        book(slot, 1, fresh.byteCount)
        lifetimes.set(slot, to: fresh.expires)
        return slot
    }

    /// Forgets something, and its row.
    mutating func remove(_ slot: Int) {
        let entry = slots[slot]
        guard entry.state != .free else { return }
        if entry.previous >= 0 {
            slots[Int(entry.previous)].next = entry.next
        } else {
            parties[entry.recipient].first = entry.next
        }
        if entry.next >= 0 {
            slots[Int(entry.next)].previous = entry.previous
        } else {
            parties[entry.recipient].last = entry.previous
        }
        if entry.isReceipt {
            for id in entry.receipted { receipts[Name(sender: entry.recipient, id: id)] = nil }
        } else {
            copies[Name(sender: entry.sender, id: entry.id)] = nil
            boxed.remove(slot, for: entry.recipient, entry.id)
        }
        unshare(slot)
        book(slot, -1, -entry.byteCount)
        lifetimes.remove(slot)
        if entry.mayHaveRow { pending.bookkeeping.remove(StoreKey(MailboxTables.shelf, entry.position)) }
        slots[slot].state = .free
        slots[slot].receipted = []
        freeSlots.append(slot)
        forgetIfIdle(entry.sender)
        forgetIfIdle(entry.recipient)
    }

    private mutating func book(_ slot: Int, _ count: Int, _ byteCount: Int) {
        let (sender, recipient) = (slots[slot].sender, slots[slot].recipient)
        changeCount += 1
        self.count += count
        self.byteCount += byteCount
        parties[sender].leftCount += count
        parties[sender].leftByteCount += byteCount
        parties[recipient].count += count
        parties[recipient].byteCount += byteCount
    }

    /// What is kept for a peer, in the order in which it came.
    func box(of party: Int) -> [Int] {
        var found: [Int] = []
        found.reserveCapacity(parties[party].count)
        var slot = parties[party].first
        while slot >= 0 {
            found.append(Int(slot))
            slot = slots[Int(slot)].next
        }
        return found
    }

    // MARK: Parties

    mutating func party(_ id: PeerID) -> Int {
        if let known = partyIndex[id] { return known }
        let party: Int
        if let reused = freeParties.popLast() {
            party = reused
            parties[party] = Party(id: id)
        } else {
            party = parties.count
            parties.append(Party(id: id))
        }
        partyIndex[id] = party
        return party
    }

    private mutating func forgetIfIdle(_ party: Int) {
        let entry = parties[party]
        guard entry.leftCount == 0, entry.count == 0, partyIndex[entry.id] == party else { return }
        partyIndex[entry.id] = nil
        freeParties.append(party)
    }
}
