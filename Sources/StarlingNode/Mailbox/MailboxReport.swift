package import StarlingCore
package import StarlingMesh

/// What a node keeps for others.
package struct MailboxShelfReport: Sendable {
    package var policy: MailboxPolicy
    package var limits: MailboxShelf.Limits
    /// What is kept, in number and bytes.
    package var count: Int
    package var byteCount: Int
    /// What gave way to others since the node started.
    package var displacedCount: Int
    package var holdings: [MailboxHolding]
    /// When all of this was so.
    package var asOf: Instant
}

/// What others keep for a node, and of its messages.
package struct MailboxReport: Sendable {
    /// The node's mailboxes, the one that is asked first stands first.
    package var own: [MailboxList.Mailbox]
    /// Those of them that can be asked: they are connected, or there is a stream over others.
    package var connected: Set<PeerID>
    /// Until when those of them that broke a rule are not asked.
    package var penalties: [PeerID: WallTime]
    /// Which mailboxes have, or may have, which of its messages.
    package var copies: [MailboxCopy]
}
