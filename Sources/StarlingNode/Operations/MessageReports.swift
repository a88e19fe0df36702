package import StarlingCore

/// A message to be sent.
package struct OutgoingMessage: Sendable, Equatable {
    package var to: PeerID
    /// What the payload is, such as `text/plain`: 1 to ``typeByteCountMax`` bytes.
    package var type: String
    package var payload: [UInt8]
    /// How long to wait for the recipient's receipt; zero not to wait.
    package var receiptTimeout: Duration

    package static let typeByteCountMax = 128
    package static let typeIfNone = "text/plain"

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
        /// The node goes on trying.
        case queued
    }

    /// The message's id in hexadecimal.
    package var messageID: String
    package var state: State
    /// From accepting the message to its receipt; nil while it is queued.
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

/// Which messages of the inbox are wanted.
package struct InboxQuery: Sendable, Equatable {
    /// Only messages past this position; 0 for all.
    package var after: Int64
    /// How many at most.
    package var messageCountMax: Int
    /// How many bytes of payload at most; the first message counts as within.
    package var payloadByteCountMax: Int

    package init(after: Int64, messageCountMax: Int, payloadByteCountMax: Int) {
        self.after = after
        self.messageCountMax = messageCountMax
        self.payloadByteCountMax = payloadByteCountMax
    }
}

/// Messages of the inbox, by position.
package struct InboxPage: Sendable, Equatable {
    package var messages: [InboxMessage]
    /// Whether messages past these wait.
    package var hasMore: Bool

    package init(messages: [InboxMessage], hasMore: Bool) {
        self.messages = messages
        self.hasMore = hasMore
    }
}

/// A message that was received.
package struct InboxMessage: Sendable, Equatable {
    /// Its place in the inbox, from 1, growing.
    package var position: Int64
    /// The message's id in hexadecimal.
    package var messageID: String
    package var from: PeerID
    package var type: String
    package var payload: [UInt8]
    /// When the sender says it made it, and when it came in.
    package var created: WallTime
    package var received: WallTime

    package init(
        position: Int64,
        messageID: String,
        from: PeerID,
        type: String,
        payload: [UInt8],
        created: WallTime,
        received: WallTime
    ) {
        self.position = position
        self.messageID = messageID
        self.from = from
        self.type = type
        self.payload = payload
        self.created = created
        self.received = received
    }
    /// The payload as a text, where it is valid UTF-8.
    package var text: String? { String(validating: payload, as: UTF8.self) }
}
