internal import StarlingCore
internal import StarlingMesh
internal import StarlingTransports
internal import StarlingWorld

/// The stream on which this node asks one mailbox, from the first ask to the end of the last answer.
struct MailboxVisit {
    /// Tells it from the streams to the same mailbox before and after it.
    let number: UInt64
    /// Asks that are not written yet.
    private var frames: [UInt8] = []
    /// Answers that are waited for, as far as each ask has one.
    private var openCount = 0
    /// The peer whose list is asked for, and those that are asked for next: one at a time.
    private(set) var listAsked: PeerID?
    private var listsToAsk = RingQueue<PeerID>()
    /// When something was last written or read.
    var lastUse: Instant
    /// Whether the stream is being closed, and takes nothing more.
    private(set) var isClosing = false
    private var writer: Waiter<Bool>?

    init(number: UInt64, now: Instant) {
        self.number = number
        lastUse = now
    }

    /// Whether nothing is written and no answer is waited for.
    var isIdle: Bool { frames.isEmpty && openCount <= 0 && listAsked == nil }

    /// Bytes of asks that are not written yet.
    var unwrittenByteCount: Int { frames.count }

    // MARK: Asks

    /// Lines an ask up.
    mutating func ask(_ ask: MailboxAsk) {
        switch ask {
        case .list(let peer):
            if listAsked == peer { return }
            guard listAsked == nil else {
                listsToAsk.append(peer)
                return
            }
            listAsked = peer
        case .offer, .fetch, .receipt, .erase, .status: openCount += 1
        case .told, .waiting: break
        }
        frames += ask.encoded
        wake(goesOn: true)
    }

    /// What is to be written next.
    mutating func takeFrames() -> [UInt8] {
        defer { frames = [] }
        return frames
    }

    // MARK: Answers

    /// An answer has come.
    mutating func answered(_ answer: MailboxAnswer) {
        switch answer {
        case .verdicts(let verdicts): openCount -= verdicts.count
        case .page, .erased, .status: openCount -= 1
        case .list:
            listAsked = nil
            if let next = listsToAsk.popFirst() { ask(.list(next)) }
        }
        openCount = max(0, openCount)
        if isIdle { wake(goesOn: true) }
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
    case stream(StreamError)
    case frames(FrameError)
    /// The peer sends what is no frame of mailboxes.
    case malformed(ProtobufError)
    /// The signature of an envelope, a receipt or a list does not hold.
    case forged(EnvelopeError)

    /// A second page is asked for before the first one is there.
    case outOfTurn

    /// Whether the peer did what no honest peer does.
    var isBreach: Bool {
        switch self {
        case .malformed, .forged, .outOfTurn: true
        case .notOpened, .stream, .frames: false
        }
    }

    /// Whether the peer does not speak of mailboxes at all.
    var isSilence: Bool { self == .notOpened(.stream(.protocolNotSupported)) }
}
