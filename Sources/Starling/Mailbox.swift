public import StarlingCore
internal import StarlingMesh
internal import StarlingNode

/// For whom a node keeps messages while they are away.
public enum MailRecipients: Equatable, Sendable {
    /// For no one.
    case nobody
    /// For these peers.
    case named(Set<PeerID>)
    /// For the peers that the node is told to stay connected with, its own mailboxes among them.
    case known
    /// For whoever is written to.
    case anyone
}

/// What a node keeps for others, and others for it.
///
///     for holding in await node.mailbox().holdings {
///         print(holding.recipient, holding.messageCount, holding.byteCount)
///     }
public struct Mailbox: Sendable {
    /// What is kept of one sender for one recipient.
    public struct Holding: Sendable {
        /// For whom.
        public let recipient: PeerID
        /// Of whom; a recipient's receipts for the sender count, too.
        public let sender: PeerID
        /// How many messages.
        public let messageCount: Int
        /// How large they are.
        public let byteCount: Int
        /// How long the one that has been here for longest has been.
        public let oldestAge: Duration
        /// How long it is until all of them have gone, and nothing is kept any more.
        public let longestRest: Duration
    }

    /// A peer that keeps messages for this node.
    public struct Keeper: Hashable, Sendable {
        /// Who it is.
        public let peer: PeerID
        /// Whether it can be asked: it is connected, or there is a way over others.
        public let isReachable: Bool
    }

    /// What another node has, or may have, of one of this node's messages.
    public struct Copy: Sendable {
        /// The message: ``SentMessage/id``.
        public let messageID: String
        /// Its recipient.
        public let to: PeerID
        /// Who has the copy.
        public let mailbox: PeerID
        /// When it said that it has; `nil` where it was offered and the answer is not known.
        public let stored: WallTime?
    }

    /// Messages that are kept for others.
    public let messageCount: Int
    /// Their bytes.
    public let byteCount: Int
    /// How long any of them is kept at most.
    public let ageMax: Duration
    /// The same by recipient and sender, at most 1,000.
    public let holdings: [Holding]
    /// Who keeps messages for this node; the one that is asked first stands first.
    public let mailboxes: [Keeper]
    /// Which of this node's messages others keep, at most 1,000.
    public let copies: [Copy]

    init(_ summary: MailboxSummary) {
        messageCount = summary.kept.count
        byteCount = summary.kept.byteCount
        ageMax = summary.ageMax
        holdings = summary.holdings.map {
            Holding(
                recipient: $0.recipient,
                sender: $0.sender,
                messageCount: $0.messageCount,
                byteCount: $0.byteCount,
                oldestAge: $0.oldestAge,
                longestRest: $0.longestRest
            )
        }
        mailboxes = summary.mailboxes.map { Keeper(peer: $0.peerID, isReachable: $0.isConnected) }
        copies = summary.copies.map {
            Copy(messageID: $0.messageID, to: $0.to, mailbox: $0.mailbox, stored: $0.stored)
        }
    }
}

extension Node {
    /// What the node keeps for peers that are away, and others for it.
    public func mailbox() async -> Mailbox { Mailbox(await node.mailboxSummary()) }

    static func mailbox(
        _ configuration: Configuration,
        bootstrapAddresses: [Multiaddr]
    ) throws(NodeError) -> MailboxConfiguration {
        var mailbox = MailboxConfiguration()
        for text in configuration.mailboxAddresses {
            mailbox.addresses.append(try peerAddress(text, of: "mailbox"))
        }
        let countMax = MailboxList.Limits().mailboxCountMax
        guard Set(mailbox.addresses.map(\.peerID)).count <= countMax else {
            throw NodeError(
                .invalidAddress,
                "A node has \(countMax) mailboxes at most.",
                nextStep: "Leave some out: each message is left with four of them."
            )
        }
        mailbox.policy =
            switch configuration.keepsMailFor {
            case .nobody: .nobody
            case .named(let peers): .named(peers)
            case .known: .contacts(Set((bootstrapAddresses + mailbox.addresses).compactMap(\.peerID)))
            case .anyone: .anyone
            }
        if let byteCount = configuration.mailSpaceByteCount {
            mailbox.shelfLimits = MailboxShelf.Limits(byteCountMax: byteCount)
        }
        if let lifetime = configuration.mailLifetime { mailbox.shelfLimits.lifetime = lifetime }
        return mailbox
    }
}
