package import StarlingCore

// Rounds: pages that are asked for, taken and answered.
extension MailboxFetcher {
    // MARK: Inputs

    /// What a mailbox sent when it was asked.
    ///
    /// - Returns: Whether it was waited for, and breaks no rule as far as can be seen at once.
    @discardableResult
    package mutating func page(_ page: MailboxPage, from peer: PeerID, now: Instant) -> Bool {
        guard var round, round.mailbox == peer, !round.isTaking else {
            breach(.pageOutOfBounds, by: peer, now: now)
            return false
        }
        let items = page.envelopes + page.receipts
        let byteCount = items.reduce(0) { $0 + $1.count }
        if let index = index(peer), mailboxes[index].shrinkCount > 0,
            round.asked.duration(to: now) < limits.answerDuration / 4
        {
            mailboxes[index].shrinkCount -= 1
        }
        round.isTaking = true
        round.deadline = now + limits.inboxDuration
        round.next = page.next
        round.itemCount += items.count
        round.byteCount += byteCount
        if items.count > limits.pageCountMax || (items.count > 1 && byteCount > round.askedByteCount) {
            round.breach = .pageOutOfBounds
        } else if page.next != 0, page.next <= round.after || items.isEmpty {
            round.breach = .endless
        }
        self.round = round
        if round.breach != .pageOutOfBounds {
            var names: Set<MessageName> = []
            // What proves itself is welcome, whoever brings it.
            for envelope in page.envelopes { take(envelope, from: peer, among: &names) }
            for receipt in page.receipts { take(receipt: receipt, from: peer) }
        }
        let isAccepted = self.round?.breach == nil
        goOn(now: now)
        return isAccepted
    }

    /// The stream to a mailbox is open: what is asked of it can be answered from now on, however long that took.
    package mutating func opened(_ peer: PeerID, now: Instant) {
        guard var round, round.mailbox == peer, !round.isTaking, !round.isHeard else { return }
        round.asked = now
        round.deadline = min(now + limits.answerDuration, lastDeadline(of: round, now: now))
        self.round = round
    }

    /// Some of the page that is waited for has come: the rest may follow.
    package mutating func heard(from peer: PeerID, now: Instant) {
        guard let round, round.mailbox == peer, !round.isTaking else { return }
        let deadline = min(now + limits.answerDuration, lastDeadline(of: round, now: now))
        self.round?.isHeard = true
        self.round?.deadline = deadline
    }

