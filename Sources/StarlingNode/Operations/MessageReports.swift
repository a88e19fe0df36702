package import StarlingCore

/// A message to be sent.
package struct OutgoingMessage: Sendable, Equatable {
    /// How urgent it is, the most urgent first.
    package enum Priority: String, Sendable, CaseIterable {
        case emergency, high, normal, low
    }

    /// Who can read it.
    package enum Privacy: String, Sendable, CaseIterable {
        /// The recipient only: it is sealed.
        case `private`
        /// Whoever carries it; it is signed, and each link is encrypted.
        case standard
    }

    package var to: PeerID
    /// What the message is: a name of 1 to ``typeByteCountMax`` bytes.
    package var type: String
    /// What the payload is, such as `text/plain`; empty when the type says it.
    package var contentType = ""
    package var payload: [UInt8]
    /// The file that goes with it, on the node's machine, by its path from the root; nil for none.
    package var filePath: String?
    /// What the recipient is told that the file is called; nil for the last part of the path.
    package var fileName: String?
    package var priority = Priority.normal
    package var privacy = Privacy.private
    /// How long it is tried: a millisecond to ``lifetimeMax``.
    package var lifetime = Self.lifetimeIfNone
    /// Links that it may cross, one of ``hopLimits``.
    package var hopLimit = Self.hopLimits.upperBound
    /// Whether its receipt is to tell the way that it took.
    package var recordsPath = false
    /// The sender's own name for the message, 1 to ``keyByteCountMax`` bytes: the same key again is the same message.
    package var key: String?
    /// How long to wait for the recipient's receipt; zero not to wait.
    package var receiptTimeout: Duration

    package static let typeByteCountMax = 128
    package static let typeIfNone = "DATA_MESSAGE"
    package static let contentTypeByteCountMax = 128
    package static let lifetimeIfNone: Duration = .seconds(86_400)
    package static let lifetimeMax: Duration = .seconds(30 * 86_400)
    package static let hopLimits = 1...10
    package static let keyByteCountMax = 64

    package init(to: PeerID, type: String, payload: [UInt8], receiptTimeout: Duration) {
        self.to = to
        self.type = type
        self.payload = payload
        self.receiptTimeout = receiptTimeout
    }
}

/// What became of a message that the node accepted.
package struct SendReport: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        /// The recipient's signed receipt is here.
        case delivered
        /// It was sent, without a receipt so far; the node goes on trying.
        case sent
        /// It waits on this node's disk; the node goes on trying.
        case queued
    }

    /// The message's id in hexadecimal.
    package var messageID: String
    package var state: State
    /// From accepting the message to its receipt; nil until that is here.
    package var roundTrip: Duration?
    /// Why it could not be delivered yet, and what to do; nil once it is delivered or while nothing has failed.
    package var obstacle: NodeFailure?

    package init(messageID: String, state: State, roundTrip: Duration?, obstacle: NodeFailure? = nil) {
        self.messageID = messageID
        self.state = state
        self.roundTrip = roundTrip
        self.obstacle = obstacle
    }
}

extension SendReport {
    /// What a message's status says of its sending; nil for one that ended undelivered, which is a failure.
    package init?(_ status: MessageStatus) {
        switch status.state {
        case .delivered: state = .delivered
        case .sent, .fetching: state = .sent
        case .queued, .stored: state = .queued
        case .expired, .refused: return nil
        }
        messageID = status.messageID
        guard state == .delivered else {
            obstacle = status.obstacle
            return
        }
        roundTrip = status.ended.map { ended in
            .milliseconds(max(0, ended.millisecondsSince1970 - status.accepted.millisecondsSince1970))
        }
    }
}

