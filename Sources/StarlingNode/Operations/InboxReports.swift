package import StarlingCore

/// Which messages of the inbox are wanted.
package struct InboxQuery: Sendable, Equatable {
    /// Only messages past this position; 0 for all.
    package var after: Int64
    /// How many at most.
    package var messageCountMax: Int
    /// How many bytes of payload at most; the first message counts as within.
    package var payloadByteCountMax: Int
    /// How long to wait for a message where there is none; zero not to wait.
    package var arrivalTimeout: Duration = .zero

    package init(after: Int64, messageCountMax: Int, payloadByteCountMax: Int) {
        self.after = after
        self.messageCountMax = messageCountMax
        self.payloadByteCountMax = payloadByteCountMax
    }
}

/// Which messages of the inbox are acknowledged; those with files stay.
package enum InboxTake: Sendable, Equatable {
    /// All up to and including this position.
    case through(Int64)
    /// Those at these positions.
    case only([Int64])

    /// Positions in one request.
    package static let positionCountMax = 1000
}

/// Messages of the inbox, by position.
package struct InboxPage: Sendable, Equatable {
    package var messages: [InboxMessage]
    /// Messages that cannot be read back from the disk.
    package var damaged: [DamagedMessage]
    /// The position past which the next page begins.
    package var last: Int64
    /// Whether messages past it wait.
    package var hasMore: Bool
    /// Messages that are not here yet, as their files are on their way.
    package var incoming: [IncomingMessage]

    package init(
        messages: [InboxMessage],
        damaged: [DamagedMessage] = [],
        last: Int64,
        hasMore: Bool,
        incoming: [IncomingMessage] = []
    ) {
        self.messages = messages
        self.damaged = damaged
        self.last = last
        self.hasMore = hasMore
        self.incoming = incoming
    }
}

/// A message that was received, and that cannot be read back from the disk: its sender has its receipt.
///
/// It is listed until it is acknowledged or the node starts anew: what a start finds damaged is put away, and told in the
/// node's status.
package struct DamagedMessage: Sendable, Equatable {
    /// Its place in the inbox.
    package var position: Int64
    /// The message's id in hexadecimal.
    package var messageID: String
    package var from: PeerID
    package var type: String
    /// When the sender says it made it, and when it came in.
    package var created: WallTime
    package var received: WallTime

    package init(
        position: Int64,
        messageID: String,
        from: PeerID,
        type: String,
        created: WallTime,
        received: WallTime
    ) {
        self.position = position
        self.messageID = messageID
        self.from = from
        self.type = type
        self.created = created
        self.received = received
    }

    /// What is wrong with it, and the next step.
    package var failure: NodeFailure {
        NodeFailure(
            .storeFailed,
            "Message \(messageID) of \(from) cannot be read back from the disk.",
            nextStep:
                "Check the disk, ask the sender to send it again, then forget it with: starling inbox --take"
        )
    }
}

/// A message that was received.
package struct InboxMessage: Sendable, Equatable {
    /// What a message is for.
    package enum Kind: String, Sendable, CaseIterable {
        /// It stands by itself.
        case message
        /// Its sender waits for an answer.
        case request
        /// It answers a request.
        case answer
        /// It says why a request has no answer.
        case failure
    }

    /// Its place in the inbox, from 1, growing.
    package var position: Int64
    /// The message's id in hexadecimal.
    package var messageID: String
    package var kind: Kind
    package var from: PeerID
    /// Whether it is to everybody, and not to this node alone.
    package var isBroadcast: Bool
    package var type: String
    /// What the payload is, such as `text/plain`; empty when the sender did not say.
    package var contentType: String
    package var priority: OutgoingMessage.Priority
    package var privacy: OutgoingMessage.Privacy
    package var payload: [UInt8]
    /// Its file, which is here as a whole; nil when it has none.
    package var file: FileStatus?
    /// When the sender says it made it, and when it came in.
    package var created: WallTime
    package var received: WallTime

    package init(
        position: Int64,
        messageID: String,
        kind: Kind = .message,
        from: PeerID,
        isBroadcast: Bool = false,
        type: String,
        contentType: String,
        priority: OutgoingMessage.Priority,
        privacy: OutgoingMessage.Privacy,
        payload: [UInt8],
        file: FileStatus? = nil,
        created: WallTime,
        received: WallTime
    ) {
        self.position = position
        self.messageID = messageID
        self.kind = kind
        self.from = from
        self.isBroadcast = isBroadcast
        self.type = type
        self.contentType = contentType
        self.priority = priority
        self.privacy = privacy
        self.payload = payload
        self.file = file
        self.created = created
        self.received = received
    }

    /// The payload as a text, where it is valid UTF-8.
    package var text: String? { String(validating: payload, as: UTF8.self) }
}
