package import StarlingCore

// Copies: who is offered one, what became of it, and how it goes.
extension MailboxSender {
    // MARK: Inputs

    /// What a mailbox made of an offer.
    ///
    /// - Returns: Whether it was waited for.
    @discardableResult
    package mutating func verdict(
        _ answer: MailboxAnswer.Verdict,
        from peer: PeerID,
        now: Instant,
        wallNow: WallTime
    ) -> Bool {
        guard let mailbox = mailboxIndex[peer], let slot = index[answer.id],
            let place = messages[slot]?.copies.firstIndex(where: { $0.mailbox == mailbox }),
            messages[slot]?.copies[place].state == .offered
        else { return false }
        mailboxes[mailbox].openCount -= 1
        mark(mailbox)
        answered(mailbox, now: now)
        switch answer.verdict {
        case .stored:
            messages[slot]?.copies[place].state = .stored
            messages[slot]?.copies[place].since = wallNow
            mailboxes[mailbox].pausing.reset()
            touch(slot)
            if messages[slot]?.isSettled == true {
                erase(slot, mailbox, now: now)
            } else {
                actions.append(.stored(answer.id, by: peer, at: wallNow))
            }
        case .refusedFull, .failed:
            drop(mailbox, of: slot)
            pause(mailbox, now: now)
            mailboxes[mailbox].isFull = true
            enqueue(slot, now: now)
        case .settled:
            drop(mailbox, of: slot)
            messages[slot]?.refusedBy.append(mailbox)
            actions.append(.fetch(from: peer))
        case .refusedByPolicy, .refusedTooLarge, .refusedReadable, .refusedForeign, .expired:
            drop(mailbox, of: slot)
            messages[slot]?.refusedBy.append(mailbox)
            enqueue(slot, now: now)
        }
        forgetIfDone(slot)
        pumpMarked(now: now)
        tellWrite()
        return true
    }

    /// The mailbox says that it does not have these messages.
    ///
    /// - Returns: Whether that was waited for of any of them.
    @discardableResult
    package mutating func erased(_ ids: [MessageID], by peer: PeerID, now: Instant) -> Bool {
        guard let mailbox = mailboxIndex[peer] else { return false }
        let answered = Set(ids)
        let asked = mailboxes[mailbox].erasing.filter { answered.contains($0) }
        mailboxes[mailbox].erasing.removeAll { answered.contains($0) }
        mark(mailbox)
        self.answered(mailbox, now: now)
        for id in asked {
            guard let slot = index[id] else { continue }
            drop(mailbox, of: slot)
            forgetIfDone(slot)
        }
        pumpMarked(now: now)
        tellWrite()
        return !asked.isEmpty
    }

    /// What the mailbox says of itself, and of the messages that it was asked about.
    ///
    /// - Returns: Whether it was waited for.
    @discardableResult
    package mutating func status(_ status: MailboxStatus, from peer: PeerID, now: Instant) -> Bool {
        guard let mailbox = mailboxIndex[peer], !mailboxes[mailbox].asking.isEmpty else { return false }
        let missing = Set(status.missing)
        let asked = mailboxes[mailbox].asking
        mailboxes[mailbox].asking = []
        mark(mailbox)
        answered(mailbox, now: now)
        for id in asked where missing.contains(id) {
            guard let slot = index[id], holds(mailbox, slot) == .stored else { continue }
            drop(mailbox, of: slot)
            actions.append(.lost(id, by: peer))
            enqueue(slot, now: now)
            forgetIfDone(slot)
        }
        pumpMarked(now: now)
        tellWrite()
        return true
    }

    // MARK: Work

    /// Lines a message up at the mailboxes that may have to do with it, and sees that they are reached.
    mutating func enqueue(_ slot: Int, now: Instant) {
        guard let message = messages[slot], message.isReady, !message.isSettled else { return }
        guard recipients[message.recipient].isListKnown else { return seek(message.recipient, now: now) }
        for mailbox in recipients[message.recipient].mailboxes where mayOffer(slot, mailbox) {
            lineUp(slot, at: mailbox)
            if !mailboxes[mailbox].isFull { reachSoon(mailbox, now: now) }
        }
    }