/// What is known of a message that the node accepted.
package struct MessageStatus: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        /// It waits on this node's disk: the recipient is away, or others go first.
        case queued
        /// It waits on this node's disk, and mailboxes of the recipient, who is away, keep copies.
        case stored
        /// It was sent, without a receipt so far.
        case sent
        /// The recipient has it, and fetches its file.
        case fetching
        /// It is in the recipient's inbox, by its signed receipt.
        case delivered
        /// Its lifetime ended without a receipt.
        case expired
        /// The recipient does not take it, or it could not be read back here.
        case refused
    }

    /// The message's id in hexadecimal.
    package var messageID: String
    package var to: PeerID
    package var state: State
    package var priority: OutgoingMessage.Priority
    package var privacy: OutgoingMessage.Privacy
    /// The size of its content as it travels.
    package var byteCount: Int
    /// How often it was sent.
    package var attemptCount: Int
    /// When the node accepted it, and how long ago that is.
    package var accepted: WallTime
    package var age: Duration
    /// When it was last sent; nil when it was not, or not since the node started.
    package var sent: WallTime?
    /// When its lifetime ends.
    package var expires: WallTime
    /// When it was delivered, expired or was refused; nil until then.
    package var ended: WallTime?
    /// Why it is not delivered, and what to do; nil once it is, or while nothing has failed.
    package var obstacle: NodeFailure?
    /// How far its file is; nil when it has none.
    package var file: FileStatus?
    /// The mailboxes that keep a copy, or did until it ended, the first one first.
    package var storedBy: [StoredCopy]
    /// The links that it crossed, the first one first; empty where they are not known, nil where that was not asked for.
    package var path: [PathHop]?

    package init(
        messageID: String,
        to: PeerID,
        state: State,
        priority: OutgoingMessage.Priority,
        privacy: OutgoingMessage.Privacy,
        byteCount: Int,
        attemptCount: Int,
        accepted: WallTime,
        age: Duration,
        sent: WallTime?,
        expires: WallTime,
        ended: WallTime?,
        obstacle: NodeFailure?,
        file: FileStatus? = nil,
        storedBy: [StoredCopy] = [],
        path: [PathHop]? = nil
    ) {
        self.messageID = messageID
        self.to = to
        self.state = state
        self.priority = priority
        self.privacy = privacy
        self.byteCount = byteCount
        self.attemptCount = attemptCount
        self.accepted = accepted
        self.age = age
        self.sent = sent
        self.expires = expires
        self.ended = ended
        self.obstacle = obstacle
        self.file = file
        self.storedBy = storedBy
        self.path = path
    }
}

/// One link that a message crossed, by the word of those who carried it.
package struct PathHop: Sendable, Equatable {
    /// Who handed it over.
    package var peerID: PeerID
    /// When it arrived, by the clock of whoever it was handed to.
    package var arrived: WallTime

    package init(peerID: PeerID, arrived: WallTime) {
        self.peerID = peerID
        self.arrived = arrived
    }
}

/// A mailbox's word that it keeps a copy of a message.
package struct StoredCopy: Sendable, Equatable {
    package var mailbox: PeerID
    /// When it said so.
    package var stored: WallTime

    package init(mailbox: PeerID, stored: WallTime) {
        self.mailbox = mailbox
        self.stored = stored
    }
}

/// Which messages of the outbox are wanted.
package struct OutboxQuery: Sendable, Equatable {
    package enum Part: String, Sendable, CaseIterable {
        /// Those that are not settled, in the order of their acceptance.
        case waiting
        /// Those that were delivered, expired or refused, the last ones first.
        case ended
    }

    package var part: Part
    /// The id of the message behind which to go on; nil to start with the first.
    package var after: String?
    /// How many at most.
    package var messageCountMax: Int

    package init(part: Part, after: String?, messageCountMax: Int) {
        self.part = part
        self.after = after
        self.messageCountMax = messageCountMax
    }
}

/// Messages of the outbox.
package struct OutboxPage: Sendable, Equatable {
    package var messages: [MessageStatus]
    /// Whether more stand behind these.
    package var hasMore: Bool

    package init(messages: [MessageStatus], hasMore: Bool) {
        self.messages = messages
        self.hasMore = hasMore
    }
}
