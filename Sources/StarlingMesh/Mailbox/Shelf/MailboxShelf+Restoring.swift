package import StarlingCore

// The shelf after a restart, from the rows that were committed.
extension MailboxShelf {
    /// Takes one row of ``MailboxTables/shelf``, in their order.
    ///
    /// A row that is not taken changes nothing; tell it, and go on with the next.
    package mutating func restore(_ row: StoreRow, now: Instant, wallNow: WallTime) throws(DeliveryRowError) {
        guard row.key.table == MailboxTables.shelf, case .number(let position) = row.key.place else {
            throw .unknownTable
        }
        guard position <= DeliveryTables.positionMax, position >= nextPosition else { throw .inconsistent }
        let parsed: MailboxRow
        do throws(ProtobufError) { parsed = try MailboxRow(row.value.span) } catch { throw .malformed(error) }
        switch parsed {
        case .envelope(let bytes, let received):
            try restore(envelope: bytes, received, position, now: now, wallNow: wallNow)
        case .receipt(let bytes, let received, let expires, let ids):
            try restore(receipt: bytes, received, expires, ids, position, now: now, wallNow: wallNow)
        }
    }

    /// All rows are there: what is of no more use goes.
    package mutating func finishRestoring(now: Instant) { advance(to: now) }

    private mutating func restore(
        envelope bytes: [UInt8],
        _ received: WallTime,
        _ position: UInt64,
        now: Instant,
        wallNow: WallTime
    ) throws(DeliveryRowError) {
        let header: MessageHeader
        do throws(EnvelopeError) { header = try Envelope(parsing: bytes.span).header } catch {
            guard case .malformed(let reason) = error else { throw .inconsistent }
            throw .malformed(reason)
        }
        guard let to = header.to, let place = header.place, !isKnown(header.id, of: header.from) else {
            throw .inconsistent
        }
        let since = now - stay(since: received, of: header.created, wallNow: wallNow)
        let ends = now + (timeLeft(of: header, wallNow: wallNow) ?? .zero)
        restore(
            Slot(
                id: header.id,
                sender: party(header.from),
                recipient: party(to),
                place: place,
                byteCount: bytes.count,
                received: received,
                since: since,
                ends: ends,
                expires: min(ends, since + limits.lifetime),
                position: position
            )
        )
    }

    private mutating func restore(
        receipt bytes: [UInt8],
        _ received: WallTime,
        _ expires: WallTime,
        _ ids: [MessageID],
        _ position: UInt64,
        now: Instant,
        wallNow: WallTime
    ) throws(DeliveryRowError) {
        let receipt: Receipt
        do throws(EnvelopeError) { receipt = try Receipt(parsing: bytes.span) } catch {
            guard case .malformed(let reason) = error else { throw .inconsistent }
            throw .malformed(reason)
        }
        guard Set(ids).count == ids.count, ids.allSatisfy({ !isKnown($0, of: receipt.to) }) else {
            throw .inconsistent
        }
        let longest = MessageHeader.lifetimeMax + limits.clockTolerance
        let since = now - stay(since: received, of: receipt.created, wallNow: wallNow)
        let ends = now + min(age(of: wallNow, wallNow: expires), longest)
        restore(
            Slot(
                id: ids[0],
                sender: party(receipt.from),
                recipient: party(receipt.to),
                place: nil,
                receipted: ids,
                byteCount: bytes.count,
                received: received,
                since: since,
                ends: ends,
                expires: min(ends, since + limits.lifetime),
                position: position
            )
        )
    }

    private mutating func restore(_ fresh: Slot) {
        let slot = insert(fresh)
        slots[slot].mayHaveRow = true
        share(slot)
    }

    private func isKnown(_ id: MessageID, of sender: PeerID) -> Bool {
        guard let party = partyIndex[sender] else { return false }
        let name = Name(sender: party, id: id)
        return copies[name] != nil || receipts[name] != nil
    }

    /// How long something has been here: no longer than it has existed, however far behind the clock was when it came.
    private func stay(since received: WallTime, of created: WallTime, wallNow: WallTime) -> Duration {
        min(age(of: received, wallNow: wallNow), age(of: created, wallNow: wallNow) + limits.clockTolerance)
    }

    /// How long before another time a time was; nothing when it was after.
    private func age(of time: WallTime, wallNow: WallTime) -> Duration {
        let (age, overflow) = wallNow.millisecondsSince1970
            .subtractingReportingOverflow(time.millisecondsSince1970)
        return .milliseconds(overflow ? 0 : max(0, age))
    }
}