    /// Lines a message up at a mailbox that can be offered something; at any other all is lined up once it can.
    mutating func lineUp(_ slot: Int, at mailbox: Int) {
        guard mailboxes[mailbox].isUp, mailboxes[mailbox].pausedUntil == nil,
            mailboxes[mailbox].queued.insert(slot).inserted
        else { return }
        mailboxes[mailbox].queue.append(slot)
        mark(mailbox)
    }

    /// Has a mailbox erase what it has of a settled message.
    mutating func erase(_ slot: Int, _ mailbox: Int, now: Instant) {
        if mailboxes[mailbox].isUp { mailboxes[mailbox].toErase.append(slot) }
        mark(mailbox)
        reachSoon(mailbox, now: now)
    }

    mutating func seek(_ recipient: Int, now: Instant) {
        guard recipients[recipient].seekAt == nil, !recipients[recipient].isPresent else { return }
        actions.append(.seek(recipients[recipient].id))
        setSeek(recipient, now + recipients[recipient].seeking.next(limits.retries, &jitter))
    }

    /// Whether a message may be left with a mailbox, or was and nobody knows.
    func mayOffer(_ slot: Int, _ mailbox: Int) -> Bool {
        guard let message = messages[slot], message.isReady, message.isHeld, !message.isSettled else {
            return false
        }
        if let state = holds(mailbox, slot) { return state == .unknown }
        return message.copies.count < limits.copyCountMax && !message.refusedBy.contains(mailbox)
            && recipients[message.recipient].mailboxes.contains(mailbox)
    }

    func holds(_ mailbox: Int, _ slot: Int) -> Copy.State? {
        messages[slot]?.copies.first { $0.mailbox == mailbox }?.state
    }

    /// Sees that a mailbox gets what it has to do.
    mutating func mark(_ mailbox: Int) {
        guard !mailboxes[mailbox].isMarked else { return }
        mailboxes[mailbox].isMarked = true
        marked.append(mailbox)
    }

    mutating func pumpMarked(now: Instant) {
        let pumped = marked
        marked = []
        for mailbox in pumped { mailboxes[mailbox].isMarked = false }
        for mailbox in pumped { pump(mailbox, now: now) }
    }

    private mutating func pump(_ mailbox: Int, now: Instant) {
        guard mailboxes[mailbox].isUp else { return }
        pumpErasures(mailbox, now: now)
        guard mailboxes[mailbox].pausedUntil == nil else { return }
        pumpChecks(mailbox, now: now)
        while mailboxes[mailbox].openCount < limits.offerCountMax,
            let slot = mailboxes[mailbox].queue.popFirst()
        {
            mailboxes[mailbox].queued.remove(slot)
            guard mayOffer(slot, mailbox) else { continue }
            mailboxes[mailbox].openCount += 1
            if holds(mailbox, slot) == .unknown {
                offer(slot, mailbox, now: now)
            } else {
                promise(slot, mailbox)
            }
        }
    }

    /// Counts a copy, which is offered once the disk has counted it.
    private mutating func promise(_ slot: Int, _ mailbox: Int) {
        guard let generation = messages[slot]?.generation else { return }
        mailboxes[mailbox].useCount += 1
        messages[slot]?.copies.append(Copy(mailbox: mailbox, state: .promised))
        promises.append((slot, generation, mailbox))
        touch(slot)
        tellWrite()
    }

    mutating func offer(_ slot: Int, _ mailbox: Int, now: Instant) {
        guard let message = messages[slot],
            let place = message.copies.firstIndex(where: { $0.mailbox == mailbox })
        else { return }
        messages[slot]?.copies[place].state = .offered
        actions.append(.offer(message.id, to: mailboxes[mailbox].id))
        expectAnswer(mailbox, now: now)
    }

    private mutating func pumpErasures(_ mailbox: Int, now: Instant) {
        guard mailboxes[mailbox].erasing.isEmpty else { return }
        var ids: [MessageID] = []
        while ids.count < MailboxProtocol.idCountMax, let slot = mailboxes[mailbox].toErase.popFirst() {
            guard let message = messages[slot], message.isSettled, !ids.contains(message.id) else { continue }
            switch holds(mailbox, slot) {
            case .stored, .unknown: ids.append(message.id)
            case .promised, .offered, nil: break
            }
        }
        guard !ids.isEmpty else { return }
        mailboxes[mailbox].erasing = ids
        actions.append(.erase(ids, at: mailboxes[mailbox].id))
        expectAnswer(mailbox, now: now)
    }

