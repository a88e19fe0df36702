package import StarlingCore

// Senders: what they are answered, and what they say of their numbers.
extension Inbox {
    // MARK: Inputs

    /// The sender is connected: it is sent every receipt that it is owed.
    package mutating func linkUp(_ id: PeerID, now: Instant) {
        let sender = sender(id)
        guard !senders[sender].isUp else { return }
        senders[sender].isUp = true
        senders[sender].beginAnew()
        queueAllOwed(sender)
    }

    /// Whether a sender has not confirmed all receipts.
    package func owesReceipts(to id: PeerID) -> Bool {
        senderIndex[id].map { senders[$0].owedCount > 0 } ?? false
    }

    /// Whether receipts to a sender were not confirmed in their time, which is said once each time.
    package mutating func takeOverdue(for id: PeerID) -> Bool {
        guard let sender = senderIndex[id], senders[sender].isOverdue else { return false }
        senders[sender].isOverdue = false
        return true
    }

    /// The last connection to the sender is gone.
    package mutating func linkDown(_ id: PeerID) {
        guard let sender = senderIndex[id], senders[sender].isUp else { return }
        senders[sender].isUp = false
        senders[sender].isAnswerTold = false
        senders[sender].isOverdue = false
        while let answer = senders[sender].answers.popFirst() {
            if answer.series >= 0 { series[answer.series].decisions[answer.number]?.isQueued = false }
        }
        senders[sender].answers.removeAll()
        resendTimers.remove(sender)
        forgetSenderIfIdle(sender)
    }

    /// What a sender says of its numbers; its signature has been checked, and that it is to this node.
    package mutating func settlement(_ settlement: Settlement, now: Instant, wallNow: WallTime) {
        guard settlement.to == own else { return }
        self.settlement(settlement.series, from: settlement.from, now: now, wallNow: wallNow)
    }

    mutating func settlement(_ settled: [Settlement.Series], from id: PeerID, now: Instant, wallNow: WallTime)
    {
        isSettling = true
        defer {
            isSettling = false
            if hasPending, !isHurried, writeAt == nil { writeAt = now + limits.settlementDelay }
        }
        let sender = sender(id)
        let owedCount = senders[sender].owedCount
        for entry in settled {
            let name = SeriesName(sender: sender, series: entry.series)
            if seriesIndex[name] == nil, entry.floor == 1, entry.ranges.isEmpty { continue }
            guard
                let index = seriesIndex[name]
                    ?? newSeries(sender, entry.series, floor: entry.floor, wallNow: wallNow)
            else { continue }
            raise(index, to: entry.floor, now: now)
            let end = series[index].window.floor + series[index].window.count
            for range in entry.ranges where range.lowerBound < end {
                let first = max(range.lowerBound, series[index].window.floor)
                let last = min(range.upperBound, end - 1)
                guard first <= last else { continue }
                settle(index, first...last)
            }
        }
        hasConfirmed(sender, of: owedCount, now: now)
        forgetSenderIfIdle(sender)
    }

    /// Receipts that can be signed and sent to a sender, in one receipt; `nil` when there are none.
    package mutating func takeReceipts(for id: PeerID, now: Instant) -> [Receipt.Entry]? {
        guard let sender = senderIndex[id] else { return nil }
        var taken: [Receipt.Entry] = []
        while taken.count < limits.receipt.entryCountMax, let answer = senders[sender].answers.popFirst() {
            if answer.series >= 0 {
                guard let decision = series[answer.series].decisions[answer.number], decision.isQueued,
                    decision.id == answer.entry.id
                else {
                    // It was settled while it waited; the sender knows.
                    continue
                }
                series[answer.series].decisions[answer.number]?.isQueued = false
            }
            taken.append(answer.entry)
        }
        if senders[sender].answers.isEmpty { senders[sender].isAnswerTold = false }
        setResendTimer(sender, now: now)
        return taken.isEmpty ? nil : taken
    }

