package import StarlingCore

// What is written, and what follows once it is.
extension Inbox {
    /// What is to be written next; `nil` when there is nothing, or when the last batch is still on its way.
    package mutating func takeBatch() -> StoreBatch? {
        isWriteTold = false
        guard inFlight == nil, hasPending else { return nil }
        (isHurried, writeAt) = (false, nil)
        for index in dirtySeries {
            // A series that was forgotten since has no row any more.
            guard series[index].isDirty else { continue }
            series[index].isDirty = false
            let entry = series[index]
            pending.rows.put(
                InboxRow.seriesKey(senders[entry.sender].id, entry.series),
                InboxRow.series(entry.window, expires: entry.expires)
            )
            if !entry.decided.isEmpty { owe(index) }
        }
        dirtySeries = []
        // What happened before stands before what is new.
        var batch = pending.bookkeeping
        batch.append(pending.rows)
        inFlight = pending
        (pending, pendingByteCount) = (Batch(), 0)
        return batch
    }

    /// The batch is on the disk.
    package mutating func stored(now: Instant, wallNow: WallTime) {
        guard let batch = inFlight else { return }
        inFlight = nil
        for position in batch.added {
            guard let entry = entries[position]?.entry else { continue }
            if entry.attempt > 0 {
                entries[position]?.entry.state = .handedOut
                actions.append(.handOut(position: position, attempt: entry.attempt))
            } else {
                entries[position]?.entry.state = .waiting
                actions.append(.arrived(position: position))
            }
        }
        for position in batch.handedOut {
            guard let entry = entries[position]?.entry else {
                actions.append(.withdrawn(position: position))
                continue
            }
            entries[position]?.entry.state = .handedOut
            actions.append(.handOut(position: position, attempt: entry.attempt))
        }
        storedHeld(batch)
        for (index, row) in batch.decided { owe(index, row, now: now, wallNow: wallNow) }
        writeIfHurried()
    }

    /// The batch was not written, and nothing of it is on the disk: what came with it counts as not come.
    package mutating func storeFailed(now: Instant) {
        guard let batch = inFlight else { return }
        inFlight = nil
        storeFailedHeld(batch)
        for position in batch.added {
            forgetBroadcast(of: position)
            forget(position)
            actions.append(.lost(position: position))
        }
        for (index, row) in batch.decided {
            let sender = series[index].sender
            for number in owedRows[row].numbers {
                guard let decision = series[index].decisions.removeValue(forKey: number) else { continue }
                series[index].window.reopen(number)
                owedCount -= 1
                senders[sender].owedCount -= 1
                if decision.held >= 0 {
                    holdAgain(index, number, decision, now: now)
                } else {
                    queue(Answer(entry: .init(id: decision.id, outcome: .refusedFull)), sender)
                }
            }
            freeOwedRow(row)
            touch(index)
        }
        var bookkeeping = batch.bookkeeping
        bookkeeping.append(pending.bookkeeping)
        pending.bookkeeping = bookkeeping
        pending.handedOut = batch.handedOut + pending.handedOut
        tellWrite()
    }

    /// Puts the receipts of a batch's decisions into one row.
    private mutating func owe(_ index: Int) {
        let row = newOwedRow(position: nextOwedPosition, index, series[index].decided)
        nextOwedPosition += 1
        pending.decided.append((index, row))
        pending.rows.put(
            StoreKey(DeliveryTables.owed, owedRows[row].position),
            InboxRow.owed(
                senders[series[index].sender].id,
                series[index].series,
                series[index].decided.compactMap { number in
                    series[index].decisions[number].map { (number, $0) }
                }
            )
        )
        for number in series[index].decided { series[index].decisions[number]?.row = row }
        series[index].decided = []
    }

    /// The receipts of a row may be sent.
    private mutating func owe(_ index: Int, _ row: Int, now: Instant, wallNow: WallTime) {
        var expires = WallTime(millisecondsSince1970: 0)
        let numbers = owedRows[row].numbers
        for number in numbers {
            guard let decision = series[index].decisions[number] else { continue }
            series[index].decisions[number]?.state = .owed
            expires = max(expires, decision.expires)
            queueOwed(index, number)
        }
        setOwedTimer(row, expires, now: now, wallNow: wallNow)
        // Those that were settled meanwhile are not owed; one answer is on its way all the same.
        for number in numbers where number < series[index].window.floor { settle(index, number) }
    }

    mutating func setOwedTimer(_ row: Int, _ expires: WallTime, now: Instant, wallNow: WallTime) {
        let left = expires.millisecondsSince1970.subtractingReportingOverflow(wallNow.millisecondsSince1970)
        let rest = left.overflow ? 0 : max(left.partialValue, 0)
        owedTimers.set(
            row,
            to: now + .milliseconds(min(rest, MessageHeader.lifetimeMax.milliseconds)) + limits.retention
        )
    }

    // MARK: Rows of receipts

    mutating func newOwedRow(position: UInt64, _ index: Int, _ numbers: [UInt64]) -> Int {
        let fresh = OwedRow(position: position, series: index, numbers: numbers, count: numbers.count)
        guard let row = freeOwedRows.popLast() else {
            owedRows.append(fresh)
            return owedRows.count - 1
        }
        owedRows[row] = fresh
        return row
    }

    mutating func freeOwedRow(_ row: Int) {
        owedTimers.remove(row)
        owedRows[row].numbers = []
        freeOwedRows.append(row)
    }

    /// A receipt is no longer owed, when it was; a message that is held is wanted no longer.
    mutating func settle(_ index: Int, _ number: UInt64) {
        guard let decision = series[index].decisions[number] else { return }
        switch decision.state {
        case .reading, .storing: return
        case .held: return dropHeld(index, number, decision)
        case .owed: break
        }
        series[index].decisions[number] = nil
        owedCount -= 1
        senders[series[index].sender].owedCount -= 1
        owedRows[decision.row].count -= 1
        guard owedRows[decision.row].count == 0 else { return }
        pending.bookkeeping.remove(StoreKey(DeliveryTables.owed, owedRows[decision.row].position))
        freeOwedRow(decision.row)
        tellWrite()
    }
}
