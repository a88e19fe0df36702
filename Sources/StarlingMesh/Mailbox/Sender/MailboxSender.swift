package import StarlingCore

/// Which mailboxes have copies of this node's messages, and which are to have some.
///
/// A message that waits for a recipient who cannot be reached is left with up to four of the recipient's mailboxes. A copy
/// counts on this node's disk before it is offered, and until its mailbox does not have it for certain; so there are never
/// more, whatever crashes. When the message is settled, the mailboxes are told to erase it.
///
/// The message stays the outbox's: nothing here ends it, or keeps the outbox from sending it.
package struct MailboxSender: Sendable {
    package struct Limits: Sendable {
        /// Messages that are kept track of, as many as an outbox has; more are not left with anybody.
        package var messageCountMax = 10_064
        /// Recipients and mailboxes that are known at a time; messages that would need more are not left with anybody.
        package var recipientCountMax = 4096
        package var mailboxCountMax = 4096
        /// Copies of one message; what a mailbox may have of it counts.
        package var copyCountMax = MailboxProtocol.copyCountMax
        /// How long a message waits for its recipient before it is left with mailboxes: most come back, or are found, sooner.
        package var patience: Duration = .seconds(10)
        /// Offers to one mailbox that are not answered; more wait.
        package var offerCountMax = 8
        /// How long an answer may take; then the mailbox rests like one that is full.
        package var answerDuration: Duration = .seconds(60)
        /// How long a mailbox is taken at its word that it has something, before it is asked again.
        package var checkDuration: Duration = .seconds(3600)
        /// By how much the clocks of two nodes may differ: a mailbox has dropped what has been over for twice as long.
        package var clockTolerance: Duration = .seconds(900)
        package var retries = RetrySchedule.Limits()

        package init() { retries.first = .seconds(5) }
    }

    /// What one mailbox has, or may have, of a message.
    struct Copy: Equatable, Sendable {
        enum State: Equatable, Sendable {
            /// The row that counts it is on its way to the disk.
            case promised
            /// It was offered, or may have been, and the answer did not come.
            case unknown
            /// It is offered.
            case offered
            /// The mailbox has said that it has it.
            case stored
        }

        let mailbox: Int
        var state: State
        /// When the mailbox said that it has it.
        var since: WallTime?
    }

    struct Message: Sendable {
        let id: MessageID
        let recipient: Int
        /// When it is of no more use.
        var ends: Instant
        let expires: WallTime
        var copies: [Copy] = []
        /// Mailboxes that will not have it.
        var refusedBy: [Int] = []
        /// Whether it has waited long enough to be left with mailboxes.
        var isReady = false
        /// Whether its recipient or its lifetime has settled it: what is left of it is to be erased.
        var isSettled = false
        /// Whether the outbox has told of it in this run.
        var isHeld = true
        var isDirty = false
        var hasRow = false
        /// Distinguishes it from another one in the same slot.
        var generation: UInt64
    }

    struct Recipient: Sendable {
        let id: PeerID
        var isPresent = false
        var mailboxes: [Int] = []
        var isListKnown = false
        var messageCount = 0
        var seeking = RetrySchedule()
        var seekAt: Instant?
    }

    struct Mailbox: Sendable {
        let id: PeerID
        var isUp = false
        var isReaching = false
        var reaching = RetrySchedule()
        var reachAt: Instant?
        /// It was full, or did not answer: it is left alone until then.
        var pausedUntil: Instant?
        /// Whether it rests because it took nothing, and would take nothing over another connection either.
        var isFull = false
        var pausing = RetrySchedule()
        /// Messages to offer, each once; of some there may be no need any more.
        var queue = RingQueue<Int>()
        var queued: Set<Int> = []
        /// Offers that are not answered, with those on their way to the disk.
        var openCount = 0
        /// When the oldest open offer, erasure or question is given up.
        var answerBy: Instant?
        var erasing: [MessageID] = []
        var toErase = RingQueue<Int>()
        var asking: [MessageID] = []
        var toCheck = RingQueue<Int>()
        var checkAt: Instant?
        /// Whether it is in ``MailboxSender/marked``.
        var isMarked = false
        /// Lists and copies that name it.
        var useCount = 0
    }

    /// What a batch on its way to the disk will change here.
    struct Batch: Sendable {
        var rows = StoreBatch()
        /// Messages whose rows are in it.
        var written: [(slot: Int, generation: UInt64)] = []
        /// Copies that may be offered once it is written.
        var promised: [(slot: Int, generation: UInt64, mailbox: Int)] = []
    }

    let own: PeerID
    let limits: Limits
    var jitter: DeliveryJitter

    var messages: [Message?] = []
    var freeMessages: [Int] = []
    var index: [MessageID: Int] = [:]
    var generations: UInt64 = 0
    var recipients: [Recipient] = []
    var freeRecipients: [Int] = []
    var recipientIndex: [PeerID: Int] = [:]
    var mailboxes: [Mailbox] = []
    var freeMailboxes: [Int] = []
    var mailboxIndex: [PeerID: Int] = [:]

    /// When a message has waited long enough, by message.
    var waits = DeadlineHeap()
    /// When nobody has a message any more, by message.
    var ends = DeadlineHeap()
    /// When a recipient's list is looked for again, by recipient.
    var seeks = DeadlineHeap()
    /// When something is due with a mailbox, by mailbox.
    var mailboxTimers = DeadlineHeap()

    /// Mailboxes that may have something to do.
    var marked: [Int] = []
    var dirty: [Int] = []
    var removed = StoreBatch()
    var promises: [(slot: Int, generation: UInt64, mailbox: Int)] = []
    var inFlight: Batch?
    var isWriteTold = false
    var actions = RingQueue<MailboxSenderAction>()

    /// - Parameters:
    ///   - own: Whose messages these are.
    ///   - seed: Eight random bytes, which spread the retries.
    package init(own: PeerID, seed: UInt64, limits: Limits = Limits()) {
        self.own = own
        self.limits = limits
        jitter = DeliveryJitter(seed: seed)
    }

    /// What to do next; pull until `nil` after every call.
    package mutating func nextAction() -> MailboxSenderAction? { actions.popFirst() }

    /// When ``advance(to:)`` must next be called.
    package var nextDeadline: Instant? {
        .earlier(.earlier(waits.first, ends.first), .earlier(seeks.first, mailboxTimers.first))
    }

    // MARK: Messages

    /// A message of the outbox's waits; telling it again changes nothing.
    ///
    /// - Parameters:
    ///   - id: A private one, whose envelope the outbox has on the disk.
    ///   - expires: When its lifetime ends.
    ///   - isPresent: Whether the recipient can be reached right now.
    package mutating func hold(
        _ id: MessageID,
        to peer: PeerID,
        expires: WallTime,
        isPresent: Bool,
        now: Instant,
        wallNow: WallTime
    ) {
        // What is restored knows nothing of who is there.
        if isPresent { present(peer, now: now) }
        if let slot = index[id] {
            if messages[slot]?.isHeld == false, messages[slot]?.isSettled == false {
                messages[slot]?.isHeld = true
                setWait(slot, now: now)
            }
            return
        }
        guard index.count < limits.messageCountMax, peer != own,
            recipientIndex[peer] != nil || recipientIndex.count < limits.recipientCountMax
        else { return }
        let isNew = recipientIndex[peer] == nil
        let slot = add(id, to: peer, expires: expires, now: now, wallNow: wallNow)
        if isNew, let recipient = recipientIndex[peer] { recipients[recipient].isPresent = isPresent }
        setWait(slot, now: now)
    }

    /// The outbox has settled a message: what mailboxes have of it is to be erased.
    package mutating func settled(_ id: MessageID, now: Instant) {
        guard let slot = index[id] else { return }
        settle(slot, now: now)
        pumpMarked(now: now)
        tellWrite()
    }

    /// Which mailboxes have said that they have a message.
    package func holders(of id: MessageID) -> [PeerID] {
        guard let slot = index[id], let message = messages[slot] else { return [] }
        return message.copies.filter { $0.state == .stored }.map { mailboxes[$0.mailbox].id }.sorted()
    }

    /// Which mailboxes have a message, or may have it.
    package func copies(of id: MessageID) -> [MailboxCopy] {
        guard let slot = index[id], let message = messages[slot] else { return [] }
        return copies(of: message)
    }

    /// All messages of which mailboxes have something, or may have, in the order in which they came.
    package var copies: [MailboxCopy] {
        slots().flatMap { slot in messages[slot].map { copies(of: $0) } ?? [] }
    }

    private func copies(of message: Message) -> [MailboxCopy] {
        message.copies.filter { $0.state != .promised }.map { copy in
            MailboxCopy(
                id: message.id,
                to: recipients[message.recipient].id,
                mailbox: mailboxes[copy.mailbox].id,
                stored: copy.state == .stored ? copy.since : nil,
                isSettled: message.isSettled
            )
        }
    }

    /// How many mailboxes have a message, or may have it.
    package func copyCount(of id: MessageID) -> Int { index[id].flatMap { messages[$0]?.copies.count } ?? 0 }

    /// Whether messages to a peer are kept track of: its list is of use.
    package func hasMessages(to peer: PeerID) -> Bool { recipientIndex[peer] != nil }

    /// The mailboxes that have, or may have, something of this node's: receipts for it may be there.
    package var holders: [PeerID] {
        var found = Set<Int>()
        for message in messages { for copy in message?.copies ?? [] { found.insert(copy.mailbox) } }
        return found.map { mailboxes[$0].id }.sorted()
    }

    mutating func settle(_ slot: Int, now: Instant) {
        guard messages[slot]?.isSettled == false else { return }
        messages[slot]?.isSettled = true
        waits.remove(slot)
        for copy in messages[slot]?.copies ?? [] {
            switch copy.state {
            // It was not offered, and is not going to be.
            case .promised: drop(copy.mailbox, of: slot)
            case .offered: break
            case .unknown, .stored: erase(slot, copy.mailbox, now: now)
            }
        }
        forgetIfDone(slot)
    }

    // MARK: Recipients

    /// The recipient can be reached: nothing more is left with its mailboxes.
    package mutating func present(_ peer: PeerID, now: Instant) {
        guard let recipient = recipientIndex[peer], !recipients[recipient].isPresent else { return }
        recipients[recipient].isPresent = true
        setSeek(recipient, nil)
        for slot in slots(of: recipient) {
            messages[slot]?.isReady = false
            waits.remove(slot)
        }
    }

    /// The recipient cannot be reached any more.
    package mutating func absent(_ peer: PeerID, now: Instant) {
        guard let recipient = recipientIndex[peer], recipients[recipient].isPresent else { return }
        recipients[recipient].isPresent = false
        for slot in slots(of: recipient) { setWait(slot, now: now) }
    }

    /// Which mailboxes a peer has, by its word; asked for by ``MailboxSenderAction/seek(_:)``, or learnt otherwise.
    package mutating func list(_ peers: [PeerID], of peer: PeerID, now: Instant) {
        guard let recipient = recipientIndex[peer] else { return }
        let old = recipients[recipient].mailboxes
        recipients[recipient].isListKnown = true
        recipients[recipient].seeking.reset()
        setSeek(recipient, nil)
        recipients[recipient].mailboxes = []
        for id in peers.prefix(MailboxList.Limits().mailboxCountMax) where id != own && id != peer {
            guard let mailbox = use(id) else { continue }
            recipients[recipient].mailboxes.append(mailbox)
        }
        for mailbox in old { release(mailbox) }
        for slot in slots(of: recipient) {
            messages[slot]?.refusedBy = []
            enqueue(slot, now: now)
        }
        pumpMarked(now: now)
        tellWrite()
    }

    mutating func setSeek(_ recipient: Int, _ time: Instant?) {
        recipients[recipient].seekAt = time
        if let time { seeks.set(recipient, to: time) } else { seeks.remove(recipient) }
    }

    /// Lets a message wait for its recipient before it is left with anybody.
    mutating func setWait(_ slot: Int, now: Instant) {
        guard let message = messages[slot], message.isHeld, !message.isSettled, !message.isReady,
            !recipients[message.recipient].isPresent
        else { return }
        if !waits.contains(slot) { waits.set(slot, to: now + limits.patience) }
    }
}