    /// What became of an envelope that arrived.
    package mutating func took(_ id: MessageID, of sender: PeerID, _ fate: Fate, now: Instant) {
        let name = MessageName(from: sender, id: id)
        guard let (mailbox, number) = open.removeValue(forKey: name) else { return }
        let isOfRound = round?.number == number
        switch fate {
        case .ended(let outcome):
            if isOfRound { round?.tookSomething = true }
            remember(Brought(mailbox: mailbox, name: name), outcome)
            decide(.init(id: id, outcome: outcome), of: sender, broughtBy: mailbox)
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
        let erased = Set(ids)
        let told = ended.filter { $0.key.mailbox == peer && erased.contains($0.key.name.id) }
        for (brought, known) in told where known.erasedAt == .max { ended[brought]?.erasedAt = fetchCount }
    }

    /// Remembers that a mailbox is told to erase what it has brought.
    private mutating func remember(_ brought: Brought, _ outcome: Receipt.Outcome) {
        guard ended[brought] == nil else { return }
        ended[brought] = Ended(outcome: outcome)
        endedOrder.append(brought)
        if endedOrder.count > limits.endedCountMax, let oldest = endedOrder.popFirst() { ended[oldest] = nil }
    }

    // MARK: Pages

    /// Takes an envelope of a page.
    ///
    /// - Parameter names: Those of the page so far.
    private mutating func take(_ bytes: [UInt8], from peer: PeerID, among names: inout Set<MessageName>) {
        guard let header = try? Envelope(parsing: bytes.span).header, header.privacy == .private else {
            round?.breach = .malformed
            return
        }
        guard header.to == own, header.from != own else {
            round?.breach = .foreign
            actions.append(.erase([header.id], at: peer))
            return
        }
        let name = MessageName(header)
        guard names.insert(name).inserted else {
            round?.breach = .repeated
            return
        }
        // The sender may have left again what was erased, or the mailbox has lost the receipt: it gets another one.
        let isSeen = round?.seen.insert(name).inserted == false
        // A page may have been on its way when the mailbox heard that it need not keep this.
        if let known = ended[Brought(mailbox: peer, name: name)], isSeen || known.erasedAt < fetchCount {
            // It makes room there: what stands behind it is asked for at once.
            if !isSeen { round?.tookSomething = true }
            return decide(.init(id: header.id, outcome: known.outcome), of: header.from, broughtBy: peer)
        }
        guard !isSeen else { return }
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
        if round.breach != nil { return end(.stuck, now: now) }
        if round.next == 0 { return end(.done, now: now) }
        if !round.tookSomething { return end(.stuck, now: now) }
        if isLongEnough(round, now: now) { return end(.cut, now: now) }
        self.round?.after = round.next
        self.round?.tookSomething = false
        fetch(now: now)
    }

    // MARK: Rounds

    /// Asks the first mailbox that is due, when none is being asked: those whose rounds were cut short after all others.
    mutating func begin(now: Instant) {
        guard round == nil else { return }
        let due = mailboxes.filter { $0.isUp && ($0.askAt.map { $0 <= now } ?? false) }
        guard let first = due.min(by: { ($0.cutRound, $0.breachCount) < ($1.cutRound, $1.breachCount) })
        else { return }
        roundCount += 1
        round = Round(number: roundCount, mailbox: first.id, began: now, asked: now, deadline: now)
        fetch(now: now)
    }

    /// Whether a round has had enough, though there is more.
    private func isLongEnough(_ round: Round, now: Instant) -> Bool {
        round.itemCount >= limits.roundCountMax || round.byteCount >= limits.roundByteCountMax
            || (round.began + limits.roundDuration <= now && isAnotherDue(than: round, now: now))
    }

    private func isAnotherDue(than round: Round, now: Instant) -> Bool {
        mailboxes.contains { $0.id != round.mailbox && $0.isUp && ($0.askAt.map { $0 <= now } ?? false) }
    }

    private mutating func fetch(now: Instant) {
        guard let mailbox = round?.mailbox, let after = round?.after, let index = index(mailbox) else {
            return
        }
        fetchCount += 1
        let byteCountMax = pageByteCount(mailboxes[index])
        round?.isTaking = false
        round?.isHeard = false
        round?.asked = now
        round?.askedByteCount = byteCountMax
        round?.deadline = now + limits.answerDuration
        let fetch = MailboxFetch(after: after, countMax: limits.pageCountMax, byteCountMax: byteCountMax)
        actions.append(.fetch(fetch, from: mailbox))
    }

    /// The most bytes that a mailbox is asked for at once.
    private func pageByteCount(_ mailbox: Mailbox) -> Int {
        max(limits.pageByteCountMax >> (2 * mailbox.shrinkCount), 1)
    }

    /// Whether no smaller page is asked for than the one that is waited for.
    private func isSmallest(_ round: Round) -> Bool { round.askedByteCount / 4 < limits.pageByteCountMin }

    /// Until when a page may take whose bytes keep coming.
    private func lastDeadline(of round: Round, now: Instant) -> Instant {
        let longest = round.asked + limits.pageDuration
        // The smallest one has the whole time: else nothing would ever come by a slow link.
        guard !isSmallest(round), isAnotherDue(than: round, now: now) else {
            return longest
        }
        return min(longest, max(round.began + limits.roundDuration, round.asked + limits.answerDuration))
    }

    /// The page that is waited for has not come in time: it is asked for again, smaller, where some of it has come.
    mutating func giveUpPage(of round: Round, now: Instant) {
        guard round.isHeard, !isSmallest(round), let index = index(round.mailbox)
        else {
            self.round?.breach = .silent
            return end(.stuck, now: now)
        }
        mailboxes[index].shrinkCount += 1
        actions.append(.late(round.mailbox))
        end(.cut, now: now)
    }

    mutating func end(_ ending: Ending, now: Instant) {
        guard let round, let index = index(round.mailbox) else { return }
        self.round = nil
        mailboxes[index].pauseUntil = now + limits.pause
        mailboxes[index].cutRound = ending == .cut ? round.number : 0
        let isAskedAgain = mailboxes[index].isAskedAgain
        mailboxes[index].isAskedAgain = false
        if let breach = round.breach {
            self.breach(breach, by: round.mailbox, now: now)
        } else {
            switch ending {
            case .done:
                if mailboxes[index].breachCount > 0 { mailboxes[index].breachCount -= 1 }
                if mailboxes[index].breachCount == 0 { mailboxes[index].penalties.reset() }
                mailboxes[index].waits.reset()
                // What it has got since may not have been in the pages.
                mailboxes[index].askAt = now + (isAskedAgain ? limits.pause : limits.interval)
            case .stuck: mailboxes[index].askAt = now + mailboxes[index].waits.next(limits.retries, &jitter)
            case .cut: mailboxes[index].askAt = now + limits.pause
            }
        }
        if !mailboxes[index].isWatched, ending != .cut { mailboxes.remove(at: index) }
        begin(now: now)
    }

    private mutating func breach(_ breach: MailboxBreach, by peer: PeerID, now: Instant) {
        actions.append(.broke(breach, by: peer))
        guard let index = index(peer) else { return }
        mailboxes[index].breachCount += 1
        let end = now + mailboxes[index].penalties.next(limits.penalties, &jitter)
        (mailboxes[index].askAt, mailboxes[index].penaltyUntil) = (end, end)
    }

    // MARK: Receipts

    private mutating func decide(_ entry: Receipt.Entry, of sender: PeerID, broughtBy mailbox: PeerID) {
        guard !entry.outcome.isTransient else { return }
        let isOwn = index(mailbox).map { mailboxes[$0].isOwn } ?? false
        let bringer = isOwn ? nil : mailbox
        if let place = decided.firstIndex(where: {
            $0.sender == sender && $0.bringer == bringer && $0.entries.count < MailboxProtocol.idCountMax
        }) {
            decided[place].entries.append(entry)
        } else {
            decided.append((sender, bringer, [entry]))
        }
    }

    /// Tells this node's own mailboxes that are there, and whoever has brought them, what became of messages.
    private mutating func acknowledge() {
        for (sender, bringer, entries) in decided {
            let there = mailboxes.filter { $0.isUp && ($0.isOwn || $0.id == bringer) }.map(\.id)
            if !there.isEmpty { actions.append(.acknowledge(entries, of: sender, at: there)) }
        }
        decided = []
    }
}
