package import StarlingCore

/// What the driver is to do for the shelf.
package enum MailboxShelfAction: Equatable, Sendable {
    /// There is something to write: ``MailboxShelf/takeBatch()``.
    case write
    /// Tell a peer what became of an envelope that it offered; there is nothing to tell when it has gone.
    case verdict(to: PeerID, MailboxAnswer.Verdict)
    /// Tell a peer that these are not here, or not any more: ``MailboxAnswer/erased(_:)``.
    case erased(to: PeerID, [MessageID])
}

/// What is kept of one sender for one recipient, as `starling mailbox` shows it.
package struct MailboxHolding: Equatable, Sendable {
    package var recipient: PeerID
    package var sender: PeerID
    package var count: Int
    package var byteCount: Int
    /// When the one that has been here for longest came.
    package var oldest: WallTime
    /// When all of them have gone.
    package var lastEnd: Instant

    package init(
        recipient: PeerID,
        sender: PeerID,
        count: Int,
        byteCount: Int,
        oldest: WallTime,
        lastEnd: Instant
    ) {
        self.recipient = recipient
        self.sender = sender
        self.count = count
        self.byteCount = byteCount
        self.oldest = oldest
        self.lastEnd = lastEnd
    }
}

/// The rows that make a page: read them, then ``MailboxShelf/page(_:rows:)``.
package struct MailboxPageRequest: Equatable, Sendable {
    package var keys: [StoreKey]
    package var next: UInt64

    package init(keys: [StoreKey], next: UInt64) {
        self.keys = keys
        self.next = next
    }
}
