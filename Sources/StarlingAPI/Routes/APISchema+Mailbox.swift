internal import StarlingNode

extension APISchema {
    static let mailbox = APISchema.object(
        [
            APIField(
                "keeps_for",
                .word(MailboxSummary.Policy.allCases.map(\.rawValue)),
                "For whom it keeps messages."
            ),
            APIField("served", .list(peerID), "Those, where it is for some."),
        ] + occupancy("messages", "What is kept for others.", bytes: "The bytes of it.") + [
            APIField("sender_quota", quota, "The most that is kept of one sender."),
            APIField("recipient_quota", quota, "The most that is kept for one recipient."),
            APIField("max_age_ms", natural, "How long anything is kept at most."),
            APIField("displaced", natural, "What gave way for want of room since the start."),
            APIField("holdings", .list(holding), "The same by recipient and sender, at most 1,000."),
            APIField("more_holdings", natural, "How many more there are."),
            APIField("mailboxes", .list(ownMailbox), "Who keeps messages for this node."),
            APIField("copies", .list(copy), "Which of its messages others keep, at most 1,000."),
            APIField("more_copies", natural, "How many more there are."),
        ],
        "What the node keeps for others, and others for it."
    )

    private static let holding = APISchema.object(
        [
            APIField("to", peerID, "For whom."),
            APIField("from", peerID, "Of whom; receipts count, too."),
            APIField("messages", natural, "How many."),
            APIField("bytes", natural, "How large they are."),
            APIField("oldest_age_ms", natural, "How long the oldest has been here."),
            APIField("longest_rest_ms", natural, "How long it is until all of them have gone."),
        ],
        "What is kept of one sender for one recipient."
    )

    private static let quota = APISchema.object(
        [
            APIField("messages", natural, "How many."),
            APIField("bytes", natural, "How large they are together."),
        ],
        "The most that is kept of or for one peer."
    )

    private static let ownMailbox = APISchema.object(
        [
            APIField("peer_id", peerID, "Who it is."),
            APIField("addrs", .list(multiaddr), "Where it is."),
            APIField("connected", .boolean, "Whether it can be asked now, over others where need be."),
            APIField(
                "penalty_end_ms",
                .integer(),
                isNullable: true,
                "Until when it is not asked since it broke a rule, since 1970."
            ),
        ],
        "A node that keeps messages for this one."
    )

    private static let copy = APISchema.object(
        [
            APIField("id", messageID, "The message's id in hexadecimal."),
            APIField("to", peerID, "Its recipient."),
            APIField("mailbox", peerID, "Who has it, or may have it."),
            APIField("stored_ms", .integer(), isNullable: true, "When it said that it has, since 1970."),
            APIField("ended", .boolean, "Whether the message has ended and the copy is to be erased."),
        ],
        "A copy of one of the node's messages."
    )

    static let storedCopy = APISchema.object(
        [
            APIField("peer_id", peerID, "The mailbox."),
            APIField("stored_ms", .integer(), "When it said that it keeps the copy, since 1970."),
        ],
        "A copy of a message in a mailbox."
    )
}
