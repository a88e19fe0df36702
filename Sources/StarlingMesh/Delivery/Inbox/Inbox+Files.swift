package import StarlingCore

// Messages with files. Such a message is held, on the disk, until the file is whole; only then it becomes an entry, and
// only then its receipt is owed. Its number is open until then: a sender that gives it up takes it back with its floor.
extension Inbox {
    struct Held: Sendable {
        var ticket: InboxTicket
        var message: HeldMessage
        /// Whether its row is on the disk.
        var isStored = false
        /// Whether a batch that ends it is on its way.
        var isEnding = false
    }

    // MARK: Looking

    /// Messages whose files are not here yet, in the order of their coming.
    package var heldMessages: [HeldMessage] {
        heldIndex.sorted { $0.key < $1.key }.compactMap { held[$0.value]?.message }
    }

    /// How many they are.
    package var heldCount: Int { heldIndex.count }

    /// What their files may take together, of a store that takes so much; one alone may be larger.
    package func heldFileByteCountMax(storeByteCountMax: UInt64) -> UInt64 {
        storeByteCountMax - storeByteCountMax / UInt64(limits.ownFilesDivisor)
    }

    /// A message whose file is not here yet; `nil` when there is none of that position.
    package func heldMessage(at position: UInt64) -> HeldMessage? { hold(at: position)?.message }

    private func hold(at position: UInt64) -> Held? { heldIndex[position].flatMap { held[$0] } }

    // MARK: Holding

    /// Keeps a message that was offered until its file is here.
    ///
    /// Once that is on the disk, ``InboxAction/held(position:)`` asks for the file, and the sender is told that it is
    /// being fetched. With too many held already, or files too large together, the sender is told to come again.
    ///
    /// - Parameter storeByteCountMax: What all files together may take.
    package mutating func hold(
        _ ticket: InboxTicket,
        _ content: MessageContent,
        _ attachment: BlobAttachment,
        storeByteCountMax: UInt64,
        now: Instant,
        wallNow: WallTime
    ) {
        guard let place = ticket.header.place, isOpen(ticket) else { preconditionFailure("not offered") }
        let sender = series[ticket.series].sender
        let free = limits.heldCountMax - heldCount
        guard free > 0, isWithinShare(senders[sender].heldCount, free: free),
            hasRoom(attachment.id.byteCount, of: sender, storeByteCountMax)
        else {
            abandon(ticket)
            _ = refused(ticket.header.id, .refusedNoSpace, sender)
            return
        }
        let position = nextHeldPosition
        let row = HeldRow(header: ticket.header, content: content.encoded, received: wallNow)
        let ticket = book(ticket, byteCount: row.content.count)
        let index = keep(ticket, content.type, attachment, position, wallNow, now: now, wallNow: wallNow)
        series[ticket.series].decisions[place.number]?.state = .held
        series[ticket.series].decisions[place.number]?.held = index
        pending.rows.put(StoreKey(DeliveryTables.held, position), row.encoded)
        pending.held.append(position)
        touch(ticket.series)
    }

    /// Whether a sender's file may be waited for, next to those that are.
    ///
    /// One that is larger than the part for such files may be when it is the only one.
    private func hasRoom(_ byteCount: UInt64, of sender: Int, _ storeByteCountMax: UInt64) -> Bool {
        if heldFileByteCount == 0 { return true }
        let room = heldFileByteCountMax(storeByteCountMax: storeByteCountMax)
        guard heldFileByteCount < room, byteCount <= room - heldFileByteCount else { return false }
        let free = Int(clamping: room - heldFileByteCount)
        return isWithinShare(Int(clamping: senders[sender].heldFileByteCount), free: free)
    }

    /// Tells the sender how its file fares; the message stays held.
    ///
    /// - Precondition: the outcome is ``Receipt/Outcome/fetching`` or ``Receipt/Outcome/refusedNoSpace``.
    package mutating func tellHeld(_ position: UInt64, _ outcome: Receipt.Outcome) {
        precondition(outcome == .fetching || outcome == .refusedNoSpace)
        guard let index = heldIndex[position], let hold = held[index], hold.message.answer != outcome else {
            return
        }
        held[index]?.message.answer = outcome
        answerHeld(index)
    }

