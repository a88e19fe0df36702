package import StarlingCore

// Links: which mailboxes can be asked, and when one is tried again.
extension MailboxSender {
    // MARK: Inputs

    /// The mailbox is connected.
    package mutating func linkUp(_ peer: PeerID, now: Instant) {
        guard let mailbox = mailboxIndex[peer], !mailboxes[mailbox].isUp else { return }
        mailboxes[mailbox].isUp = true
        mailboxes[mailbox].isReaching = false
        mailboxes[mailbox].reaching.reset()
        mailboxes[mailbox].reachAt = nil
        if !mailboxes[mailbox].isFull { mailboxes[mailbox].pausedUntil = nil }
        lineUpAll(mailbox, now: now)
        pumpMarked(now: now)
        tellWrite()
    }

    /// The last connection to the mailbox is gone: what became of open offers is not known.
    package mutating func linkDown(_ peer: PeerID, now: Instant) {
        guard let mailbox = mailboxIndex[peer], mailboxes[mailbox].isUp else { return }
        mailboxes[mailbox].isUp = false
        giveUpAnswers(mailbox)
        mailboxes[mailbox].checkAt = nil
        reachLater(mailbox, now: now)
        setTimer(mailbox)
        tellWrite()
    }

    /// The mailbox could not be connected to: it is tried again later.
    package mutating func unreachable(_ peer: PeerID, now: Instant) {
        guard let mailbox = mailboxIndex[peer], !mailboxes[mailbox].isUp else { return }
        mailboxes[mailbox].isReaching = false
        reachLater(mailbox, now: now)
        setTimer(mailbox)
    }

    /// What has come due.
    package mutating func advance(to now: Instant) {
        while let slot = ends.popFirst(through: now) {
            // Nobody has it any more, whatever was said.
            settle(slot, now: now)
            for copy in messages[slot]?.copies ?? [] {
                if copy.state == .offered { mailboxes[copy.mailbox].openCount -= 1 }
                drop(copy.mailbox, of: slot)
            }
            forgetIfDone(slot)
        }
        while let slot = waits.popFirst(through: now) {
            messages[slot]?.isReady = true
            enqueue(slot, now: now)
        }
        while let recipient = seeks.popFirst(through: now) {
            recipients[recipient].seekAt = nil
            let isNeeded = slots(of: recipient).contains { messages[$0]?.isReady == true }
            if isNeeded, !recipients[recipient].isListKnown { seek(recipient, now: now) }
        }
        while let mailbox = mailboxTimers.popFirst(through: now) { advance(mailbox, now: now) }
        pumpMarked(now: now)
        tellWrite()
    }

    // MARK: Reaching

    /// Whether there is something to do at a mailbox that is not there; one that is full is offered nothing yet.
    private func isNeeded(_ mailbox: Int) -> Bool {
        messages.indices.contains { slot in
            guard let message = messages[slot] else { return false }
            if message.isSettled { return holds(mailbox, slot) != nil }
            return !mailboxes[mailbox].isFull && mayOffer(slot, mailbox)
        }
    }

    /// There is something to do at a mailbox.
    mutating func reachSoon(_ mailbox: Int, now: Instant) {
        guard !mailboxes[mailbox].isUp, !mailboxes[mailbox].isReaching, mailboxes[mailbox].reachAt == nil
        else { return }
        if mailboxes[mailbox].reaching.count == 0 { reach(mailbox) } else { reachLater(mailbox, now: now) }
    }

    private mutating func reachLater(_ mailbox: Int, now: Instant) {
        guard isNeeded(mailbox) else { return }
        mailboxes[mailbox].reachAt = now + mailboxes[mailbox].reaching.next(limits.retries, &jitter)
        setTimer(mailbox)
    }

    private mutating func reach(_ mailbox: Int) {
        mailboxes[mailbox].isReaching = true
        actions.append(.reach(mailboxes[mailbox].id))
    }

    /// Lines up everything that there is to do at a mailbox.
    private mutating func lineUpAll(_ mailbox: Int, now: Instant) {
        mailboxes[mailbox].queue.removeAll()
        mailboxes[mailbox].queued = []
        mailboxes[mailbox].toErase.removeAll()
        mailboxes[mailbox].toCheck.removeAll()
        for slot in slots() {
            let state = holds(mailbox, slot)
            if messages[slot]?.isSettled == true {
                if state != nil { mailboxes[mailbox].toErase.append(slot) }
            } else if mayOffer(slot, mailbox) {
                lineUp(slot, at: mailbox)
            } else if state == .stored {
                mailboxes[mailbox].toCheck.append(slot)
            }
        }
        mark(mailbox)
        mailboxes[mailbox].checkAt = now + limits.checkDuration
        setTimer(mailbox)
    }

    // MARK: Timers

