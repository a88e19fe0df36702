package import StarlingCore

// The inbox after a restart, from the rows that were committed.
extension Inbox {
    /// Takes one row; the tables in the order of ``DeliveryTables/ofInbox``, each in the order of its keys.
    ///
    /// A row that is not taken changes nothing; tell it, and go on with the next.
    package mutating func restore(_ row: StoreRow, now: Instant, wallNow: WallTime) throws(DeliveryRowError) {
        if case .number(let position) = row.key.place, position > DeliveryTables.positionMax {
            throw .inconsistent
        }
        do throws(ProtobufError) {
            switch (row.key.table, row.key.place) {
            case (DeliveryTables.series, .name(let key)):
                try restore(InboxRow.series(key, row.value.span, count: limits.windowCount))
                return
            case (DeliveryTables.broadcasts, .name(let key)):
                try restoreBroadcast(key, row.value.span, now: now, wallNow: wallNow)
                return
            case (DeliveryTables.attempts, .number(let position)):
                attempts[position] = Int(Int32(clamping: try InboxRow.counter(row.value.span)))
                return
            case (DeliveryTables.inboxCounter, .number):
                let reserved = try InboxRow.counter(row.value.span)
                guard reserved <= DeliveryTables.positionMax else { throw .invalidValue(fieldNumber: 1) }
                reservedPosition = reserved
                return
            default: break
            }
        } catch {
            throw .malformed(error)
        }
        switch (row.key.table, row.key.place) {
        case (DeliveryTables.owed, .number(let position)):
            try restoreOwed(row.value.span, position, now: now, wallNow: wallNow)
        case (DeliveryTables.held, .number(let position)):
            try restoreHeld(row.value.span, position, now: now, wallNow: wallNow)
        case (DeliveryTables.inbox, .number(let position)):
            try restore(InboxRow(row.value.span, position: position), wallNow: wallNow)
        default: throw .unknownTable
        }
    }

    /// All rows are there.
    package mutating func finishRestoring() {
        // An entry and the row that counts its attempts are removed in one batch; what is left over has lost its entry.
        for position in attempts.keys.sorted() {
            pending.bookkeeping.remove(StoreKey(DeliveryTables.attempts, position))
        }
        attempts = [:]
        nextPosition = max(nextPosition, reservedPosition + 1)
        tellWrite()
    }

    private mutating func restore(_ row: InboxRow.SeriesState) {
        let sender = sender(row.sender)
        guard seriesIndex[SeriesName(sender: sender, series: row.series)] == nil else { return }
        _ = addSeries(Series(sender: sender, series: row.series, window: row.window, expires: row.expires))
    }

    private mutating func restoreOwed(
        _ bytes: Span<UInt8>,
        _ position: UInt64,
        now: Instant,
        wallNow: WallTime
    ) throws(DeliveryRowError) {
        nextOwedPosition = max(nextOwedPosition, position + 1)
        let parsed: (sender: PeerID, series: UInt64, entries: [(UInt64, Decision)])
        do throws(ProtobufError) { parsed = try InboxRow.owed(bytes) } catch { throw .malformed(error) }
        let key = StoreKey(DeliveryTables.owed, position)
        guard let sender = senderIndex[parsed.sender],
            let index = seriesIndex[SeriesName(sender: sender, series: parsed.series)]
        else {
            pending.bookkeeping.remove(key)
            throw .inconsistent
        }
        // Those below the floor were settled by a batch that came after.
        let live = parsed.entries.filter {
            $0.0 >= series[index].window.floor && series[index].window.standing(of: $0.0) == .decided
                && series[index].decisions[$0.0] == nil
        }
        guard !live.isEmpty else { return pending.bookkeeping.remove(key) }
        let row = newOwedRow(position: position, index, live.map(\.0))
        var expires = WallTime(millisecondsSince1970: 0)
        for (number, decision) in live {
            var decision = decision
            decision.row = row
            series[index].decisions[number] = decision
            series[index].expires = max(series[index].expires, decision.expires)
            expires = max(expires, decision.expires)
        }
        owedCount += live.count
        senders[sender].owedCount += live.count
        setOwedTimer(row, expires, now: now, wallNow: wallNow)
    }

    private mutating func restore(_ row: InboxRow, wallNow: WallTime) throws(DeliveryRowError) {
        let position = row.entry.position
        guard entries[position] == nil, position >= nextPosition else { throw .inconsistent }
        nextPosition = position + 1
        var entry = Entry(entry: row.entry, sender: sender(row.entry.from))
        if let attempt = attempts.removeValue(forKey: position) {
            entry.entry.attempt = max(entry.entry.attempt, attempt)
            entry.hasAttemptRow = true
        }
        entries[position] = entry
        hold(1, entry.entry.byteCount, of: entry.sender)
        order.append(position)
        if ids[entry.entry.id] == nil { ids[entry.entry.id] = position }
        guard let place = row.place else { return }
        // Only when the series' own row was damaged does it not know this number.
        let name = SeriesName(sender: entry.sender, series: place.series)
        let floor = place.number >= limits.windowCount ? place.number - limits.windowCount + 1 : 1
        guard
            let index = seriesIndex[name]
                ?? newSeries(entry.sender, place.series, floor: floor, wallNow: wallNow)
        else { return }
        if series[index].window.standing(of: place.number) == .open {
            series[index].window.decide(place.number)
            touch(index)
        }
    }
}
