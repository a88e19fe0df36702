package import StarlingCore

// Copies in mailboxes: only what there is to tell of them; the message stays owed whoever has one.
extension Outbox {
    /// A mailbox says that it keeps a copy of a message.
    package mutating func note(copyOf id: MessageID, at mailbox: PeerID, stored: WallTime) {
        guard let slot = index[id], !slots[slot].copies.contains(where: { $0.mailbox == mailbox }) else {
            return
        }
        if slots[slot].copies.count >= MailboxProtocol.copyCountMax { slots[slot].copies.removeFirst() }
        slots[slot].copies.append(OutboxCopy(mailbox: mailbox, stored: stored))
    }

    /// A mailbox that kept a copy does not have it any more, though the message is not settled.
    package mutating func note(noCopyOf id: MessageID, at mailbox: PeerID) {
        guard let slot = index[id] else { return }
        slots[slot].copies.removeAll { $0.mailbox == mailbox }
    }
}
