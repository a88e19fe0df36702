package import StarlingCore
package import StarlingMesh

/// What a node has to do with mailboxes: whose mail it keeps, and who keeps its own.
package struct MailboxConfiguration: Sendable {
    /// For whom this node keeps messages while they are away.
    package var policy = MailboxPolicy.nobody
    /// The nodes that keep messages for this one, each address with its `/p2p/` part; the one to ask first stands first.
    ///
    /// Of more mailboxes, or more addresses of one, than ``MailboxList/Limits`` allow, the rest is left out.
    package var addresses: [Multiaddr] = []
    /// Whether messages to peers that are away are left with their mailboxes.
    package var isUsed = true
    package var limits = MailboxDriver.Limits()
    /// What this node keeps for others at most.
    package var shelfLimits = MailboxShelf.Limits()

    package init() {}

    /// The mailboxes of the addresses.
    var mailboxes: [MailboxList.Mailbox] {
        let limits = MailboxList.Limits()
        var found: [MailboxList.Mailbox] = []
        for address in addresses {
            guard let peer = address.peerID, let bare = address.withoutPeerID,
                bare.bytes.count <= limits.addressByteCountMax
            else { continue }
            if let index = found.firstIndex(where: { $0.peer == peer }) {
                guard found[index].addresses.count < limits.addressCountMax,
                    !found[index].addresses.contains(bare)
                else { continue }
                found[index].addresses.append(bare)
            } else if found.count < limits.mailboxCountMax {
                found.append(.init(peer: peer, addresses: [bare]))
            }
        }
        return found
    }
}

extension MailboxShelf.Limits {
    /// Limits of a shelf that takes so many bytes in all, with the parts of senders and recipients in proportion.
    package init(byteCountMax: Int) {
        self.init()
        let usual = Self()
        func scaled(_ count: Int) -> Int {
            max(1, Int(Double(count) * Double(byteCountMax) / Double(usual.byteCountMax)))
        }
        self.byteCountMax = byteCountMax
        senderByteCountMax = scaled(usual.senderByteCountMax)
        recipientByteCountMax = scaled(usual.recipientByteCountMax)
    }
}
