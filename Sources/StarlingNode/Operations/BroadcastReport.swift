/// A message to every node that can be reached.
package struct OutgoingBroadcast: Sendable, Equatable {
    /// What the message is: a name of 1 to ``OutgoingMessage/typeByteCountMax`` bytes.
    package var type: String
    /// What the payload is, such as `text/plain`; empty when the type says it.
    package var contentType = ""
    package var payload: [UInt8]
    package var priority = OutgoingMessage.Priority.normal
    /// How long nodes that come anew get it: a millisecond to ``lifetimeMax``.
    package var lifetime = Self.lifetimeIfNone

    package static let lifetimeIfNone: Duration = .seconds(300)
    package static let lifetimeMax: Duration = .seconds(3600)

    package init(type: String, payload: [UInt8]) {
        self.type = type
        self.payload = payload
    }
}

/// A broadcast that is on its way.
package struct BroadcastReport: Sendable, Equatable {
    /// The message's id in hexadecimal.
    package var messageID: String
    /// Neighbours to which it goes at once; they carry it on.
    package var neighbourCount: Int

    package init(messageID: String, neighbourCount: Int) {
        self.messageID = messageID
        self.neighbourCount = neighbourCount
    }
}
