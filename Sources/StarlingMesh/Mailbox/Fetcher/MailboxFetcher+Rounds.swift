package import StarlingCore

// Rounds: pages that are asked for, taken and answered.
extension MailboxFetcher {
    // MARK: Inputs

    /// What a mailbox sent when it was asked.
    package mutating func page(_ page: MailboxPage, from peer: PeerID, now: Instant) {
        guard var round, round.mailbox == peer, !round.isTaking else {
            return breach(.pageOutOfBounds, by: peer, now: now)
        }
        let items = page.envelopes + page.receipts
        let byteCount = items.reduce(0) { $0 + $1.count }
        round.isTaking = true
        round.deadline = now + limits.inboxDuration
        round.next = page.next
        round.itemCount += items.count
        round.byteCount += byteCount
        if items.count > limits.pageCountMax || (items.count > 1 && byteCount > limits.pageByteCountMax) {
            round.breach = .pageOutOfBounds
        } else if page.next != 0, page.next <= round.after || items.isEmpty {
            round.breach = .endless
        } else if round.itemCount > limits.roundCountMax || round.byteCount > limits.roundByteCountMax {
            round.breach = .endless
        }
        self.round = round
        if round.breach != .pageOutOfBounds {
            // What proves itself is welcome, whoever brings it.
            for envelope in page.envelopes { take(envelope, from: peer) }
            for receipt in page.receipts { take(receipt: receipt, from: peer) }
        }
        goOn(now: now)
    }

    /// What became of an envelope that arrived.
    package mutating func took(_ id: MessageID, of sender: PeerID, _ fate: Fate, now: Instant) {
        guard let (mailbox, number) = open.removeValue(forKey: Name(sender: sender, id: id)) else { return }
        let isOfRound = round?.number == number
        switch fate {
        case .ended(let outcome):
            if isOfRound { round?.tookSomething = true }
            remember(Brought(mailbox: mailbox, id: id))
            decide(.init(id: id, outcome: outcome), of: sender)
        case .kept: if isOfRound { round?.tookSomething = true }
        case .noRoom: break
        case .forged:
            actions.append(.erase([id], at: mailbox))
            if isOfRound { round?.breach = .forged } else { breach(.forged, by: mailbox, now: now) }
        }
        if open.isEmpty { acknowledge() }
        if isOfRound {
            round?.openCount -= 1
            goOn(now: now)
        }
    }

    /// The outbox has a receipt on the disk, or its signature does not hold.
    package mutating func took(receipt ids: [MessageID], from peer: PeerID, isForged: Bool, now: Instant) {
        for first in stride(from: 0, to: ids.count, by: MailboxProtocol.idCountMax) {
            let end = min(first + MailboxProtocol.idCountMax, ids.count)
            actions.append(.erase(Array(ids[first..<end]), at: peer))
        }
        if isForged { breach(.forged, by: peer, now: now) }
    }

    /// A mailbox says that it does not have these any more.
    package mutating func erased(_ ids: [MessageID], by peer: PeerID) {
        for id in ids {
            let brought = Brought(mailbox: peer, id: id)
            if ended[brought] == .max { ended[brought] = fetchCount }
        }
    }

    /// Remembers that a mailbox is told to erase what it has brought.
    private mutating func remember(_ brought: Brought) {
        guard ended[brought] == nil else { return }
        ended[brought] = .max
        endedOrder.append(brought)
        if endedOrder.count > limits.endedCountMax, let oldest = endedOrder.popFirst() { ended[oldest] = nil }
    }

    // MARK: Pages

    private mutating func take(_ bytes: [UInt8], from peer: PeerID) {
        guard let header = try? Envelope(parsing: bytes.span).header, header.privacy == .private else {
            round?.breach = .malformed
            return
        }
        guard header.to == own, header.from != own else {
            round?.breach = .foreign
            actions.append(.erase([header.id], at: peer))
            return
        }
        let name = Name(sender: header.from, id: header.id)
        // A page may have been on its way when the mailbox heard that it need not keep this.
        let isBack = ended[Brought(mailbox: peer, id: header.id)].map { $0 < fetchCount } ?? false
        guard round?.seen.insert(name).inserted == true, !isBack else {
            round?.breach = .repeated
            return
        }
        // The inbox may still be at what an earlier round brought.
        guard open[name] == nil else { return }
        guard let number = round?.number else { return }
        open[name] = (peer, number)
        round?.openCount += 1
        actions.append(.arrived(bytes, from: peer))
    }

