package import StarlingCore

/// What has arrived at this node: each message once, kept until it is acknowledged, its receipt owed until the sender
/// has confirmed it.
///
/// A message that is offered gets a ticket when it is new; with its content it becomes an entry. The entry, the
/// sender's window and the receipt that is owed are written in one batch, and only what is written is answered. One
/// batch is on its way at a time.
///
/// Envelopes and settlements that come in here have had their signatures checked.
package struct Inbox: Sendable {
    package struct Limits: Sendable {
        /// Entries that are not acknowledged; with so many, messages are refused for the time being.
        package var entryCountMax = 10_000
        /// Bytes of their contents, likewise.
        package var byteCountMax = 1_073_741_824
        /// EMERGENCY entries beyond both, so that a flood of others does not keep them out.
        package var emergencyCountMax = 64
        /// Bytes of their contents.
        package var emergencyByteCountMax = 16_777_216
        /// Messages that wait for their files; with so many, the senders of more are told to come again.
        package var heldCountMax = 1000
        /// The part of the store that files which are waited for leave to those that are sent from here.
        package var ownFilesDivisor = 8
        /// Receipts that are not confirmed, likewise.
        package var owedCountMax = 262_144
        /// How many times what is free of these one sender may have; more of its messages are refused for the
        /// time being.
        ///
        /// With 4, one alone gets four fifths, two get four ninths each, and there is always room for one that comes
        /// anew: nobody shuts the others out.
        ///
        /// Source: Choudhury and Hahne, "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches", 1998.
        package var senderShareFactor = 4
        /// Series of one sender; beyond it one whose messages are all too old is forgotten, or a message held back.
        package var senderSeriesCountMax = 16
        /// Messages to everybody that are recognised when they come again; with so many, more are not taken.
        package var broadcastCountMax = 32_768
        /// Series in all, likewise.
        package var seriesCountMax = 65_536
        /// Numbers from the floor on that are kept track of; what is beyond is held back.
        package var windowCount: UInt64 = 4096
        /// By how much the clocks of two nodes may differ.
        package var clockTolerance: Duration = .seconds(900)
        /// How long after a message's lifetime its receipt is owed, and its series known.
        package var retention: Duration = .seconds(3600)
        /// How long what a sender has settled waits for something else to be written.
        ///
        /// Where a crash is quicker, receipts are sent once more, and the sender settles them again.
        package var settlementDelay: Duration = .seconds(1)
        /// Answers to one sender that are not owed, and wait to be sent; more are dropped, and asked for again.
        package var answerCountMax = 4096
        /// Positions that are reserved at once: a restart skips at most so many, and the row is written so seldom.
        package var reservationCount: UInt64 = 1024
        /// Bytes of new rows with which nothing more is offered until the disk has taken them: the receipt of a small message
        /// waits for all that is written with it.
        package var batchByteCountMax = 4_194_304
        package var retries = RetrySchedule.Limits()
        package var receipt = Receipt.Limits()

        package init() {}
    }

    struct Entry: Sendable {
        var entry: InboxEntry
        var sender: Int
        /// Whether ``DeliveryTables/attempts`` has a row for it.
        var hasAttemptRow = false
    }

    /// What is known of a number that is decided, or about to be.
    struct Decision: Sendable {
        enum State: Sendable {
            /// Somebody reads the content.
            case reading
            /// The message waits for its file.
            case held
            /// On its way to the disk.
            case storing
            /// The receipt is owed.
            case owed
        }

        var state: State
        var id: MessageID
        var outcome: Receipt.Outcome
        var expires: WallTime
        /// The row that owes the receipt.
        var row = -1
        /// Whether the receipt waits to be sent.
        var isQueued = false
        /// Where the message is held, until its end is written; -1 when it is not.
        var held = -1
    }

    struct Series: Sendable {
        /// Room for decisions that a series keeps while it has none.
        private static let idleDecisionCapacityMax = 64

        var sender: Int
        let series: UInt64
        var window: SeriesWindow
        /// When the last of the messages seen in it is of no more use.
        var expires: WallTime
        /// An idle series holds nothing of the thousands of numbers that may have been open at once.
        var decisions: [UInt64: Decision] = [:] {
            didSet {
                if decisions.isEmpty, decisions.capacity > Self.idleDecisionCapacityMax { decisions = [:] }
            }
        }
        /// Whether its row is not what it should be.
        var isDirty = false
        /// Numbers decided for the next batch.
        var decided: [UInt64] = []
    }

    struct Answer: Sendable {
        var entry: Receipt.Entry
        /// The series and number of a receipt that is owed; -1 for an answer that is not.
        var series = -1
        var number: UInt64 = 0
    }

    struct Sender: Sendable {
        let id: PeerID
        var series: [Int] = []
        var isUp = false
        var answers = RingQueue<Answer>()
        var isAnswerTold = false
        /// Whether receipts were not confirmed in their time, since it was last asked.
        var isOverdue = false
        var owedCount = 0
        /// How many of them there were when they were last sent again; 0 when they were not since some of those were confirmed.
        var repeatedCount = 0
        /// Whether some were confirmed since.
        var hasConfirmed = false
        var resending = RetrySchedule()
        /// Entries that it sent and that are here, with those that are being read.
        var entryCount = 0
        /// Bytes of their contents.
        var byteCount = 0
        /// Those of them that wait for their files.
        var heldCount = 0
        /// Bytes of those files.
        var heldFileByteCount: UInt64 = 0
        /// Its messages to everybody that are recognised.
        var broadcastCount = 0

        /// What is owed waits as at first.
        mutating func beginAnew() {
            resending.reset()
            (repeatedCount, hasConfirmed) = (0, false)
        }
    }

    /// Receipts that one row owes.
    struct OwedRow: Sendable {
        var position: UInt64
        var series: Int
        var numbers: [UInt64]
        /// Those of ``numbers`` that are still owed.
        var count: Int
    }

    /// What a batch on its way to the disk will change here.
    struct Batch: Sendable {
        var bookkeeping = StoreBatch()
        /// Entries that are new.
        var added: [UInt64] = []
        /// Entries that are handed out once it is written.
        var handedOut: [UInt64] = []
        /// Messages that are held once it is written.
        var held: [UInt64] = []
        /// Messages that are held no more once it is written, and still are when it is not.
        var released: [UInt64] = []
        /// Messages whose rows are gone once it is written.
        var dropped: [UInt64] = []
        /// Entries with files that are gone once it is written.
        var forgotten: [UInt64] = []
        /// Numbers that are decided once it is written, by series.
        var decided: [(series: Int, row: Int)] = []
        /// Rows that are new with it.
        var rows = StoreBatch()
    }

    let own: PeerID
    let limits: Limits
    var jitter: DeliveryJitter

    var senders: [Sender] = []
    var freeSenders: [Int] = []
    var senderIndex: [PeerID: Int] = [:]
    var series: [Series] = []
    var freeSeries: [Int] = []
    /// Each series by its sender and name.
    var seriesIndex: [SeriesName: Int] = [:]
    /// Where the search for a series to forget goes on.
    var forgetCursor = 0
    var dirtySeries: [Int] = []

    /// Messages to everybody that came.
    var broadcasts: [MessageName: SeenBroadcast] = [:]
    /// In the order of their coming.
    var broadcastOrders = [RingQueue<MessageName>](repeating: RingQueue(), count: 2)
    /// How many of them each neighbour has handed over.
    var broadcastCounts: [PeerID: Int] = [:]

    var entries: [UInt64: Entry] = [:]
    var order = PositionOrder()
    var ids: [MessageID: UInt64] = [:]
    var nextPosition: UInt64 = 1
    var reservedPosition: UInt64 = 0
    /// What is restored before its entries.
    var attempts: [UInt64: Int] = [:]
    /// Bytes of the contents of all entries, with those that are being read.
    package internal(set) var byteCount = 0
    /// Messages that are being read.
    var readingCount = 0

    var held: [Held?] = []
    var freeHeld: [Int] = []
    /// Where each message that waits for its file is held, by the position of its row.
    var heldIndex: [UInt64: Int] = [:]
    var nextHeldPosition: UInt64 = 1
    /// Bytes of all files that are waited for.
    package internal(set) var heldFileByteCount: UInt64 = 0

    var owedRows: [OwedRow] = []
    var freeOwedRows: [Int] = []
    var nextOwedPosition: UInt64 = 1
    /// Receipts that are owed, in all.
    package internal(set) var owedCount = 0

    /// When a sender's receipts are sent again, by sender.
    var resendTimers = DeadlineHeap()
    /// When receipts are owed no longer, by row.
    var owedTimers = DeadlineHeap()
    /// When a message is of no more use without its file, by where it is held.
    var holdTimers = DeadlineHeap()

    var pending = Batch()
    /// Bytes of the rows of new entries in it.
    var pendingByteCount = 0
    var inFlight: Batch?
    var isWriteTold = false
    /// Whether more is pending than what settlements say.
    var isHurried = false
    /// Whether a settlement is being taken in.
    var isSettling = false
    /// When what settlements say is written at the latest.
    var writeAt: Instant?
    var actions = RingQueue<InboxAction>()

    struct SeriesName: Hashable, Sendable {
        var sender: Int
        var series: UInt64
    }

    /// - Parameters:
    ///   - own: Whose inbox it is.
    ///   - seed: Eight random bytes, which spread the retries.
    package init(own: PeerID, seed: UInt64, limits: Limits = Limits()) {
        self.own = own
        self.limits = limits
        jitter = DeliveryJitter(seed: seed)
    }

    /// Entries that are not acknowledged.
    package var count: Int { entries.count }

    /// Whether the next batch is as large as one may be: offer nothing more until it is on its way.
    package var isBatchFull: Bool { pendingByteCount >= limits.batchByteCountMax }

    /// Series that are known.
    package var seriesCount: Int { seriesIndex.count }

    /// What to do next; pull until `nil` after every call.
    package mutating func nextAction() -> InboxAction? { actions.popFirst() }

    /// When ``advance(to:)`` must next be called.
    package var nextDeadline: Instant? {
        .earlier(.earlier(resendTimers.first, owedTimers.first), .earlier(holdTimers.first, writeAt))
    }

    // MARK: Messages

    /// Says what becomes of a message: the driver has checked the signature, and that its way is allowed.
    ///
    /// - Parameter byteCount: The size of the content, as far as it is known yet.
    package mutating func offer(
        _ header: MessageHeader,
        byteCount: Int,
        now: Instant,
        wallNow: WallTime
    ) -> InboxVerdict {
        guard header.to == own, let place = header.place else { return .refused(.refusedByPolicy) }
        let sender = sender(header.from)
        let isExpired = isOver(header.expires, limits.clockTolerance, wallNow)
        let found = seriesIndex[SeriesName(sender: sender, series: place.series)]
        if found == nil, isExpired { return refused(header.id, .expired, sender) }
        guard let index = found ?? newSeries(sender, place.series, floor: place.floor, wallNow: wallNow)
        else {
            return refused(header.id, .heldBack, sender)
        }
        let owedCount = senders[sender].owedCount
        raise(index, to: place.floor, now: now)
        hasConfirmed(sender, of: owedCount, now: now)
        switch series[index].window.standing(of: place.number) {
        case .settled: return refused(header.id, .expired, sender)
        case .beyond: return refused(header.id, .heldBack, sender)
        case .decided:
            guard series[index].decisions[place.number]?.id == header.id else {
                return refused(header.id, .expired, sender)
            }
            repeatAnswer(index, place.number, now: now)
            return .duplicate
        case .open:
            // Somebody reads it right now, or it waits for its file.
            if series[index].decisions[place.number] != nil {
                repeatAnswer(index, place.number, now: now)
                return .duplicate
            }
        }
        guard owedCount < limits.owedCountMax,
            isWithinShare(senders[sender].owedCount, free: limits.owedCountMax - owedCount)
        else { return refused(header.id, .refusedFull, sender) }
        let ticket = InboxTicket(header: header, series: index, byteCount: byteCount)
        if isExpired {
            begin(ticket, wallNow: wallNow)
            refuse(ticket, .expired, now: now)
            return .refused(.expired)
        }
        guard hasRoom(for: header.priority, byteCount: byteCount, of: sender) else {
            return refused(header.id, .refusedFull, sender)
        }
        begin(ticket, wallNow: wallNow)
        return .take(ticket)
    }

    /// Makes an entry of a message that was offered, with its content.
    ///
    /// - Parameter handsOut: Whether somebody takes it as soon as it is written.
    /// - Returns: Its position, under which it is found in ``InboxAction/arrived(position:)`` or
    ///   ``InboxAction/handOut(position:attempt:)``.
    package mutating func add(
        _ ticket: InboxTicket,
        _ content: MessageContent,
        handsOut: Bool,
        now: Instant,
        wallNow: WallTime
    ) -> UInt64 {
        guard isOpen(ticket) else { preconditionFailure("not offered") }
        endReading(ticket)
        let sender = series[ticket.series].sender
        let position = addEntry(ticket.header, content, of: sender, handsOut: handsOut, wallNow: wallNow)
        decide(ticket, .delivered)
        return position
    }

    /// Puts an entry into the next batch.
    mutating func addEntry(
        _ header: MessageHeader,
        _ content: MessageContent,
        of sender: Int,
        handsOut: Bool,
        wallNow: WallTime
    ) -> UInt64 {
        let position = newPosition()
        let encoded = content.encoded
        let entry = InboxEntry(
            position: position,
            id: header.id,
            isBroadcast: header.place == nil,
            type: content.type,
            kind: content.kind,
            from: header.from,
            priority: header.priority,
            privacy: header.privacy,
            created: header.created,
            received: wallNow,
            byteCount: encoded.count,
            file: InboxFile(content),
            attempt: handsOut ? 1 : 0,
            state: .storing
        )
        entries[position] = Entry(entry: entry, sender: sender)
        hold(1, encoded.count, of: sender)
        order.append(position)
        if ids[header.id] == nil { ids[header.id] = position }
        pending.added.append(position)
        let row = InboxRow(entry: entry, place: header.place, content: encoded)
        let bytes = row.encoded
        pendingByteCount += bytes.count
        pending.rows.put(StoreKey(DeliveryTables.inbox, position), bytes)
        return position
    }

    /// Refuses a message that was offered, for good.
    ///
    /// - Precondition: the outcome is final, and not `delivered`.
    package mutating func refuse(_ ticket: InboxTicket, _ outcome: Receipt.Outcome, now: Instant) {
        precondition(!outcome.isTransient && outcome != .delivered)
        guard isOpen(ticket) else { preconditionFailure("not offered") }
        endReading(ticket)
        decide(ticket, outcome)
    }

    /// Gives a ticket back: the message is as if it had not come.
    package mutating func abandon(_ ticket: InboxTicket) {
        guard let place = ticket.header.place, isOpen(ticket) else { return }
        endReading(ticket)
        series[ticket.series].decisions[place.number] = nil
    }

    /// Answers a message that is not offered, as its way is not allowed.
    package mutating func answer(_ id: MessageID, _ outcome: Receipt.Outcome, to sender: PeerID) {
        _ = refused(id, outcome, self.sender(sender))
    }

    /// The next position, which the disk has reserved by the time an entry has it.
    private mutating func newPosition() -> UInt64 {
        let position = nextPosition
        nextPosition += 1
        if position > reservedPosition {
            reservedPosition = position + limits.reservationCount - 1
            pending.bookkeeping.put(
                StoreKey(DeliveryTables.inboxCounter, 1),
                InboxRow.counter(reservedPosition)
            )
        }
        return position
    }

    // MARK: Decisions

    /// Whether a message was offered, and nothing is decided yet.
    func isOpen(_ ticket: InboxTicket) -> Bool {
        guard let place = ticket.header.place, ticket.series < series.count,
            let decision = series[ticket.series].decisions[place.number], decision.id == ticket.header.id
        else { return false }
        switch decision.state {
        case .reading, .held: return true
        case .storing, .owed: return false
        }
    }

    mutating func begin(_ ticket: InboxTicket, wallNow: WallTime) {
        guard let place = ticket.header.place else { return }
        let expires = min(ticket.header.expires, wallNow.advanced(by: MessageHeader.lifetimeMax))
        series[ticket.series].decisions[place.number] = Decision(
            state: .reading,
            id: ticket.header.id,
            outcome: .delivered,
            expires: expires
        )
        series[ticket.series].expires = max(series[ticket.series].expires, expires)
        readingCount += 1
        hold(1, ticket.byteCount, of: series[ticket.series].sender)
    }

    mutating func endReading(_ ticket: InboxTicket) {
        readingCount -= 1
        hold(-1, -ticket.byteCount, of: series[ticket.series].sender)
    }

    // MARK: Shares

    /// Books entries of a sender, or those that are being read, with the bytes of their contents.
    mutating func hold(_ entryCount: Int, _ byteCount: Int, of sender: Int) {
        self.byteCount += byteCount
        senders[sender].entryCount += entryCount
        senders[sender].byteCount += byteCount
    }

    func isWithinShare(_ count: Int, free: Int) -> Bool { count / limits.senderShareFactor < free }

    /// Whether a sender may have one entry more.
    func hasRoom(for priority: MessagePriority, byteCount: Int, of sender: Int) -> Bool {
        let isEmergency = priority == .emergency
        let freeCount =
            limits.entryCountMax + (isEmergency ? limits.emergencyCountMax : 0) - entries.count - readingCount
        let freeByteCount =
            limits.byteCountMax + (isEmergency ? limits.emergencyByteCountMax : 0) - self.byteCount
        return freeCount > 0 && byteCount <= freeByteCount
            && isWithinShare(senders[sender].entryCount, free: freeCount)
            && isWithinShare(senders[sender].byteCount, free: freeByteCount)
    }

    private mutating func decide(_ ticket: InboxTicket, _ outcome: Receipt.Outcome) {
        guard let place = ticket.header.place else { return }
        let index = ticket.series
        series[index].decisions[place.number]?.state = .storing
        series[index].decisions[place.number]?.outcome = outcome
        series[index].window.decide(place.number)
        series[index].decided.append(place.number)
        owedCount += 1
        senders[series[index].sender].owedCount += 1
        touch(index)
    }

    /// Sees that a series' row is written.
    mutating func touch(_ index: Int) {
        if !series[index].isDirty {
            series[index].isDirty = true
            dirtySeries.append(index)
        }
        tellWrite()
    }

    /// Has what is pending written, as soon as the last batch is; what a settlement says waits for more.
    mutating func tellWrite() {
        if !isSettling { isHurried = true }
        writeIfHurried()
    }

    mutating func writeIfHurried() {
        guard isHurried, !isWriteTold, inFlight == nil, hasPending else { return }
        isWriteTold = true
        actions.append(.write)
    }

    var hasPending: Bool {
        !dirtySeries.isEmpty || !pending.bookkeeping.isEmpty || !pending.rows.isEmpty
            || !pending.handedOut.isEmpty || !pending.dropped.isEmpty
    }

    func isOver(_ time: WallTime, _ grace: Duration, _ wallNow: WallTime) -> Bool {
        let (end, overflow) = time.millisecondsSince1970.addingReportingOverflow(grace.milliseconds)
        return !overflow && end < wallNow.millisecondsSince1970
    }
}
