package import StarlingCore

// Fetching and erasing: what recipients take, and why copies go.
extension MailboxShelf {
    // MARK: Recipients

    /// The part of what is kept for a peer that it asks for.
    package func fetch(_ fetch: MailboxFetch, for peer: PeerID) -> MailboxPageRequest {
        guard let party = partyIndex[peer] else { return MailboxPageRequest(keys: [], next: 0) }
        var keys: [StoreKey] = []
        var (room, last): (Int, UInt64) = (fetch.byteCountMax, 0)
        var slot = parties[party].first
        while slot >= 0 {
            let entry = slots[Int(slot)]
            slot = entry.next
            guard entry.state == .kept, entry.ordinal > fetch.after else { continue }
            guard keys.count < fetch.countMax, keys.isEmpty || entry.byteCount <= room else {
                return MailboxPageRequest(keys: keys, next: last)
            }
            keys.append(StoreKey(MailboxTables.shelf, entry.position))
            room -= entry.byteCount
            last = entry.ordinal
        }
        return MailboxPageRequest(keys: keys, next: 0)
    }

    /// The page that was asked for, from what its rows hold; `nil` stands for a row that could not be read.
    ///
    /// What cannot be read is forgotten.
    package mutating func page(_ request: MailboxPageRequest, rows: [[UInt8]?]) -> MailboxPage {
        var page = MailboxPage(next: request.next)
        for (key, value) in zip(request.keys, rows) {
            switch value.flatMap({ try? MailboxRow($0.span) }) {
            case .envelope(let envelope, _)?: page.envelopes.append(envelope)
            case .receipt(let receipt, _, _, _)?: page.receipts.append(receipt)
            case nil:
                guard case .number(let position) = key.place,
                    let slot = slots.firstIndex(where: { $0.state == .kept && $0.position == position })
                else { continue }
                remove(slot)
            }
        }
        tellWrite()
        return page
    }

    /// A recipient says over its own connection what became of messages; its signature has been checked.
    ///
    /// The messages that it ends are erased, and the receipt is kept for their sender: the two may never meet.
    package mutating func acknowledge(_ receipt: Receipt, now: Instant, wallNow: WallTime) {
        let ended = end(receipt)
        if let ends = ended.ends { keep(receipt, ended.ids, ends: ends, now: now, wallNow: wallNow) }
        answerErased(receipt.from, receipt.finalIDs, isWritten: ended.ids.isEmpty)
        tellWrite()
    }

    /// Erases what a receipt ends.
    private mutating func end(_ receipt: Receipt) -> (ids: [MessageID], ends: Instant?) {
        var (ids, ends): ([MessageID], Instant?) = ([], nil)
        for entry in receipt.entries {
            guard let slot = slot(endedBy: entry, of: receipt) else { continue }
            ids.append(entry.id)
            ends = max(ends ?? slots[slot].ends, slots[slot].ends)
            remove(slot)
        }
        return (ids, ends)
    }

    private func slot(endedBy entry: Receipt.Entry, of receipt: Receipt) -> Int? {
        guard !entry.outcome.isTransient, let sender = partyIndex[receipt.to],
            let slot = copies[Name(sender: sender, id: entry.id)],
            parties[slots[slot].recipient].id == receipt.from
        else { return nil }
        return slot
    }

    /// The messages that are here and that a receipt erases if its signature holds: where there are none, it is not worth
    /// checking.
    package func messages(endedBy receipt: Receipt) -> [MessageName] {
        receipt.entries.filter { slot(endedBy: $0, of: receipt) != nil }
            .map { MessageName(from: receipt.to, id: $0.id) }
    }

    /// A recipient names messages of which none is here, in a receipt that nobody has checked: it is told so, and nothing changes.
    package mutating func acknowledgeNothing(_ receipt: Receipt, by peer: PeerID) {
        answerErased(peer, receipt.finalIDs, isWritten: true)
        tellWrite()
    }

    private mutating func keep(
        _ receipt: Receipt,
        _ ids: [MessageID],
        ends: Instant,
        now: Instant,
        wallNow: WallTime
    ) {
        let encoded = receipt.encoded
        guard unwrittenByteCount + encoded.count <= limits.unwrittenByteCountMax,
            makeRoom(encoded.count, sender: receipt.from, recipient: receipt.to, now: now)
        else { return }
        let slot = insert(
            Slot(
                id: ids[0],
                sender: party(receipt.from),
                recipient: party(receipt.to),
                place: nil,
                receipted: ids,
                byteCount: encoded.count,
                received: wallNow,
                since: now,
                ends: ends,
                expires: min(ends, now + limits.lifetime)
            )
        )
        let end = wallNow.millisecondsSince1970.addingReportingOverflow(
            now.duration(to: ends).milliseconds
        )
        let wallEnd = WallTime(millisecondsSince1970: end.overflow ? .max : end.partialValue)
        write(slot, .receipt(encoded, received: wallNow, expires: wallEnd, ids: ids))
    }