    /// What has come due.
    package mutating func advance(to now: Instant) {
        while let sender = resendTimers.popFirst(through: now) {
            guard senders[sender].isUp else { continue }
            // A way over which others of them were confirmed meanwhile is none to blame.
            senders[sender].isOverdue = !senders[sender].hasConfirmed
            senders[sender].hasConfirmed = false
            senders[sender].repeatedCount = senders[sender].owedCount
            queueAllOwed(sender)
        }
        while let row = owedTimers.popFirst(through: now) {
            let index = owedRows[row].series
            for number in owedRows[row].numbers where series[index].decisions[number]?.row == row {
                settle(index, number)
            }
        }
        advanceHeld(to: now)
        if let time = writeAt, time <= now {
            writeAt = nil
            tellWrite()
        }
    }

    // MARK: Answers

    /// Answers with a receipt that is not owed.
    mutating func refused(_ id: MessageID, _ outcome: Receipt.Outcome, _ sender: Int) -> InboxVerdict {
        queue(Answer(entry: .init(id: id, outcome: outcome)), sender)
        forgetSenderIfIdle(sender)
        return .refused(outcome)
    }

    /// Sends the receipt of a number again, once it is written.
    mutating func repeatAnswer(_ index: Int, _ number: UInt64, now: Instant) {
        guard let decision = series[index].decisions[number] else { return }
        switch decision.state {
        case .reading, .storing: break
        case .owed: queueOwed(index, number)
        case .held:
            guard let outcome = answerOfHeld(decision) else { return }
            queue(Answer(entry: .init(id: decision.id, outcome: outcome)), series[index].sender)
        }
    }

    mutating func queueOwed(_ index: Int, _ number: UInt64) {
        guard let decision = series[index].decisions[number], !decision.isQueued else { return }
        let sender = series[index].sender
        guard senders[sender].isUp else { return }
        series[index].decisions[number]?.isQueued = true
        let entry = Receipt.Entry(id: decision.id, outcome: decision.outcome)
        senders[sender].answers.append(Answer(entry: entry, series: index, number: number))
        tellAnswer(sender)
    }

    /// Queues an answer that is not owed.
    mutating func queue(_ answer: Answer, _ sender: Int) {
        guard senders[sender].isUp,
            senders[sender].answers.count < limits.answerCountMax + senders[sender].owedCount
        else { return }
        senders[sender].answers.append(answer)
        tellAnswer(sender)
    }

    private mutating func queueAllOwed(_ sender: Int) {
        for index in senders[sender].series {
            for number in series[index].decisions.keys.sorted() {
                if case .owed? = series[index].decisions[number]?.state { queueOwed(index, number) }
            }
        }
    }

    private mutating func tellAnswer(_ sender: Int) {
        guard !senders[sender].isAnswerTold else { return }
        senders[sender].isAnswerTold = true
        actions.append(.answer(senders[sender].id))
    }

    /// A sender has said which of so many receipts it has: what is left waits anew.
    ///
    /// Whoever has lost its store, and with it a series, never confirms the receipts in that: what they wait for does not begin
    /// anew because others are confirmed.
    mutating func hasConfirmed(_ sender: Int, of owedCount: Int, now: Instant) {
        guard senders[sender].owedCount < owedCount else { return }
        senders[sender].hasConfirmed = true
        guard senders[sender].repeatedCount == 0 || senders[sender].owedCount < senders[sender].repeatedCount
        else { return }
        senders[sender].beginAnew()
        resendTimers.remove(sender)
        setResendTimer(sender, now: now)
    }

    private mutating func setResendTimer(_ sender: Int, now: Instant) {
        guard senders[sender].isUp, senders[sender].owedCount > 0 else { return resendTimers.remove(sender) }
        guard !resendTimers.contains(sender) else { return }
        resendTimers.set(sender, to: now + senders[sender].resending.next(limits.retries, &jitter))
    }

    // MARK: Floors

    /// Raises a series' floor; receipts below it are owed no longer.
    mutating func raise(_ index: Int, to floor: UInt64, now: Instant) {
        let old = series[index].window.floor
        guard series[index].window.raise(to: floor) else { return }
        for number in decided(index, in: old...floor - 1) { settle(index, number) }
        touch(index)
    }

