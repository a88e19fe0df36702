package import StarlingCore

// The outbox after a restart, from the rows that were committed.
extension Outbox {
    /// Takes one row; first those of ``DeliveryTables/lanes``, then those of ``DeliveryTables/outbox`` in their order.
    ///
    /// A row that is not taken changes nothing; tell it, and go on with the next.
    package mutating func restore(_ row: StoreRow, now: Instant, wallNow: WallTime) throws(DeliveryRowError) {
        switch (row.key.table, row.key.place) {
        case (DeliveryTables.outbox, .number(let position)) where position > DeliveryTables.positionMax:
            throw .inconsistent
        case (DeliveryTables.lanes, .name(let key)):
            try restore(OutboxRow.lane(key, row.value.span), now: now)
        case (DeliveryTables.outbox, .number(let position)):
            let parsed: OutboxRow
            do throws(ProtobufError) {
                parsed = try OutboxRow(row.value.span, position: position)
            } catch {
                throw .malformed(error)
            }
            switch parsed {
            case .live(let envelope, let key, let file):
                try restore(envelope, key, file, position, now: now, wallNow: wallNow)
            case .ended(let message, let key):
                guard history[message.id] == nil, index[message.id] == nil else { throw .inconsistent }
                history[message.id] = Ended(message: message, key: key)
                keepPath(of: message.id)
                if let key { keys[key] = message.id }
            }
            nextPosition = max(nextPosition, position + 1)
        default: throw .unknownTable
        }
    }

    /// All rows are there: what waits wants to be reached.
    package mutating func finishRestoring(now: Instant, wallNow: WallTime) {
        restoreNumbers()
        let ended = history.values.sorted { left, right in
            (left.message.ended?.millisecondsSince1970 ?? 0, left.message.position)
                < (right.message.ended?.millisecondsSince1970 ?? 0, right.message.position)
        }
        for entry in ended { historyOrder.append(entry.message.id) }
        trimHistory(wallNow: wallNow)
        while historyOrder.count > limits.historyCountMax { forgetOldest() }
        for peer in peers.indices { wake(peer, now: now) }
        tellWrite()
    }

    private mutating func restore(_ row: OutboxRow.Lane, now: Instant) throws(DeliveryRowError) {
        let peer = peer(row.peer)
        guard peers[peer].lanes[row.name.index] < 0 else { throw .inconsistent }
        _ = addLane(
            OutboxLane(
                peer: peer,
                name: row.name,
                series: row.series,
                numbers: LaneNumbers(from: 1),
                reserved: row.reserved,
                reservedOnDisk: row.reserved,
                lastProgress: now
            )
        )
    }

    private mutating func restore(
        _ bytes: [UInt8],
        _ key: [UInt8]?,
        _ file: BlobID?,
        _ position: UInt64,
        now: Instant,
        wallNow: WallTime
    ) throws(DeliveryRowError) {
        let envelope: Envelope
        do throws(EnvelopeError) {
            envelope = try Envelope(parsing: bytes.span)
        } catch {
            guard case .malformed(let reason) = error else { throw .inconsistent }
            throw .malformed(reason)
        }
        let header = envelope.header
        guard let to = header.to, let place = header.place, header.from == own,
            index[header.id] == nil, history[header.id] == nil
        else { throw .inconsistent }
        let peer = peer(to)
        let name = LaneName(priority: header.priority, hasFiles: file != nil)
        if peers[peer].lanes[name.index] < 0 {
            // The lane's own row is damaged; what it said is worked out at the end.
            try restore(
                .init(peer: to, name: name, series: place.series, reserved: 0),
                now: now
            )
        }
        let lane = peers[peer].lanes[name.index]
        guard lanes[lane].series == place.series,
            !restoredNumbers.contains(RestoredNumber(lane: lane, number: place.number))
        else { throw .inconsistent }
        let slot = newSlot(id: header.id, now: now)
        restored.append((lane, place.number, slot))
        restoredNumbers.insert(RestoredNumber(lane: lane, number: place.number))
        let left = header.expires.millisecondsSince1970.subtractingReportingOverflow(
            wallNow.millisecondsSince1970
        )
        let remaining = left.overflow ? 0 : min(max(left.partialValue, 0), header.lifetimeMilliseconds)
        slots[slot].state = .waiting
        slots[slot].lane = lane
        slots[slot].number = place.number
        slots[slot].position = position
        slots[slot].byteCount = envelope.body.count
        slots[slot].created = header.created
        slots[slot].lifetimeMilliseconds = header.lifetimeMilliseconds
        slots[slot].privacy = header.privacy
        slots[slot].hopLimit = header.hopLimit
        slots[slot].path = header.recordsPath ? [] : nil
        slots[slot].expires = now + .milliseconds(remaining)
        slots[slot].key = key
        slots[slot].file = file
        index[header.id] = slot
        positions[position] = slot
        if let key { keys[key] = header.id }
        lifetimes.set(slot, to: slots[slot].expires)
        append(slot, to: .waiting)
        count += 1
        byteCount += envelope.body.count
    }

    /// Puts the messages behind their numbers, and skips every number that may have been given.
    private mutating func restoreNumbers() {
        restored.sort { ($0.lane, $0.number) < ($1.lane, $1.number) }
        for lane in lanes.indices { lanes[lane].numbers = LaneNumbers(from: 1) }
        for (lane, number, slot) in restored {
            lanes[lane].numbers.skip(to: number)
            lanes[lane].numbers.append(Int32(slot))
        }
        (restored, restoredNumbers) = ([], [])
        for lane in lanes.indices where peers[lanes[lane].peer].lanes[lanes[lane].name.index] == lane {
            if lanes[lane].reserved == 0 {
                // The recipient has seen no number beyond the window of the lowest that is not settled.
                reserve(max(lanes[lane].numbers.floor + limits.windowCount, lanes[lane].numbers.next), lane)
            }
            lanes[lane].numbers.skip(to: lanes[lane].reserved + 1)
        }
    }
}