    private mutating func take(receipt bytes: [UInt8], from peer: PeerID) {
        guard let receipt = try? Receipt(parsing: bytes.span) else {
            round?.breach = .malformed
            return
        }
        guard receipt.to == own else {
            round?.breach = .foreign
            return
        }
        round?.tookSomething = true
        actions.append(.receipt(bytes, from: peer))
    }

    /// Asks for the next page, or ends the round, once the page is dealt with.
    private mutating func goOn(now: Instant) {
        guard let round, round.isTaking, round.openCount == 0 else { return }
        acknowledge()
        guard round.breach == nil, round.next != 0, round.tookSomething else {
            return end(isDone: round.next == 0 && round.breach == nil, now: now)
        }
        self.round?.after = round.next
        self.round?.tookSomething = false
        fetch(now: now)
    }

    // MARK: Rounds

    /// Asks the first mailbox that is due, when none is being asked.
    mutating func begin(now: Instant) {
        guard round == nil else { return }
        let due = mailboxes.filter { $0.isUp && ($0.askAt.map { $0 <= now } ?? false) }
        guard let first = due.min(by: { $0.breachCount < $1.breachCount }) else { return }
        roundCount += 1
        round = Round(number: roundCount, mailbox: first.id, deadline: now)
        fetch(now: now)
    }

    private mutating func fetch(now: Instant) {
        guard let asked = round else { return }
        fetchCount += 1
        round?.isTaking = false
        round?.deadline = now + limits.answerDuration
        let fetch = MailboxFetch(
            after: asked.after,
            countMax: limits.pageCountMax,
            byteCountMax: limits.pageByteCountMax
        )
        actions.append(.fetch(fetch, from: asked.mailbox))
    }

    /// Ends the round.
    ///
    /// - Parameter isDone: Whether the mailbox has said that this was all.
    mutating func end(isDone: Bool, now: Instant) {
        guard let round, let index = index(round.mailbox) else { return }
        self.round = nil
        mailboxes[index].pauseUntil = now + limits.pause
        let isAskedAgain = mailboxes[index].isAskedAgain
        mailboxes[index].isAskedAgain = false
        if let breach = round.breach {
            self.breach(breach, by: round.mailbox, now: now)
        } else if isDone {
            if mailboxes[index].breachCount > 0 { mailboxes[index].breachCount -= 1 }
            if mailboxes[index].breachCount == 0 { mailboxes[index].penalties.reset() }
            mailboxes[index].waits.reset()
            // What it has got since may not have been in the pages.
            mailboxes[index].askAt = now + (isAskedAgain ? limits.pause : limits.interval)
        } else {
            // The inbox has no room, or no time.
            mailboxes[index].askAt = now + mailboxes[index].waits.next(limits.retries, &jitter)
        }
        if !mailboxes[index].isWatched { mailboxes.remove(at: index) }
        begin(now: now)
    }

    private mutating func breach(_ breach: MailboxBreach, by peer: PeerID, now: Instant) {
        actions.append(.broke(breach, by: peer))
        guard let index = index(peer) else { return }
        mailboxes[index].breachCount += 1
        mailboxes[index].askAt = now + mailboxes[index].penalties.next(limits.penalties, &jitter)
    }

    // MARK: Receipts

    private mutating func decide(_ entry: Receipt.Entry, of sender: PeerID) {
        guard !entry.outcome.isTransient else { return }
        if let place = decided.firstIndex(where: {
            $0.sender == sender && $0.entries.count < MailboxProtocol.idCountMax
        }) {
            decided[place].entries.append(entry)
        } else {
            decided.append((sender, [entry]))
        }
    }

    /// Tells every mailbox that is there what became of messages.
    private mutating func acknowledge() {
        let there = mailboxes.filter(\.isUp).map(\.id)
        for (sender, entries) in decided where !there.isEmpty {
            actions.append(.acknowledge(entries, of: sender, at: there))
        }
        decided = []
    }
}
