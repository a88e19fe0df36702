package import StarlingCore

// What is written of copies, and what is there after a restart.
extension MailboxSender {
    // MARK: Writing

    /// What is to be written next; `nil` when there is nothing, or when the last batch is still on its way.
    package mutating func takeBatch() -> StoreBatch? {
        isWriteTold = false
        guard inFlight == nil, hasPending else { return nil }
        var batch = Batch(rows: removed, promised: promises)
        (removed, promises) = (StoreBatch(), [])
        for slot in dirty {
            guard let message = messages[slot], message.isDirty else { continue }
            messages[slot]?.isDirty = false
            let key = StoreKey(MailboxTables.copies, message.id.bytes)
            if message.copies.isEmpty {
                guard message.hasRow else { continue }
                batch.rows.remove(key)
            } else {
                batch.rows.put(key, row(of: message).encoded)
            }
            messages[slot]?.hasRow = !message.copies.isEmpty
            batch.written.append((slot, message.generation))
        }
        dirty = []
        inFlight = batch
        return batch.rows
    }

    var hasPending: Bool { !dirty.isEmpty || !removed.isEmpty }

    /// The batch is on the disk: what it counts may be offered.
    package mutating func stored(now: Instant) {
        guard let batch = inFlight else { return }
        inFlight = nil
        for (slot, generation, mailbox) in batch.promised where isPromised(slot, generation, mailbox) {
            let mayGo =
                mailboxes[mailbox].isUp && mailboxes[mailbox].pausedUntil == nil
                && messages[slot]?.isReady == true
            if mayGo { offer(slot, mailbox, now: now) } else { drop(mailbox, of: slot) }
        }
        pumpMarked(now: now)
        tellWrite()
    }

    /// The batch was not written, and nothing of it is on the disk.
    package mutating func storeFailed(now: Instant) {
        guard let batch = inFlight else { return }
        inFlight = nil
        for (slot, generation, mailbox) in batch.promised where isPromised(slot, generation, mailbox) {
            drop(mailbox, of: slot)
            pause(mailbox, now: now)
        }
        for (slot, generation) in batch.written where messages[slot]?.generation == generation {
            // The row may be there from before, or not.
            messages[slot]?.hasRow = true
            touch(slot)
        }
        for change in batch.rows.changes {
            guard case .remove(let key) = change else { continue }
            removed.remove(key)
        }
        tellWrite()
    }

    private func isPromised(_ slot: Int, _ generation: UInt64, _ mailbox: Int) -> Bool {
        messages[slot]?.generation == generation && holds(mailbox, slot) == .promised
    }

    /// Sees that the row of a message is written.
    mutating func touch(_ slot: Int) {
        guard messages[slot]?.isDirty == false else { return }
        messages[slot]?.isDirty = true
        dirty.append(slot)
    }

    mutating func tellWrite() {
        guard !isWriteTold, inFlight == nil, hasPending else { return }
        isWriteTold = true
        actions.append(.write)
    }

    private func row(of message: Message) -> MailboxCopyRow {
        MailboxCopyRow(
            to: recipients[message.recipient].id,
            expires: message.expires,
            copies: message.copies.map {
                .init(mailbox: mailboxes[$0.mailbox].id, stored: $0.state == .stored ? $0.since : nil)
            }
        )
    }

    // MARK: Restoring

    /// Takes one row of ``MailboxTables/copies``.
    ///
    /// A row that is not taken changes nothing; tell it, and go on with the next.
    package mutating func restore(_ row: StoreRow, now: Instant, wallNow: WallTime) throws(DeliveryRowError) {
        guard row.key.table == MailboxTables.copies, case .name(let name) = row.key.place else {
            throw .unknownTable
        }
        let parsed: MailboxCopyRow
        do throws(ProtobufError) { parsed = try MailboxCopyRow(row.value.span) } catch {
            throw .malformed(error)
        }
        guard let id = MessageID(bytes: name), index[id] == nil, parsed.to != own else { throw .inconsistent }
        let slot = add(id, to: parsed.to, expires: parsed.expires, now: now, wallNow: wallNow)
        messages[slot]?.isHeld = false
        messages[slot]?.hasRow = true
        for copy in parsed.copies {
            guard let mailbox = use(copy.mailbox) else { continue }
            let state: Copy.State = copy.stored == nil ? .unknown : .stored
            messages[slot]?.copies.append(Copy(mailbox: mailbox, state: state, since: copy.stored))
        }
    }

    /// All rows are there, and the outbox has told with ``hold(_:to:expires:now:wallNow:)`` what waits: the rest is settled.
    package mutating func finishRestoring(now: Instant) {
        for slot in slots() where messages[slot]?.isHeld == false { settle(slot, now: now) }
        tellWrite()
    }
}

/// A row of ``MailboxTables/copies``: who has a message, or may have it.
///
///     message Row { bytes to = 1; uint64 expires_ms = 2; repeated Copy copies = 3; }
///     message Copy { bytes mailbox = 1; uint64 stored_ms = 2; }
///
/// Without a time it is not known whether the mailbox has it.
struct MailboxCopyRow: Equatable, Sendable {
    struct Copy: Equatable, Sendable {
        var mailbox: PeerID
        var stored: WallTime?
    }

    var to: PeerID
    var expires: WallTime
    var copies: [Copy]

    init(to: PeerID, expires: WallTime, copies: [Copy]) {
        self.to = to
        self.expires = expires
        self.copies = copies
    }

    init(_ bytes: Span<UInt8>) throws(ProtobufError) {
        var (to, expires, copies): (PeerID?, UInt64?, [Copy]) = (nil, nil, [])
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: to = try field.peerID(in: bytes)
            case 2: expires = try field.varint()
            case 3:
                guard copies.count < MailboxProtocol.copyCountMax else {
                    throw .tooManyEntries(fieldNumber: 3)
                }
                copies.append(try Self.copy(bytes, try field.range()))
            default: break
            }
        }
        guard let to else { throw .missingField(fieldNumber: 1) }
        guard let expires else { throw .missingField(fieldNumber: 2) }
        for (index, copy) in copies.enumerated()
        where copies[..<index].contains(where: { $0.mailbox == copy.mailbox }) {
            throw .invalidValue(fieldNumber: 3)
        }
        self.init(to: to, expires: WallTime(millisecondsSince1970: Int64(clamping: expires)), copies: copies)
    }

    var encoded: [UInt8] {
        var writer = ProtobufWriter()
        writer.name(1, to)
        writer.varint(2, UInt64(clamping: expires.millisecondsSince1970))
        for copy in copies {
            writer.message(3) { inner in
                inner.name(1, copy.mailbox)
                if let stored = copy.stored {
                    inner.varint(2, UInt64(clamping: stored.millisecondsSince1970))
                }
            }
        }
        return writer.bytes
    }

    private static func copy(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) -> Copy {
        var (mailbox, stored): (PeerID?, UInt64) = (nil, 0)
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: mailbox = try field.peerID(in: bytes)
            case 2: stored = try field.varint()
            default: break
            }
        }
        guard let mailbox else { throw .missingField(fieldNumber: 1) }
        let time = WallTime(millisecondsSince1970: Int64(clamping: stored))
        return Copy(mailbox: mailbox, stored: stored > 0 ? time : nil)
    }
}