    // MARK: Senders and recipients

    /// A peer says over its own connection that messages need not be kept: those that it sent, those to it, and receipts
    /// for it.
    package mutating func erase(_ ids: [MessageID], by peer: PeerID) {
        let before = count
        var isWritten = true
        for id in ids {
            guard let party = partyIndex[peer] else { break }
            let name = Name(sender: party, id: id)
            if let slot = copies[name] { remove(slot) }
            guard let party = partyIndex[peer], let slot = receipts[Name(sender: party, id: id)] else {
                continue
            }
            receipts[Name(sender: party, id: id)] = nil
            slots[slot].receipted.removeAll { $0 == id }
            if slots[slot].receipted.isEmpty { remove(slot) }
        }
        for id in ids {
            guard let party = partyIndex[peer], parties[party].count > 0 else { break }
            for slot in boxed.slots(for: party, id) { remove(slot) }
        }
        if count != before { isWritten = false }
        answerErased(peer, ids, isWritten: isWritten)
        tellWrite()
    }

    /// Answers that messages are not here, once the disk knows.
    private mutating func answerErased(_ peer: PeerID, _ ids: [MessageID], isWritten: Bool) {
        for first in stride(from: 0, to: ids.count, by: MailboxProtocol.idCountMax) {
            let part = Array(ids[first..<min(first + MailboxProtocol.idCountMax, ids.count)])
            // What an earlier ask erased may be on its way to the disk, too.
            if isWritten, pending.bookkeeping.isEmpty, inFlight == nil {
                actions.append(.erased(to: peer, part))
            } else if (inFlight?.erasedCount ?? 0) + pending.erasedCount + part.count <= limits.erasedCountMax
            {
                pending.erased.append((peer, part))
                pending.erasedCount += part.count
            }
        }
    }

    // MARK: Reports

    /// How this mailbox stands to a peer, and which of some messages of the peer's it does not have.
    package func status(for peer: PeerID, _ ids: [MessageID] = []) -> MailboxStatus {
        var status = MailboxStatus()
        status.serves = peer != own && policy.serves(peer)
        guard let party = partyIndex[peer] else {
            status.missing = ids
            return status
        }
        status.waitingCount = parties[party].count
        status.waitingByteCount = parties[party].byteCount
        status.leftCount = parties[party].leftCount
        status.leftByteCount = parties[party].leftByteCount
        status.missing = ids.filter { id in
            let name = Name(sender: party, id: id)
            return receipts[name] == nil && copies[name].map { slots[$0].state != .kept } ?? true
        }
        return status
    }

    /// What is kept of whom and for whom, by recipient and sender.
    package var holdings: [MailboxHolding] {
        partyIndex.keys.sorted().flatMap { recipient -> [MailboxHolding] in
            guard let party = partyIndex[recipient] else { return [] }
            var found: [Int: MailboxHolding] = [:]
            for slot in box(of: party) {
                let entry = slots[slot]
                var holding =
                    found[entry.sender]
                    ?? MailboxHolding(
                        recipient: recipient,
                        sender: parties[entry.sender].id,
                        count: 0,
                        byteCount: 0,
                        oldest: entry.received,
                        lastEnd: entry.expires
                    )
                holding.count += 1
                holding.byteCount += entry.byteCount
                holding.lastEnd = max(holding.lastEnd, entry.expires)
                found[entry.sender] = holding
            }
            return found.values.sorted { $0.sender < $1.sender }
        }
    }

    /// The tables that have a limit.
    package var tableFills: [TableFill] {
        var fills = [
            TableFill("mailbox copies", count, of: limits.countMax),
            TableFill("mailbox bytes", byteCount, of: limits.byteCountMax),
            TableFill("mailbox messages let go", letGoOrder.count, of: limits.letGoCountMax),
            TableFill("mailbox unwritten bytes", unwrittenByteCount, of: limits.unwrittenByteCountMax + 64),
        ]
        // Places that are free hold nothing.
        for entry in parties {
            fills += [
                TableFill("mailbox copies of a sender", entry.leftCount, of: limits.senderCountMax),
                TableFill("mailbox bytes of a sender", entry.leftByteCount, of: limits.senderByteCountMax),
                TableFill("mailbox copies for a recipient", entry.count, of: limits.recipientCountMax),
                TableFill("mailbox bytes for a recipient", entry.byteCount, of: limits.recipientByteCountMax),
            ]
        }
        return fills
    }
}

extension Receipt {
    /// The messages that have reached their end by it.
    fileprivate var finalIDs: [MessageID] { entries.filter { !$0.outcome.isTransient }.map(\.id) }
}