    /// The file of a message is here, whole and on the disk: the message becomes an entry.
    ///
    /// - Parameters:
    ///   - content: What the message's row says.
    ///   - handsOut: Whether somebody takes it as soon as it is written.
    /// - Returns: The entry's position; `nil` when the message is held no more.
    package mutating func release(
        _ position: UInt64,
        _ content: MessageContent,
        handsOut: Bool,
        now: Instant,
        wallNow: WallTime
    ) -> UInt64? {
        guard let ticket = beginEnding(position) else { return nil }
        return add(ticket, content, handsOut: handsOut, now: now, wallNow: wallNow)
    }

    /// Refuses a message that is held, for good.
    ///
    /// - Precondition: the outcome is final, and not `delivered`.
    package mutating func refuseHeld(_ position: UInt64, _ outcome: Receipt.Outcome, now: Instant) {
        guard let ticket = beginEnding(position) else { return }
        refuse(ticket, outcome, now: now)
    }

    private mutating func beginEnding(_ position: UInt64) -> InboxTicket? {
        guard let index = heldIndex[position], let hold = held[index], hold.isStored, !hold.isEnding else {
            return nil
        }
        held[index]?.isEnding = true
        holdTimers.remove(index)
        pending.rows.remove(StoreKey(DeliveryTables.held, position))
        pending.released.append(position)
        return hold.ticket
    }

    // MARK: The disk's word

    /// The rows of messages are on the disk, and those of others are gone.
    mutating func storedHeld(_ batch: Batch) {
        for position in batch.held {
            // It may have been settled meanwhile.
            guard let index = heldIndex[position] else { continue }
            held[index]?.isStored = true
            actions.append(.held(position: position))
            answerHeld(index)
        }
        for position in batch.released {
            forgetHeld(position)
            actions.append(.unheld(position: position))
        }
        for position in batch.dropped { actions.append(.unheld(position: position)) }
        for position in batch.forgotten { actions.append(.forgotten(position: position)) }
    }

    /// Messages that were to be held count as not come.
    mutating func storeFailedHeld(_ batch: Batch) {
        for position in batch.held {
            guard let hold = hold(at: position), let place = hold.ticket.header.place else { continue }
            endReading(hold.ticket)
            series[hold.ticket.series].decisions[place.number] = nil
            let sender = series[hold.ticket.series].sender
            queue(Answer(entry: .init(id: hold.ticket.header.id, outcome: .refusedFull)), sender)
            forgetHeld(position)
        }
        pending.dropped = batch.dropped + pending.dropped
        pending.forgotten = batch.forgotten + pending.forgotten
    }

    /// The end of a held message was not written: it is held as before, and its end is tried again.
    mutating func holdAgain(_ seriesIndex: Int, _ number: UInt64, _ decision: Decision, now: Instant) {
        guard let hold = held[decision.held] else { return }
        var decision = decision
        (decision.state, decision.outcome, decision.row, decision.isQueued) = (.held, .delivered, -1, false)
        series[seriesIndex].decisions[number] = decision
        held[decision.held]?.isEnding = false
        readingCount += 1
        self.hold(1, hold.ticket.byteCount, of: series[seriesIndex].sender)
        holdTimers.set(decision.held, to: now + limits.clockTolerance)
        actions.append(.held(position: hold.message.position))
    }

    /// A sender has settled the number of a message that is held: it will never take a receipt for it.
    mutating func dropHeld(_ seriesIndex: Int, _ number: UInt64, _ decision: Decision) {
        guard let hold = held[decision.held] else { return }
        series[seriesIndex].decisions[number] = nil
        endReading(hold.ticket)
        let key = StoreKey(DeliveryTables.held, hold.message.position)
        // Where the row is not written yet, its end stands behind it in the same batch.
        if pending.held.contains(hold.message.position) {
            pending.rows.remove(key)
        } else {
            pending.bookkeeping.remove(key)
        }
        pending.dropped.append(hold.message.position)
        forgetHeld(hold.message.position)
        tellWrite()
    }

    // MARK: Time

    mutating func advanceHeld(to now: Instant) {
        while let index = holdTimers.popFirst(through: now) {
            guard let position = held[index]?.message.position else { continue }
            guard held[index]?.isStored == true else {
                // The disk has not said yet that it is there at all.
                holdTimers.set(index, to: now + .seconds(1))
                return
            }
            refuseHeld(position, .expired, now: now)
        }
    }

    // MARK: Restoring

