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
    case stored(MessageID, by: PeerID)
    /// The mailbox does not have the copy any more that it had.
    case lost(MessageID, by: PeerID)
    /// The mailbox has a receipt for this node: let ``MailboxFetcher`` ask it.
    case fetch(from: PeerID)
}
