package import StarlingCore

/// What is known of a message that was accepted.
package struct OutboxMessage: Equatable, Sendable {
    /// Where a message is on its way.
    package enum State: Equatable, Sendable {
        /// It is being written to the disk; `accept` has not answered yet.
        case storing
        /// It is in the outbox: its recipient is away, or others go first.
        case queued
        /// It was sent and has no receipt yet.
        case sent
        /// The recipient has it on its disk, and fetches its file.
        case fetching
        /// It is in the recipient's inbox, by the recipient's receipt.
        case delivered
        /// Its lifetime ended before a receipt came.
        case expired
        /// The recipient does not take it, and never will.
        case refused(Receipt.Outcome)
        /// Its envelope could not be read back from the disk, or its file is not there any more.
        case damaged

        /// Whether nothing more will become of it.
        package var isFinal: Bool {
            switch self {
            case .storing, .queued, .sent, .fetching: false
            case .delivered, .expired, .refused, .damaged: true
            }
        }
    }

    package var id: MessageID
    package var to: PeerID
    package var priority: MessagePriority
    package var privacy: MessageHeader.Privacy
    package var created: WallTime
    package var lifetimeMilliseconds: Int64
    /// The size of the body, as it was signed.
    package var byteCount: Int
    package var state: State
    /// When it was last sent; `nil` when it was not, or not since the node started.
    package var sent: WallTime?
    /// When it was settled; `nil` as long as it is not.
    package var ended: WallTime?
    /// How often it was sent.
    package var attempts: Int
    /// Why the last attempt did not settle it, by the recipient's word.
    package var lastRefusal: Receipt.Outcome?
    /// The blob that belongs to it; `nil` where it has no file.
    package var file: BlobID?
    /// Counts up from 1 in the order of acceptance.
    package var position: UInt64
    /// Mailboxes that have said that they keep a copy, or did until it was settled; the first one first.
    package var copies: [OutboxCopy] = []
    /// The links that it crossed, the first one first, by its recipient's receipt; `nil` where that was not asked for, and empty
    /// where it is not known.
    package var path: [MessageHop]?

    /// When its lifetime ends.
    package var expires: WallTime {
        let (sum, overflow) = created.millisecondsSince1970.addingReportingOverflow(lifetimeMilliseconds)
        return WallTime(millisecondsSince1970: overflow ? .max : sum)
    }
}

/// A mailbox's word that it keeps a copy of a message.
package struct OutboxCopy: Equatable, Sendable {
    package var mailbox: PeerID
    package var stored: WallTime

    package init(mailbox: PeerID, stored: WallTime) {
        self.mailbox = mailbox
        self.stored = stored
    }
}

/// What an application asks for.
package struct OutboxRequest: Sendable {
    /// Links that a message may be allowed to cross: nobody carries anything over more.
    package static let hopLimits: ClosedRange<UInt8> = 1...UInt8(TransitFrame.hopLimitMax)
    /// Links that one may cross where nothing else is asked for: as many as a route may have.
    ///
    /// With a lower one, messages would wait though there is a way.
    package static let hopLimitIfNone = Self.hopLimits.upperBound

    package var to: PeerID
    package var priority = MessagePriority.normal
    package var privacy = MessageHeader.Privacy.private
    package var recipientKeyID: UInt32 = 0
    /// How long it is tried; whole milliseconds.
    package var lifetime: Duration = .seconds(86_400)
    /// Links that it may cross, one of ``hopLimits``.
    package var hopLimit = Self.hopLimitIfNone
    /// Whether those who carry the message are to note the way that it takes.
    package var recordsPath = false
    /// What the application calls this message: asking again with the same key answers with the first message.
    ///
    /// Kept as long as the message is, and then as long as ``Outbox/Limits`` keep its end.
    package var key: [UInt8]?
    /// The blob that the content names, which has to stay until the message is settled.
    package var file: BlobID?
    /// The size of the payload, or of what it is sealed into.
    package var byteCount: Int

    package init(to: PeerID, byteCount: Int) {
        self.to = to
        self.byteCount = byteCount
    }
}

/// Why a message was not accepted.
package enum AcceptError: Error, Equatable, Sendable {
    /// Too many messages wait: try again when some are settled.
    case tooManyMessages(countMax: Int)
    /// Too many bytes wait: try again when some are settled.
    case tooManyBytes(byteCountMax: Int)
    /// Use one of a millisecond to 30 days.
    case lifetimeOutOfRange
    /// Use one of ``OutboxRequest/hopLimits``.
    case hopLimitOutOfRange
    /// Use one of 1 to 64 bytes.
    case invalidKey
    /// The key names a message to somebody else: use another one.
    case keyTaken(by: MessageID)
    /// The draw is not random: this id is another message's.
    case idTaken
}

/// What the driver is to do for the outbox.
package enum OutboxAction: Equatable, Sendable {
    /// The message is on the disk: answer whoever waits for its acceptance.
    case accepted(MessageID)
    /// The message could not be written, and is not accepted.
    case notAccepted(MessageID)
    /// There is something to write: ``Outbox/takeBatch()``.
    case write
    /// Connect to the peer, then ``Outbox/linkUp(_:now:)`` or ``Outbox/unreachable(_:now:)``.
    case reach(PeerID)
    /// Read the row at this position, then ``Outbox/loaded(_:row:now:wallNow:)``.
    case load(position: UInt64)
    /// A settlement is due: ``Outbox/takeSettlement(for:now:)``.
    case settle(PeerID)
    /// Something can be sent: ``Outbox/nextTransmission(to:among:now:wallNow:)``.
    case transmit(PeerID)
    /// The recipient's receipt is there: tell whoever waits for it. The disk does not know yet.
    case delivered(MessageID)
    /// The message is settled, and the disk knows.
    case ended(OutboxMessage)
    /// An EMERGENCY took the place of a LOW message, which waits in the outbox again.
    case displaced(low: MessageID, by: MessageID)
    /// Messages wait though the peer is there, and nothing has moved for a while.
    case stalled(OutboxStall)
}

/// What is stuck, and why.
package struct OutboxStall: Equatable, Sendable {
    package enum Reason: Equatable, Sendable {
        /// The recipient sends no receipt.
        case noReceipt
        /// The recipient says that its inbox is full.
        case recipientFull
        /// The recipient says that the number is too far ahead.
        case heldBack
        /// The recipient has the message, and its file does not move.
        case fetching
        /// The recipient has no room for the message's file.
        case noSpace
        /// Too many numbers wait for one that is not settled.
        case windowFull
        /// No known way is short enough for the message.
        case tooFar
        /// The link takes no more bytes.
        case linkBlocked
        /// The message is being read from the disk.
        case loading
        /// Messages of the same or a higher priority fill the link's queues.
        case queueFull
    }

    package var to: PeerID
    package var priority: MessagePriority
    /// The message of the lowest number.
    package var oldest: MessageID
    /// How many of the same recipient and priority wait.
    package var count: Int
    package var reason: Reason
    /// Since anything moved.
    package var duration: Duration
}

/// One envelope to send.
package struct Transmission: Equatable, Sendable {
    package let id: MessageID
    package let priority: MessagePriority
    /// The encoded envelope.
    package let envelope: [UInt8]
    /// Links that it may cross.
    package let hopLimit: UInt8
    /// Whether it was sent before on this link and had no answer in its time.
    package let isOverdue: Bool
}
