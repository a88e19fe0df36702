internal import StarlingCore
internal import StarlingMesh
internal import StarlingTransports
internal import StarlingWorld

/// The stream on which this node asks one mailbox, from the first ask to the end of the last answer.
struct MailboxVisit {
    /// Tells it from the streams to the same mailbox before and after it.
    let number: UInt64
    /// `nil` until it is open.
    private(set) var stream: Stream?
    /// The neighbour over which it goes; `nil` over a connection.
    private(set) var via: PeerID?
    /// Asks that are not written yet.
    private var frames = RingQueue<[UInt8]>()
    /// Bytes of asks that are not written yet.
    private(set) var unwrittenByteCount = 0
    /// Since when the mailbox has taken nothing of what is to be written.
    private var unwrittenSince: Instant?
    /// Answers that are waited for, as far as each ask has one.
    private var openCount = 0
    /// Since when nothing of them has come.
    private var openSince: Instant?
    /// When that which is waited for was asked for.
    private var openedAt: Instant?
    /// The peer whose list is asked for, and those that are asked for next: one at a time.
    private(set) var listAsked: PeerID?
    private var listSince: Instant?
    private var listsToAsk = RingQueue<(peer: PeerID, hopLimit: UInt8)>()
    private var listedPeers: Set<PeerID> = []
    /// When something was last asked or answered.
    private var lastUse: Instant
    /// Whether the stream is being closed, and takes nothing more.
    private(set) var isClosing = false
    private var writer: Waiter<Bool>?

    init(number: UInt64, now: Instant) {
        self.number = number
        lastUse = now
    }

    /// Since when the mailbox owes something: that it reads on, or that it answers.
    ///
    /// Asks that follow do not put it off.
    private var owedSince: Instant? { .earlier(unwrittenSince, .earlier(openSince, listSince)) }

    /// Whether nothing is written and no answer is waited for.
    var isIdle: Bool { owedSince == nil }

    /// Peers whose lists are asked for later.
    var queuedListCount: Int { listsToAsk.count }

    /// When it is to end, if nothing happens until then.
    func end(_ limits: MailboxDriver.Limits) -> Instant {
        if let owedSince { owedSince + limits.visitPatience } else { lastUse + limits.visitIdle }
    }

    /// What is asked can be written from here on.
    mutating func opened(_ stream: Stream, via neighbour: PeerID?, now: Instant) {
        (self.stream, via) = (stream, neighbour)
        // Opening it was no time in which the mailbox could have read or answered.
        if unwrittenSince != nil { unwrittenSince = now }
        if openSince != nil { (openSince, openedAt) = (now, now) }
        if listSince != nil { listSince = now }
    }

    // MARK: Asks

    /// Lines an ask up; one for a list goes no further when too many of them wait already.
    mutating func ask(_ ask: MailboxAsk, now: Instant, _ limits: MailboxDriver.Limits) {
        lastUse = now
        switch ask {
        case .list(let peer, let hopLimit):
            guard listAsked == nil else { return askLater(peer, hopLimit, limits) }
            listAsked = peer
            listSince = now
        case .offer, .fetch, .receipt, .erase, .status:
            openCount += 1
            openSince = openSince ?? now
            openedAt = openedAt ?? now
        case .told, .waiting: break
        }
        let frame = ask.encoded
        frames.append(frame)
        unwrittenByteCount += frame.count
        unwrittenSince = unwrittenSince ?? now
        wake(goesOn: true)
    }

    private mutating func askLater(_ peer: PeerID, _ hopLimit: UInt8, _ limits: MailboxDriver.Limits) {
        guard peer != listAsked, listsToAsk.count < limits.listCountMax, listedPeers.insert(peer).inserted
        else { return }
        listsToAsk.append((peer, hopLimit))
    }

    /// What is to be written next, once what was taken before is written: not all at once, so that a mailbox behind a
    /// slow link is seen to read.
    mutating func takeFrames(now: Instant) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < Self.pieceByteCount, let frame = frames.popFirst() { bytes += frame }
        unwrittenByteCount -= bytes.count
        unwrittenSince = bytes.isEmpty ? nil : now
        return bytes
    }

    /// Bytes that are written at once, unless a single ask has more: a quarter of a stream's first window.
    private static let pieceByteCount = 65_536

    // MARK: Answers

    /// An answer has come.
    mutating func answered(_ answer: MailboxAnswer, now: Instant, _ limits: MailboxDriver.Limits) {
        lastUse = now
        switch answer {
        case .verdicts(let verdicts): answered(verdicts.count, now: now)
        case .page, .erased, .status: answered(1, now: now)
        case .list:
            (listAsked, listSince) = (nil, nil)
            if let next = listsToAsk.popFirst() {
                listedPeers.remove(next.peer)
                ask(.list(next.peer, hopLimit: next.hopLimit), now: now, limits)
            }
        }
        if isIdle { wake(goesOn: true) }
    }

    /// A part of an answer has come.
    ///
    /// It may take long by a slow link, but not for ever; a list is short.
    mutating func heard(now: Instant, _ limits: MailboxDriver.Limits) {
        guard openSince != nil, let first = openedAt, first + limits.fetcher.pageDuration > now else {
            return
        }
        openSince = now
    }

    private mutating func answered(_ count: Int, now: Instant) {
        openCount = max(0, openCount - count)
        openSince = openCount == 0 ? nil : now
        openedAt = openSince
    }

    // MARK: Writer

    /// Has whoever writes look again, or come to an end.
    mutating func wake(goesOn: Bool) {
        if !goesOn { isClosing = true }
        writer.take()?.resume(returning: goesOn)
    }

    /// Gives the writer's waiter its answer at once, or keeps it.
    mutating func wait(_ waiter: Waiter<Bool>) {
        if isClosing {
            waiter.resume(returning: false)
        } else if !frames.isEmpty {
            waiter.resume(returning: true)
        } else {
            writer = waiter
        }
    }
}

/// Why the stream to a mailbox ended.
enum MailboxStreamError: Error, Equatable, Sendable {
    case notOpened(SwarmError)
    /// There is no connection, and no stream over others.
    case noTunnel(TunnelError)
    case stream(StreamError)
    case frames(FrameError)
    /// The peer has ended the stream in good order, and with it what it was asked.
    case ended
    /// The peer sends what is no frame of mailboxes.
    case malformed(ProtobufError)
    /// The signature of an envelope, a receipt or a list does not hold.
    case forged(EnvelopeError)

    /// A second page is asked for before the first one is there.
    case outOfTurn
    /// The peer has not read what it was answered for too long.
    case unread

    /// Whether the peer did what no honest peer does.
    var isBreach: Bool {
        switch self {
        case .malformed, .forged, .outOfTurn: true
        case .notOpened, .noTunnel, .stream, .frames, .ended, .unread: false
        }
    }

    /// Whether somebody who carries the stream over others may have done it: what only its end can say is that one's own.
    var isOfTheWay: Bool {
        switch self {
        case .stream(let error), .frames(.stream(let error)):
            switch error {
            case .reset, .ended, .connectionClosed, .forged: true
            case .closed, .protocolNotSupported, .negotiationFailed, .tooManyStreams, .busy, .unreadLimit,
                .cancelled:
                false
            }
        // Ways that take no tunnel are blamed by whoever opens it.
        case .notOpened, .noTunnel, .frames(.invalid), .ended, .malformed, .forged, .outOfTurn, .unread:
            false
        }
    }

    /// Whether the peer does not speak of mailboxes at all.
    var isSilence: Bool { self == .notOpened(.stream(.protocolNotSupported)) }
}