    /// A mailbox that was asked something has to answer in time.
    mutating func expectAnswer(_ mailbox: Int, now: Instant) {
        guard mailboxes[mailbox].answerBy == nil else { return }
        mailboxes[mailbox].answerBy = now + limits.answerDuration
        setTimer(mailbox)
    }

    /// A mailbox has answered something.
    mutating func answered(_ mailbox: Int, now: Instant) {
        mailboxes[mailbox].answerBy = nil
        let isOpen =
            mailboxes[mailbox].openCount > 0 || !mailboxes[mailbox].erasing.isEmpty
            || !mailboxes[mailbox].asking.isEmpty
        if isOpen { expectAnswer(mailbox, now: now) } else { setTimer(mailbox) }
    }

    /// Leaves a mailbox alone for a while.
    mutating func pause(_ mailbox: Int, now: Instant) {
        guard mailboxes[mailbox].pausedUntil == nil else { return }
        mailboxes[mailbox].pausedUntil = now + mailboxes[mailbox].pausing.next(limits.retries, &jitter)
        setTimer(mailbox)
    }

    mutating func setTimer(_ mailbox: Int) {
        let entry = mailboxes[mailbox]
        // One that was forgotten just now is waited for no more.
        guard entry.useCount > 0 else { return }
        let first = Instant.earlier(
            .earlier(entry.reachAt, entry.pausedUntil),
            .earlier(entry.answerBy, entry.checkAt)
        )
        if let first { mailboxTimers.set(mailbox, to: first) } else { mailboxTimers.remove(mailbox) }
    }

    private mutating func advance(_ mailbox: Int, now: Instant) {
        func isDue(_ deadline: Instant?) -> Bool { deadline.map { $0 <= now } ?? false }
        if isDue(mailboxes[mailbox].reachAt) {
            mailboxes[mailbox].reachAt = nil
            if !mailboxes[mailbox].isUp, isNeeded(mailbox) { reach(mailbox) }
        }
        if isDue(mailboxes[mailbox].answerBy) {
            giveUpAnswers(mailbox)
            pause(mailbox, now: now)
        }
        let isRested = isDue(mailboxes[mailbox].pausedUntil)
        if isRested { (mailboxes[mailbox].pausedUntil, mailboxes[mailbox].isFull) = (nil, false) }
        if isRested || isDue(mailboxes[mailbox].checkAt) {
            mailboxes[mailbox].checkAt = nil
            if mailboxes[mailbox].isUp { lineUpAll(mailbox, now: now) }
        }
        // One that was full was not reached for meanwhile.
        if isRested, !mailboxes[mailbox].isUp, isNeeded(mailbox) { reachSoon(mailbox, now: now) }
        setTimer(mailbox)
    }

    /// Waits no longer for what a mailbox was asked: it may have done it all the same.
    private mutating func giveUpAnswers(_ mailbox: Int) {
        mailboxes[mailbox].answerBy = nil
        (mailboxes[mailbox].erasing, mailboxes[mailbox].asking) = ([], [])
        for slot in messages.indices {
            guard let place = messages[slot]?.copies.firstIndex(where: { $0.mailbox == mailbox }),
                messages[slot]?.copies[place].state == .offered
            else { continue }
            messages[slot]?.copies[place].state = .unknown
            mailboxes[mailbox].openCount -= 1
        }
    }

    // MARK: Mailboxes

    /// Notes that a list or a copy names a mailbox; `nil` when there are too many.
    mutating func use(_ id: PeerID) -> Int? {
        if let known = mailboxIndex[id] {
            mailboxes[known].useCount += 1
            return known
        }
        guard mailboxIndex.count < limits.mailboxCountMax else { return nil }
        let mailbox: Int
        if let reused = freeMailboxes.popLast() {
            mailbox = reused
            mailboxes[mailbox] = Mailbox(id: id)
        } else {
            mailbox = mailboxes.count
            mailboxes.append(Mailbox(id: id))
        }
        mailboxes[mailbox].useCount = 1
        mailboxIndex[id] = mailbox
        return mailbox
    }

    /// Forgets a mailbox that nothing names any more.
    mutating func release(_ mailbox: Int) {
        mailboxes[mailbox].useCount -= 1
        guard mailboxes[mailbox].useCount == 0 else { return }
        mailboxIndex[mailboxes[mailbox].id] = nil
        mailboxTimers.remove(mailbox)
        mailboxes[mailbox].isUp = false
        freeMailboxes.append(mailbox)
    }

    /// The tables that have a limit.
    package var tableFills: [TableFill] {
        [
            TableFill("mailbox messages", index.count, of: limits.messageCountMax),
            TableFill("mailbox recipients", recipientIndex.count, of: limits.recipientCountMax),
            TableFill("mailboxes", mailboxIndex.count, of: limits.mailboxCountMax),
            TableFill(
                "copies of a message",
                messages.reduce(0) { max($0, $1?.copies.count ?? 0) },
                of: limits.copyCountMax
            ),
        ]
    }
}