    mutating func restoreHeld(
        _ bytes: Span<UInt8>,
        _ position: UInt64,
        now: Instant,
        wallNow: WallTime
    ) throws(DeliveryRowError) {
        nextHeldPosition = max(nextHeldPosition, position + 1)
        let row: HeldRow
        let parsed: (content: MessageContent, attachment: BlobAttachment)
        do throws(ProtobufError) {
            row = try HeldRow(bytes)
            parsed = try row.parse()
        } catch {
            throw .malformed(error)
        }
        guard heldIndex[position] == nil, row.header.to == own, let place = row.header.place else {
            throw .inconsistent
        }
        let sender = sender(row.header.from)
        let known = seriesIndex[SeriesName(sender: sender, series: place.series)]
        // Only when the series' own row was damaged is it not there.
        guard let index = known ?? newSeries(sender, place.series, floor: place.floor, wallNow: wallNow)
        else { throw .inconsistent }
        guard series[index].window.standing(of: place.number) == .open,
            series[index].decisions[place.number] == nil
        else {
            pending.bookkeeping.remove(StoreKey(DeliveryTables.held, position))
            return
        }
        let ticket = InboxTicket(header: row.header, series: index, byteCount: row.content.count)
        begin(ticket, wallNow: wallNow)
        let hold = keep(
            ticket,
            parsed.content.type,
            parsed.attachment,
            position,
            row.received,
            now: now,
            wallNow: wallNow
        )
        series[index].decisions[place.number]?.state = .held
        series[index].decisions[place.number]?.held = hold
        held[hold]?.isStored = true
        actions.append(.held(position: position))
    }

    // MARK: Parts

    /// Books a message that is held as what its row keeps, as after a restart.
    private mutating func book(_ ticket: InboxTicket, byteCount: Int) -> InboxTicket {
        hold(0, byteCount - ticket.byteCount, of: series[ticket.series].sender)
        var ticket = ticket
        ticket.byteCount = byteCount
        return ticket
    }

    private mutating func keep(
        _ ticket: InboxTicket,
        _ type: MessageType,
        _ attachment: BlobAttachment,
        _ position: UInt64,
        _ received: WallTime,
        now: Instant,
        wallNow: WallTime
    ) -> Int {
        let header = ticket.header
        let message = HeldMessage(
            position: position,
            id: header.id,
            from: header.from,
            type: type,
            priority: header.priority,
            privacy: header.privacy,
            created: header.created,
            received: received,
            file: InboxFile(attachment),
            answer: .fetching
        )
        nextHeldPosition = max(nextHeldPosition, position + 1)
        let index = freeHeld.popLast() ?? held.count
        if index == held.count { held.append(nil) }
        held[index] = Held(ticket: ticket, message: message)
        heldIndex[position] = index
        let sender = series[ticket.series].sender
        senders[sender].heldCount += 1
        senders[sender].heldFileByteCount += attachment.id.byteCount
        heldFileByteCount += attachment.id.byteCount
        let left = header.expires.millisecondsSince1970.subtractingReportingOverflow(
            wallNow.millisecondsSince1970
        )
        let rest = left.overflow ? 0 : min(max(left.partialValue, 0), MessageHeader.lifetimeMax.milliseconds)
        holdTimers.set(index, to: now + .milliseconds(rest) + limits.clockTolerance)
        return index
    }

    private mutating func forgetHeld(_ position: UInt64) {
        guard let index = heldIndex.removeValue(forKey: position) else { return }
        if let hold = held[index], let place = hold.ticket.header.place {
            series[hold.ticket.series].decisions[place.number]?.held = -1
            let sender = series[hold.ticket.series].sender
            senders[sender].heldCount -= 1
            senders[sender].heldFileByteCount -= hold.message.file.id.byteCount
            heldFileByteCount -= hold.message.file.id.byteCount
        }
        held[index] = nil
        holdTimers.remove(index)
        freeHeld.append(index)
    }

    func answerOfHeld(_ decision: Decision) -> Receipt.Outcome? {
        guard decision.held >= 0, let hold = held[decision.held], hold.isStored else { return nil }
        return hold.message.answer
    }

    private mutating func answerHeld(_ index: Int) {
        guard let hold = held[index], hold.isStored else { return }
        let answer = Answer(entry: .init(id: hold.message.id, outcome: hold.message.answer))
        queue(answer, series[hold.ticket.series].sender)
    }
}
