package import StarlingCore

/// A message that has arrived, without its content.
package struct InboxEntry: Equatable, Sendable {
    /// How far it is.
    package enum State: Equatable, Sendable {
        /// It is being written to the disk.
        case storing
        /// Nobody has it.
        case waiting
        /// That it is handed out is being written to the disk.
        case handingOut
        /// Somebody has it and has not acknowledged it.
        case handedOut
        /// It cannot be read back: nobody gets it, and it stays until it is acknowledged.
        case damaged
    }

    /// Counts up from 1 in the order of arrival.
    package var position: UInt64
    package var id: MessageID
    /// Whether it is to everybody, and not to this node alone.
    package var isBroadcast: Bool
    package var type: MessageType
    package var kind: MessageContent.Kind
    package var from: PeerID
    package var priority: MessagePriority
    package var privacy: MessageHeader.Privacy
    package var created: WallTime
    package var received: WallTime
    /// The size of the content, as it is kept.
    package var byteCount: Int
    /// Its file, which is here as a whole; `nil` when it has none.
    package var file: InboxFile?
    /// How often it was handed out.
    package var attempt: Int
    package var state: State
}

/// A number that was given to a message for as long as it is being read.
package struct InboxTicket: Equatable, Sendable {
    let header: MessageHeader
    let series: Int
    var byteCount: Int
}

/// What the driver is to do for the inbox.
package enum InboxAction: Equatable, Sendable {
    /// There is something to write: ``Inbox/takeBatch()``.
    case write
    /// The entry is on the disk, and nobody has it, or nobody any more.
    case arrived(position: UInt64)
    /// The entry may be handed out; the disk knows that it is.
    case handOut(position: UInt64, attempt: Int)
    /// The entry that was to be handed out was acknowledged meanwhile.
    case withdrawn(position: UInt64)
    /// The entry could not be written and is not there; its sender sends it again.
    case lost(position: UInt64)
    /// The message is on the disk, and its file is wanted: fetch it, then ``Inbox/release(_:_:handsOut:now:wallNow:)`` or
    /// ``Inbox/refuseHeld(_:_:now:)``.
    ///
    /// Told again when the disk did not take the message's end.
    case held(position: UInt64)
    /// The message is held no more, and the disk knows: it is an entry, or refused, or its sender has given it up.
    case unheld(position: UInt64)
    /// The disk has forgotten an entry with a file.
    case forgotten(position: UInt64)
    /// Receipts can be signed and sent: ``Inbox/takeReceipts(for:now:)``.
    case answer(PeerID)
}

/// What becomes of a message that is offered.
package enum InboxVerdict: Equatable, Sendable {
    /// Read the content, then ``Inbox/add(_:_:handsOut:now:wallNow:)``, ``Inbox/refuse(_:_:now:)`` or
    /// ``Inbox/abandon(_:)``.
    case take(InboxTicket)
    /// It came before: its receipt is sent again, or will be once it is written.
    case duplicate
    /// It is not taken; its receipt says why.
    case refused(Receipt.Outcome)
}
