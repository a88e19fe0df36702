package import StarlingCore

/// What the driver is to do for the sender.
package enum MailboxSenderAction: Equatable, Sendable {
    /// There is something to write: ``MailboxSender/takeBatch()``.
    case write
    /// Find out which mailboxes a peer has, then ``MailboxSender/list(_:of:now:)``; when nobody knows, nothing.
    case seek(PeerID)
    /// Connect to the mailbox, then ``MailboxSender/linkUp(_:now:)`` or ``MailboxSender/unreachable(_:now:)``.
    case reach(PeerID)
    /// Send the message's envelope as ``MailboxAsk/offer(_:)``, then ``MailboxSender/verdict(_:from:now:)``; when the outbox
    /// does not have it any more, ``MailboxSender/settled(_:now:)``.
    case offer(MessageID, to: PeerID)
    /// Send ``MailboxAsk/erase(_:)``, then ``MailboxSender/erased(_:by:now:)``.
    case erase([MessageID], at: PeerID)
    /// Send ``MailboxAsk/status(_:)``, then ``MailboxSender/status(_:from:now:)``.
    case status([MessageID], of: PeerID)
    /// The mailbox has a copy, for the message's history.
    case stored(MessageID, by: PeerID, at: WallTime)
    /// The mailbox does not have the copy any more that it had.
    case lost(MessageID, by: PeerID)
    /// The mailbox has a receipt for this node: let ``MailboxFetcher`` ask it.
    case fetch(from: PeerID)
}

/// What one mailbox has, or may have, of one of this node's messages.
package struct MailboxCopy: Equatable, Sendable {
    package var id: MessageID
    package var to: PeerID
    package var mailbox: PeerID
    /// When the mailbox said that it has it; `nil` where it was offered and the answer is not known.
    package var stored: WallTime?
    /// Whether the message has reached its end, and the copy is to be erased.
    package var isSettled: Bool
}