    private mutating func settle(_ index: Int, _ numbers: ClosedRange<UInt64>) {
        let known = decided(index, in: numbers)
        let window = series[index].window
        series[index].window.decide(numbers)
        // What is being read is decided when it was.
        for number in known
        where series[index].decisions[number]?.state == .reading && window.standing(of: number) == .open {
            series[index].window.reopen(number)
        }
        if series[index].window != window { touch(index) }
        for number in known { settle(index, number) }
    }

    /// The numbers of a range of which something is known, in their order: a range may be long and say little.
    private func decided(_ index: Int, in numbers: ClosedRange<UInt64>) -> [UInt64] {
        let decisions = series[index].decisions
        if decisions.isEmpty { return [] }
        if numbers.count <= decisions.count { return numbers.filter { decisions[$0] != nil } }
        return decisions.keys.filter(numbers.contains).sorted()
    }

    // MARK: Senders and series

    mutating func sender(_ id: PeerID) -> Int {
        if let known = senderIndex[id] { return known }
        let sender: Int
        if let reused = freeSenders.popLast() {
            sender = reused
            senders[sender] = Sender(id: id)
        } else {
            sender = senders.count
            senders.append(Sender(id: id))
        }
        senderIndex[id] = sender
        return sender
    }

    mutating func forgetSenderIfIdle(_ sender: Int) {
        guard !senders[sender].isUp, senders[sender].series.isEmpty, senders[sender].entryCount == 0,
            senders[sender].broadcastCount == 0, senderIndex[senders[sender].id] == sender
        else { return }
        senderIndex[senders[sender].id] = nil
        resendTimers.remove(sender)
        freeSenders.append(sender)
    }

    /// A series that was not known; `nil` when there is no room and nothing that can be forgotten.
    ///
    /// It can be forgotten at once until a message of it is taken in: made-up ones keep nobody out.
    mutating func newSeries(_ sender: Int, _ name: UInt64, floor: UInt64, wallNow: WallTime) -> Int? {
        if senders[sender].series.count >= limits.senderSeriesCountMax {
            guard let old = senders[sender].series.first(where: { isForgettable($0, wallNow) }) else {
                return nil
            }
            forgetSeries(old, keeping: sender)
        }
        if seriesIndex.count >= limits.seriesCountMax, !forgetSomeSeries(wallNow, keeping: sender) {
            return nil
        }
        let window = SeriesWindow(floor: floor, count: limits.windowCount)
        let never = WallTime(millisecondsSince1970: 0)
        return addSeries(Series(sender: sender, series: name, window: window, expires: never))
    }

    mutating func addSeries(_ entry: Series) -> Int {
        let index: Int
        if let reused = freeSeries.popLast() {
            index = reused
            series[index] = entry
        } else {
            index = series.count
            series.append(entry)
        }
        senders[entry.sender].series.append(index)
        seriesIndex[SeriesName(sender: entry.sender, series: entry.series)] = index
        return index
    }

    /// Whether no message of a series can come again: all that were seen are of no more use by any clock.
    private func isForgettable(_ index: Int, _ wallNow: WallTime) -> Bool {
        series[index].decisions.isEmpty && isOver(series[index].expires, limits.retention, wallNow)
    }

    /// - Parameter keptSender: a sender that stays, as it is about to have another series.
    private mutating func forgetSeries(_ index: Int, keeping keptSender: Int) {
        let sender = series[index].sender
        pending.bookkeeping.remove(InboxRow.seriesKey(senders[sender].id, series[index].series))
        senders[sender].series.removeAll { $0 == index }
        seriesIndex[SeriesName(sender: sender, series: series[index].series)] = nil
        series[index].isDirty = false
        series[index].sender = -1
        freeSeries.append(index)
        if sender != keptSender { forgetSenderIfIdle(sender) }
    }

    /// Looks at a few series in turn, so that a full table costs a stranger's message no more than any other.
    private mutating func forgetSomeSeries(_ wallNow: WallTime, keeping keptSender: Int) -> Bool {
        for _ in 0..<min(8, series.count) {
            forgetCursor = (forgetCursor + 1) % series.count
            guard series[forgetCursor].sender >= 0, isForgettable(forgetCursor, wallNow) else { continue }
            forgetSeries(forgetCursor, keeping: keptSender)
            return true
        }
        return false
    }
}
