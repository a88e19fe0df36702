package import StarlingCore

/// Asks mailboxes for what they keep for this node, and tells them what may go.
///
/// One mailbox is asked at a time, page by page. What a page holds goes the way of everything that arrives; once the inbox has
/// it on the disk, or has refused it for good, this node's own mailboxes that are there get its receipt, so that the next one
/// does not bring the same again, and so does the one that brought it. Nobody else learns of the message.
///
/// Nothing is believed: what does not prove itself is not taken, and a mailbox that breaks a rule is asked last and seldom.
/// Each page has its bounds and its deadline, and each round ends while another mailbox waits for its turn: one costs the
/// others no more than that time.
package struct MailboxFetcher: Sendable {
    package struct Limits: Sendable {
        /// Mailboxes that are asked: this node's own, and those that have copies of its messages; more are not asked.
        package var mailboxCountMax = 256
        /// Envelopes and receipts of one page; the inbox has taken them before more are asked for.
        package var pageCountMax = 64
        /// Bytes of one page.
        package var pageByteCountMax = MailboxProtocol.pageByteCountMax
        /// Bytes that pages are not made smaller than, for a mailbox that takes too long for larger ones; the first one counts
        /// as within.
        package var pageByteCountMin = 16_384
        /// Envelopes and receipts of one round, twice of what a mailbox keeps for one recipient; with as many it ends, and the
        /// rest is asked for when the others have had their turn.
        package var roundCountMax = 5000
        /// Bytes of one round, likewise.
        package var roundByteCountMax = 134_217_728
        /// How long one mailbox is asked for page after page while another one is due.
        package var roundDuration: Duration = .seconds(120)
        /// How long a mailbox may take for a page of which nothing comes.
        package var answerDuration: Duration = .seconds(30)
        /// How long it may take for one whose bytes keep coming: the largest envelope at 28 kbit/s.
        package var pageDuration: Duration = .seconds(300)
        /// How long the inbox may take for a page; then the rest of it is left to a later round.
        package var inboxDuration: Duration = .seconds(60)
        /// Between rounds with a mailbox that stays connected.
        package var interval: Duration = .seconds(300)
        /// Between rounds with one that says again and again that it has something.
        package var pause: Duration = .seconds(1)
        /// Between attempts to reach a mailbox, and before it is asked for what the inbox had no room for.
        package var retries = RetrySchedule.Limits()
        /// How often one that is not watched is tried to be reached; then it may say again that it has something.
        package var hintReachCountMax = 4
        /// Before a mailbox is asked again that broke a rule.
        package var penalties = RetrySchedule.Limits()
        /// Messages that mailboxes brought and were told to erase, and that are remembered; the oldest is forgotten.
        package var endedCountMax = 4096

        package init() {
            penalties.first = .seconds(600)
            penalties.longest = .seconds(86_400)
        }
    }

    /// What became of an envelope that arrived.
    package enum Fate: Equatable, Sendable {
        /// The inbox has decided, for good, and the disk knows; a message that came before is decided as it was then.
        case ended(Receipt.Outcome)
        /// The inbox has it on the disk, and waits for its file.
        case kept
        /// The inbox does not take it for the time being.
        case noRoom
        /// Its signature does not hold.
        case forged
    }

    struct Mailbox: Sendable {
        let id: PeerID
        /// Whether this node has named it in its list.
        var isOwn = false
        /// Whether it stays when it has been asked.
        var isWatched = true
        var isUp = false
        var isReaching = false
        var reaching = RetrySchedule()
        var reachAt: Instant?
        /// When it is asked next.
        var askAt: Instant?
        /// Before which it is not asked, whatever it says; `nil` when it was not asked yet.
        var pauseUntil: Instant?
        /// Whether it has said since the round began that it has something.
        var isAskedAgain = false
        /// Breaches of a rule, less the rounds since that were clean.
        var breachCount = 0
        var penalties = RetrySchedule()
        /// Until when it is not asked since it broke a rule.
        var penaltyUntil: Instant?
        var waits = RetrySchedule()
        /// The number of its last round where that was cut short, else 0: it is asked again when the others have had their turn.
        var cutRound: UInt64 = 0
        /// How often its pages were made smaller, to a quarter each time.
        var shrinkCount = 0
    }

    /// What is being asked of one mailbox.
    struct Round: Sendable {
        let number: UInt64
        let mailbox: PeerID
        let began: Instant
        /// When the page was asked for that is waited for or being taken.
        var asked: Instant
        /// The most bytes that were asked for.
        var askedByteCount = 0
        /// Whether some of the page that is waited for has come.
        var isHeard = false
        var after: UInt64 = 0
        /// What the page that is being taken called its end.
        var next: UInt64 = 0
        /// Whether the page is there.
        var isTaking = false
        var deadline: Instant
        var seen: Set<MessageName> = []
        var itemCount = 0
        var byteCount = 0
        /// Envelopes of the page that nothing is known of yet.
        var openCount = 0
        /// Whether the page has brought anything that makes it worth to ask for the next one.
        var tookSomething = false
        var breach: MailboxBreach?
    }

    /// How a round ends in which no rule was broken.
    enum Ending {
        /// The mailbox has said that this was all.
        case done
        /// The inbox has no room or no time, or there was nothing in the page that is of use.
        case stuck
        /// There is more, and the others have their turn first.
        case cut
    }

    /// A message that a mailbox has brought.
    struct Brought: Hashable, Sendable {
        var mailbox: PeerID
        var name: MessageName
    }

    /// What became of a message that a mailbox has brought and was told to erase.
    struct Ended: Sendable {
        let outcome: Receipt.Outcome
        /// How many pages had been asked for when the mailbox said that it has erased it; `UInt64.max` until then.
        var erasedAt = UInt64.max
    }

    let own: PeerID
    let limits: Limits
    var jitter: DeliveryJitter

    /// In the order in which they are asked, those that broke no rule first.
    var mailboxes: [Mailbox] = []
    var round: Round?
    var roundCount: UInt64 = 0
    /// Envelopes that the inbox has not decided, who brought them, and in which round.
    var open: [MessageName: (mailbox: PeerID, round: UInt64)] = [:]
    /// Decisions for the next receipts, by sender, in their order; with who has brought it, where that is none of this node's own
    /// mailboxes.
    var decided: [(sender: PeerID, bringer: PeerID?, entries: [Receipt.Entry])] = []
    /// What mailboxes were told to erase.
    ///
    /// A sender that has not heard yet may leave it again, or one that wants the mailbox blamed.
    var ended: [Brought: Ended] = [:]
    var endedOrder = RingQueue<Brought>()
    var fetchCount: UInt64 = 0
    var actions = RingQueue<MailboxFetcherAction>()

    /// - Parameters:
    ///   - own: Whose mailboxes these are.
    ///   - seed: Eight random bytes, which spread the retries.
    package init(own: PeerID, seed: UInt64, limits: Limits = Limits()) {
        self.own = own
        self.limits = limits
        jitter = DeliveryJitter(seed: seed)
    }

    /// What to do next; pull until `nil` after every call.
    package mutating func nextAction() -> MailboxFetcherAction? { actions.popFirst() }

    /// When ``advance(to:)`` must next be called.
    package var nextDeadline: Instant? {
        var first = round?.deadline
        for mailbox in mailboxes {
            first = .earlier(first, mailbox.reachAt)
            if round == nil, mailbox.isUp { first = .earlier(first, mailbox.askAt) }
        }
        return first
    }

    /// Until when a mailbox is not asked since it broke a rule; `nil` for one that is asked.
    package func penaltyEnd(of peer: PeerID, now: Instant) -> Instant? {
        guard let index = index(peer), let end = mailboxes[index].penaltyUntil, end > now else { return nil }
        return end
    }

    /// The tables that have a limit.
    package var tableFills: [TableFill] {
        [
            TableFill("mailboxes asked", mailboxes.count, of: limits.mailboxCountMax),
            TableFill("fetched and undecided", open.count, of: limits.pageCountMax * mailboxes.count),
            TableFill("erasures remembered", ended.count, of: limits.endedCountMax),
        ]
    }

    // MARK: Mailboxes

    /// Which mailboxes are asked from now on.
    ///
    /// - Parameters:
    ///   - peers: This node's own, in the order of its list.
    ///   - holders: Those that have copies of its messages, see ``MailboxSender/holders``; they learn of no others.
    package mutating func watch(_ peers: [PeerID], holders: [PeerID] = [], now: Instant) {
        var watched: [Mailbox] = []
        for peer in (peers + holders).prefix(limits.mailboxCountMax) where peer != own {
            guard !watched.contains(where: { $0.id == peer }) else { continue }
            var mailbox = mailboxes.first { $0.id == peer } ?? Mailbox(id: peer, askAt: now)
            mailbox.isOwn = peers.contains(peer)
            mailbox.isWatched = true
            watched.append(mailbox)
        }
        let room = limits.mailboxCountMax - watched.count
        let rest = mailboxes.filter { old in
            // One that is connected and due waits for its turn.
            let isDue = old.isUp && (old.askAt.map { $0 <= now } ?? false)
            return !watched.contains { $0.id == old.id }
                && (round?.mailbox == old.id || !old.isWatched || isDue)
        }
        mailboxes = watched
        for var old in rest.prefix(room) {
            (old.isOwn, old.isWatched) = (false, false)
            mailboxes.append(old)
        }
        if let asked = round?.mailbox, index(asked) == nil { round = nil }
        for index in mailboxes.indices { reachIfNeeded(index, now: now) }
        begin(now: now)
    }

    /// A mailbox is said to have something; it is asked even when it is not watched.
    package mutating func ask(_ peer: PeerID, now: Instant) {
        if index(peer) == nil, mailboxes.count < limits.mailboxCountMax, peer != own {
            mailboxes.append(Mailbox(id: peer, isWatched: false))
        }
        guard let index = index(peer) else { return }
        if mailboxes[index].breachCount == 0 {
            mailboxes[index].askAt = max(now, mailboxes[index].pauseUntil ?? now)
            mailboxes[index].isAskedAgain = round?.mailbox == peer
        }
        reachIfNeeded(index, now: now)
        begin(now: now)
    }

    /// The mailbox is connected: it is asked at once, unless it broke a rule.
    package mutating func linkUp(_ peer: PeerID, now: Instant) {
        guard let index = index(peer), !mailboxes[index].isUp else { return }
        mailboxes[index].isUp = true
        mailboxes[index].isReaching = false
        mailboxes[index].reaching.reset()
        mailboxes[index].reachAt = nil
        if mailboxes[index].breachCount == 0 { mailboxes[index].askAt = now }
        begin(now: now)
    }

    /// The last connection to the mailbox is gone.
    package mutating func linkDown(_ peer: PeerID, now: Instant) {
        guard let index = index(peer), mailboxes[index].isUp else { return }
        mailboxes[index].isUp = false
        if round?.mailbox == peer { round = nil }
        if !mailboxes[index].isWatched { mailboxes.remove(at: index) }
        if let index = self.index(peer) { reachIfNeeded(index, now: now) }
        begin(now: now)
    }

    /// The mailbox could not be connected to: it is tried again later, and one that is not watched a few times only.
    package mutating func unreachable(_ peer: PeerID, now: Instant) {
        guard let index = index(peer), !mailboxes[index].isUp else { return }
        mailboxes[index].isReaching = false
        if !mailboxes[index].isWatched, mailboxes[index].reaching.count >= limits.hintReachCountMax {
            mailboxes.remove(at: index)
            return
        }
        reachIfNeeded(index, now: now)
    }

    /// What has come due.
    package mutating func advance(to now: Instant) {
        for index in mailboxes.indices {
            guard let time = mailboxes[index].reachAt, time <= now else { continue }
            mailboxes[index].reachAt = nil
            reach(index)
        }
        if let round, round.deadline <= now {
            if round.isTaking { end(.stuck, now: now) } else { giveUpPage(of: round, now: now) }
        }
        begin(now: now)
    }

    func index(_ peer: PeerID) -> Int? { mailboxes.firstIndex { $0.id == peer } }

    private mutating func reachIfNeeded(_ index: Int, now: Instant) {
        guard !mailboxes[index].isUp, !mailboxes[index].isReaching, mailboxes[index].reachAt == nil else {
            return
        }
        if mailboxes[index].reaching.count == 0 {
            _ = mailboxes[index].reaching.next(limits.retries, &jitter)
            reach(index)
        } else {
            mailboxes[index].reachAt = now + mailboxes[index].reaching.next(limits.retries, &jitter)
        }
    }

    private mutating func reach(_ index: Int) {
        mailboxes[index].isReaching = true
        actions.append(.reach(mailboxes[index].id))
    }
}

