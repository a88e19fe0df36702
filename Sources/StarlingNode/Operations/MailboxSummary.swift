package import StarlingCore
internal import StarlingMesh
internal import StarlingWorld

/// What a node keeps for others, who keeps its own messages, and which of its messages others keep.
package struct MailboxSummary: Sendable, Equatable {
    /// For whom it keeps messages.
    package enum Policy: String, Sendable, CaseIterable {
        case nobody
        /// For the peers that its user named.
        case named
        /// For the peers that its user has it stay connected with.
        case known
        case anyone
    }

    /// What is kept of one sender for one recipient.
    package struct Holding: Sendable, Equatable {
        package var recipient: PeerID
        package var sender: PeerID
        package var messageCount: Int
        package var byteCount: Int
        /// How long the one that has been here for longest has been.
        package var oldestAge: Duration
        /// How long it is until all of them have gone, and nothing is kept any more.
        package var longestRest: Duration

        package init(
            recipient: PeerID,
            sender: PeerID,
            messageCount: Int,
            byteCount: Int,
            oldestAge: Duration,
            longestRest: Duration
        ) {
            self.recipient = recipient
            self.sender = sender
            self.messageCount = messageCount
            self.byteCount = byteCount
            self.oldestAge = oldestAge
            self.longestRest = longestRest
        }
    }

    /// A node that keeps messages for this one.
    package struct Mailbox: Sendable, Equatable {
        package var peerID: PeerID
        package var addresses: [Multiaddr]
        package var isConnected: Bool
        /// Until when it is not asked since it broke a rule; nil where it is asked.
        package var penaltyEnd: WallTime?

        package init(
            peerID: PeerID,
            addresses: [Multiaddr],
            isConnected: Bool,
            penaltyEnd: WallTime? = nil
        ) {
            self.peerID = peerID
            self.addresses = addresses
            self.isConnected = isConnected
            self.penaltyEnd = penaltyEnd
        }
    }

    /// The most that is kept of one sender, or for one recipient.
    package struct Quota: Sendable, Equatable {
        package var messageCount: Int
        package var byteCount: Int

        package init(messageCount: Int, byteCount: Int) {
            self.messageCount = messageCount
            self.byteCount = byteCount
        }
    }

    /// What one mailbox has, or may have, of one of this node's messages.
    package struct Copy: Sendable, Equatable {
        /// The message's id in hexadecimal.
        package var messageID: String
        package var to: PeerID
        package var mailbox: PeerID
        /// When the mailbox said that it has it; nil where it was offered and the answer is not known.
        package var stored: WallTime?
        /// Whether the message has ended, and the copy is to be erased.
        package var isEnded: Bool

        package init(messageID: String, to: PeerID, mailbox: PeerID, stored: WallTime?, isEnded: Bool) {
            self.messageID = messageID
            self.to = to
            self.mailbox = mailbox
            self.stored = stored
            self.isEnded = isEnded
        }
    }

    /// The most holdings and the most copies that are listed.
    package static let listCountMax = 1000

    package var policy: Policy
    /// Those for whom messages are kept, where the policy names some.
    package var served: [PeerID]
    /// What is kept for others, receipts for senders among it.
    package var kept: Occupancy
    package var senderQuota: Quota
    package var recipientQuota: Quota
    /// How long anything is kept at most.
    package var ageMax: Duration
    /// What gave way to others for want of room, since the node started.
    package var displacedCount: Int
    /// The same by recipient and sender.
    package var holdings: [Holding]
    /// How many more there are than are listed.
    package var moreHoldingCount: Int
    /// This node's mailboxes, the one that is asked first stands first.
    package var mailboxes: [Mailbox]
    /// Which of this node's messages others keep, in the order of their acceptance.
    package var copies: [Copy]
    /// How many more there are than are listed.
    package var moreCopyCount: Int

    package init(
        policy: Policy,
        served: [PeerID],
        kept: Occupancy,
        senderQuota: Quota,
        recipientQuota: Quota,
        ageMax: Duration,
        displacedCount: Int,
        holdings: [Holding],
        moreHoldingCount: Int,
        mailboxes: [Mailbox],
        copies: [Copy],
        moreCopyCount: Int
    ) {
        self.policy = policy
        self.served = served
        self.kept = kept
        self.senderQuota = senderQuota
        self.recipientQuota = recipientQuota
        self.ageMax = ageMax
        self.displacedCount = displacedCount
        self.holdings = holdings
        self.moreHoldingCount = moreHoldingCount
        self.mailboxes = mailboxes
        self.copies = copies
        self.moreCopyCount = moreCopyCount
    }

    init(_ shelf: MailboxShelfReport, _ mailboxes: MailboxReport, wallNow: WallTime) {
        let holdings = shelf.holdings
        self.init(
            policy: Policy(shelf.policy.scope),
            served: shelf.policy.peers.sorted(),
            kept: Occupancy(
                count: shelf.count,
                countMax: shelf.limits.countMax,
                byteCount: shelf.byteCount,
                byteCountMax: shelf.limits.byteCountMax
            ),
            senderQuota: Quota(
                messageCount: shelf.limits.senderCountMax,
                byteCount: shelf.limits.senderByteCountMax
            ),
            recipientQuota: Quota(
                messageCount: shelf.limits.recipientCountMax,
                byteCount: shelf.limits.recipientByteCountMax
            ),
            ageMax: shelf.limits.lifetime,
            displacedCount: shelf.displacedCount,
            holdings: holdings.prefix(Self.listCountMax).map {
                Holding(
                    recipient: $0.recipient,
                    sender: $0.sender,
                    messageCount: $0.count,
                    byteCount: $0.byteCount,
                    oldestAge: $0.oldest.age(at: wallNow),
                    longestRest: max(.zero, shelf.asOf.duration(to: $0.lastEnd))
                )
            },
            moreHoldingCount: max(0, holdings.count - Self.listCountMax),
            mailboxes: mailboxes.own.map {
                Mailbox(
                    peerID: $0.peer,
                    addresses: $0.addresses,
                    isConnected: mailboxes.connected.contains($0.peer),
                    penaltyEnd: mailboxes.penalties[$0.peer]
                )
            },
            copies: mailboxes.copies.prefix(Self.listCountMax).map {
                Copy(
                    messageID: "\($0.id)",
                    to: $0.to,
                    mailbox: $0.mailbox,
                    stored: $0.stored,
                    isEnded: $0.isSettled
                )
            },
            moreCopyCount: max(0, mailboxes.copies.count - Self.listCountMax)
        )
    }
}

extension MailboxSummary.Policy {
    fileprivate init(_ scope: MailboxPolicy.Scope) {
        self =
            switch scope {
            case .nobody: .nobody
            case .named: .named
            case .contacts: .known
            case .anyone: .anyone
            }
    }
}

extension Node {
    /// What the node keeps for others, and others for it.
    package func mailboxSummary() async -> MailboxSummary {
        MailboxSummary(await shelf.report, await mailboxes.report, wallNow: world.wallClock.now)
    }
}