    private mutating func pumpChecks(_ mailbox: Int, now: Instant) {
        guard mailboxes[mailbox].asking.isEmpty else { return }
        var ids: [MessageID] = []
        while ids.count < MailboxProtocol.idCountMax, let slot = mailboxes[mailbox].toCheck.popFirst() {
            guard let message = messages[slot], !message.isSettled, holds(mailbox, slot) == .stored else {
                continue
            }
            ids.append(message.id)
        }
        guard !ids.isEmpty else { return }
        mailboxes[mailbox].asking = ids
        actions.append(.status(ids, of: mailboxes[mailbox].id))
        expectAnswer(mailbox, now: now)
    }

    /// A mailbox does not have a message, for certain.
    mutating func drop(_ mailbox: Int, of slot: Int) {
        guard let place = messages[slot]?.copies.firstIndex(where: { $0.mailbox == mailbox }) else { return }
        let state = messages[slot]?.copies.remove(at: place).state
        // An offer on its way to the disk is not made any more.
        if state == .promised {
            mailboxes[mailbox].openCount -= 1
            mark(mailbox)
        }
        touch(slot)
        release(mailbox)
    }

    // MARK: Slots

    mutating func add(
        _ id: MessageID,
        to peer: PeerID,
        expires: WallTime,
        now: Instant,
        wallNow: WallTime
    ) -> Int {
        let left = expires.millisecondsSince1970.subtractingReportingOverflow(wallNow.millisecondsSince1970)
        let longest = MessageHeader.lifetimeMax.milliseconds
        let rest = left.overflow ? 0 : min(max(left.partialValue, 0), longest)
        generations += 1
        let recipient = recipient(peer)
        let ends = now + .milliseconds(rest) + limits.clockTolerance + limits.clockTolerance
        let fresh = Message(
            id: id,
            recipient: recipient,
            ends: ends,
            expires: expires,
            generation: generations
        )
        let slot: Int
        if let reused = freeMessages.popLast() {
            slot = reused
            messages[slot] = fresh
        } else {
            slot = messages.count
            messages.append(fresh)
        }
        index[id] = slot
        recipients[recipient].messageCount += 1
        self.ends.set(slot, to: ends)
        return slot
    }

    /// Forgets a settled message of which nobody has anything.
    mutating func forgetIfDone(_ slot: Int) {
        guard let message = messages[slot], message.isSettled, message.copies.isEmpty else { return }
        if message.hasRow { removed.remove(StoreKey(MailboxTables.copies, message.id.bytes)) }
        index[message.id] = nil
        recipients[message.recipient].messageCount -= 1
        waits.remove(slot)
        ends.remove(slot)
        messages[slot] = nil
        freeMessages.append(slot)
        forgetIfIdle(recipient: message.recipient)
        tellWrite()
    }

    /// Messages in the order in which they came, all or those to one recipient.
    func slots(of recipient: Int? = nil) -> [Int] {
        var found: [(slot: Int, generation: UInt64)] = []
        for (slot, message) in messages.enumerated() {
            guard let message, recipient == nil || message.recipient == recipient else { continue }
            found.append((slot, message.generation))
        }
        return found.sorted { $0.generation < $1.generation }.map(\.slot)
    }

    mutating func recipient(_ id: PeerID) -> Int {
        if let known = recipientIndex[id] { return known }
        let recipient: Int
        if let reused = freeRecipients.popLast() {
            recipient = reused
            recipients[recipient] = Recipient(id: id)
        } else {
            recipient = recipients.count
            recipients.append(Recipient(id: id))
        }
        recipientIndex[id] = recipient
        return recipient
    }

    private mutating func forgetIfIdle(recipient: Int) {
        guard recipients[recipient].messageCount == 0 else { return }
        let mailboxes = recipients[recipient].mailboxes
        recipientIndex[recipients[recipient].id] = nil
        seeks.remove(recipient)
        recipients[recipient].mailboxes = []
        freeRecipients.append(recipient)
        for mailbox in mailboxes { release(mailbox) }
    }
}