/// What the driver is to do for the fetcher.
package enum MailboxFetcherAction: Equatable, Sendable {
    /// Connect to the mailbox, then ``MailboxFetcher/linkUp(_:now:)`` or ``MailboxFetcher/unreachable(_:now:)``.
    case reach(PeerID)
    /// Send ``MailboxAsk/fetch(_:)``, then ``MailboxFetcher/page(_:from:now:)``.
    case fetch(MailboxFetch, from: PeerID)
    /// An envelope has arrived: check its signature, offer it to the inbox, then
    /// ``MailboxFetcher/took(_:of:_:now:)``. The peer brought it; the header says from whom it is.
    case arrived([UInt8], from: PeerID)
    /// A receipt has arrived: check its signature and give it to the outbox; once the outbox has it on the disk, or the signature
    /// does not hold, ``MailboxFetcher/took(receipt:from:isForged:now:)``.
    case receipt([UInt8], from: PeerID)
    /// Sign a receipt for the sender, and send it to each of these as ``MailboxAsk/receipt(_:)``; to the sender, too, when it
    /// is there. What is answered goes to ``MailboxFetcher/erased(_:by:)``.
    case acknowledge([Receipt.Entry], of: PeerID, at: [PeerID])
    /// Send ``MailboxAsk/erase(_:)``; what is answered goes to ``MailboxFetcher/erased(_:by:)``.
    case erase([MessageID], at: PeerID)
    /// A page takes too long though its bytes come: close the stream that it comes on, what is asked next is asked on another.
    case late(PeerID)
    /// A mailbox broke a rule: note it, and close the stream on which it did.
    case broke(MailboxBreach, by: PeerID)
}

/// What a mailbox did that no honest one does.
package enum MailboxBreach: Equatable, Sendable {
    /// It did not answer in time, or not even the smallest page came.
    case silent
    /// It sent a page that nobody asked for, or larger than asked for.
    case pageOutOfBounds
    /// Its pages do not end: one leads to itself or back, or holds nothing and leads on.
    case endless
    /// What it sent is not an envelope or a receipt, or is not private.
    case malformed
    /// What it sent is for somebody else.
    case foreign
    /// It sent the same twice in a page.
    case repeated
    /// The signature of what it sent does not hold.
    case forged
}
