package import StarlingCore
package import StarlingCrypto
package import StarlingMesh
package import StarlingWorld

/// A message as an application asks for it.
package struct MessageDraft: Sendable {
    package var to: PeerID
    package var content: MessageContent
    package var priority = MessagePriority.normal
    package var privacy = MessageHeader.Privacy.private
    /// How long it is tried: a millisecond to 30 days.
    package var lifetime: Duration = .seconds(86_400)
    /// Links that it may cross: 1 to 10.
    package var hopLimit = OutboxRequest.hopLimitIfNone
    /// Whether its receipt is to tell the way that it took.
    package var recordsPath = false
    /// The blob that the content names; it is offered to the recipient until the message is settled.
    var file: BlobID?
    /// What the application calls this message: the same key again is the same message.
    package var key: [UInt8]?

    package init(to: PeerID, content: MessageContent) {
        self.to = to
        self.content = content
    }
}

/// Why a message was not accepted, or an answer not had.
package enum DeliveryError: Error, Equatable, Sendable {
    /// Messages to this node itself go nowhere.
    case ownAddress
    /// The message itself cannot be made.
    case message(SealError)
    /// The outbox does not take it.
    case refused(AcceptError)
    /// It could not be written: nothing of it is kept.
    case store(StoreError)
    /// This node has no place for files.
    case noFiles
    /// The file's name is none that the recipient could give to a file: ``BlobAttachment/isName(_:)``.
    case fileName
    /// The file could not be taken.
    case file(BlobFailure)
    /// Messages to everybody are smaller, or live for a shorter time.
    case broadcast(Flood.Refusal)
    /// The node is stopping; nothing of the message is kept.
    case stopped
    /// The node stopped while the message was being written: it may have been accepted, which its next start tells.
    case undecided
}

/// Why a node's delivery could not start.
package enum DeliveryStartError: Error, Equatable, Sendable {
    /// What was kept cannot be read.
    case store(StoreError)
    /// The ciphers cannot be had.
    case crypto(CryptoError)
}

/// What stands between a message and its recipient, as last seen.
package enum DeliveryObstacle: Equatable, Sendable {
    /// The peer could not be reached.
    case unreachable(DialError)
    /// A stream to it failed.
    case stream(MessageChannelError)
    /// It does not take the message for the time being.
    case held(Receipt.Outcome)
    /// It is there, and nothing has moved for a while.
    case stuck(OutboxStall.Reason)
    /// It is no neighbour, and the shortest known way to it crosses more links than the message may.
    case tooFar(linkCount: Int, hopLimit: Int)
}

/// What is known of a message that was accepted.
package struct MessageReport: Equatable, Sendable {
    package var message: OutboxMessage
    /// Why it is not delivered yet, where that is known.
    package var obstacle: DeliveryObstacle?
    /// How far its file is; `nil` when it has none.
    package var file: FileReport?
}
