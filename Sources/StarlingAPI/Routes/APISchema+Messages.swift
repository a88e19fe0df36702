internal import StarlingCore
internal import StarlingNode

// The API's values of messages, sent and received.
extension APISchema {
    private static let priority = APISchema.word(OutgoingMessage.Priority.allCases.map(\.rawValue))
    private static let privacy = APISchema.word(OutgoingMessage.Privacy.allCases.map(\.rawValue))
    static let messageID = APISchema.text(example: "0f1e2d3c4b5a69788796a5b4c3d2e1f0")

    /// What is said of a message that is sent, to one or to all.
    private static let outgoing = [
        APIField(
            "type",
            .text(example: OutgoingMessage.typeIfNone),
            isRequired: false,
            "What the message is; DATA_MESSAGE if left out."
        ),
        APIField(
            "content_type",
            .text(example: OutgoingMessage.contentTypeOfTexts),
            isRequired: false,
            "What the payload is; for a text text/plain if left out."
        ),
        APIField("payload", text, isRequired: false, "The payload as a text; or payload_base64."),
        APIField("payload_base64", text, isRequired: false, "The payload in Base64."),
    ]

    static let message = APISchema.object(
        [APIField("to", peerID, "The recipient.")] + outgoing + [
            APIField(
                "file",
                text,
                isRequired: false,
                isNullable: true,
                "A file that goes with it, by its path from the root; then the payload may be left out."
            ),
            APIField(
                "file_name",
                text,
                isRequired: false,
                isNullable: true,
                "What the recipient is told that it is called; the last part of the path if left out."
            ),
            APIField("priority", priority, isRequired: false, "How urgent it is; normal if left out."),
            APIField("privacy", privacy, isRequired: false, "Who can read it; private if left out."),
            APIField(
                "lifetime_ms",
                .integer(minimum: 1, maximum: 2_592_000_000),
                isRequired: false,
                "How long it is tried; a day if left out."
            ),
            APIField(
                "hop_limit",
                .integer(
                    minimum: OutgoingMessage.hopLimits.lowerBound,
                    maximum: OutgoingMessage.hopLimits.upperBound
                ),
                isRequired: false,
                "Links that it may cross; 10 if left out."
            ),
            APIField(
                "record_path",
                .boolean,
                isRequired: false,
                "Whether those who carry it note the way that it takes; false if left out."
            ),
            APIField(
                "key",
                text,
                isRequired: false,
                isNullable: true,
                "Your own name for it, 1 to 64 bytes: the same key again is the same message."
            ),
            APIField(
                "wait_ms",
                natural,
                isRequired: false,
                "How long to wait for the receipt; 5000 if left out, 0 while too many requests wait."
            ),
        ],
        "A message to send."
    )

    static let broadcast = APISchema.object(
        outgoing + [
            APIField("priority", priority, isRequired: false, "How urgent it is; normal if left out."),
            APIField(
                "lifetime_ms",
                .integer(minimum: 1, maximum: Int(OutgoingBroadcast.lifetimeMax.milliseconds)),
                isRequired: false,
                "How long nodes that come anew get it; 5 minutes if left out."
            ),
        ],
        "A message to everybody: signed, and sealed to nobody."
    )

    static let broadcastReport = APISchema.object(
        [
            APIField("id", text, "The message's id in hexadecimal."),
            APIField("neighbours", natural, "Neighbours to which it goes at once; they carry it on."),
        ],
        "A message to everybody that is on its way."
    )

    static let sendReport = APISchema.object(
        [
            APIField("id", text, "The message's id in hexadecimal."),
            APIField("state", .word(SendReport.State.allCases.map(\.rawValue)), "What became of it."),
            APIField("round_trip_us", .number, isNullable: true, "From accepting it to its receipt."),
            APIField("obstacle", error, isNullable: true, "Why it is still queued."),
        ],
        "What became of a message."
    )

    /// What is told of each message that came, whether it is all here or not.
    private static let origin = [
        APIField("id", text, "The message's id in hexadecimal."),
        APIField("from", peerID, "The sender."),
        APIField("type", text, "What the message is."),
        APIField("created_ms", .integer(), "When the sender says it made it, since 1970."),
        APIField("received_ms", .integer(), "When it came in, since 1970."),
    ]

    static let inboxMessage = APISchema.object(
        [APIField("position", natural, "Its place in the inbox, growing.")] + origin + [
            APIField("kind", .word(InboxMessage.Kind.allCases.map(\.rawValue)), "What it is for."),
            APIField("broadcast", .boolean, "Whether it is to everybody, and not to this node alone."),
            APIField("content_type", text, "What the payload is; empty where the sender did not say."),
            APIField("priority", priority, "How urgent it is."),
            APIField("privacy", privacy, "Who could read it on its way."),
            APIField("text", text, isRequired: false, "The payload, where it is UTF-8."),
            APIField("payload_base64", text, isRequired: false, "The payload, where it is not."),
            APIField("file", file, isNullable: true, "Its file, which is here as a whole."),
        ],
        "A message that was received."
    )

    private static let damagedMessage = APISchema.object(
        [APIField("position", natural, "Its place in the inbox.")] + origin + [
            APIField("error", error, "What is wrong, and the next step.")
        ],
        "A message that was received and cannot be read back from the disk."
    )

    static let inboxPage = APISchema.object(
        [
            APIField("messages", .list(inboxMessage), "By position."),
            APIField("damaged", .list(damagedMessage), "Messages that cannot be read back from the disk."),
            APIField("next_after", natural, "The position past which the next page begins."),
            APIField("has_more", .boolean, "Whether more wait behind them."),
            APIField("incoming", .list(incoming), "Messages whose files are on their way; at most 100."),
        ],
        "Messages of the inbox."
    )

    private static let file = APISchema.object(
        [
            APIField("name", text, isNullable: true, "What it was called; a sender keeps no names."),
            APIField("bytes", natural, "Its size."),
            APIField("arrived_bytes", natural, "How much of it the recipient has, as far as is known."),
            APIField("bytes_per_second", natural, "Over the last seconds; 0 while nothing moves."),
            APIField("obstacle", error, isNullable: true, "Why it does not move."),
        ],
        "The file of a message, and how far it is."
    )

    private static let incoming = APISchema.object(
        origin + [APIField("file", file, "Its file.")],
        "A message that arrives when its file is here."
    )

    static let fileSave = APISchema.object(
        [
            APIField("position", .integer(minimum: 1), "The message's place in the inbox."),
            APIField(
                "path",
                text,
                isRequired: false,
                isNullable: true,
                "Where to write the file, from the root; nothing may be there. Left out: nowhere."
            ),
            APIField("take", .boolean, "Whether to acknowledge the message, which erases the node's copy."),
        ],
        "What to do with the file of a message."
    )

    static let fileSaved = APISchema.object(
        [
            APIField("path", text, isNullable: true, "Where the file is."),
            APIField("bytes", natural, "Its size."),
        ],
        "A file that was saved, or erased."
    )

    static let inboxTake = APISchema.object(
        [
            APIField(
                "through",
                .integer(minimum: 1),
                isRequired: false,
                "Up to and including this position; or positions."
            ),
            APIField(
                "positions",
                .list(.integer(minimum: 1)),
                isRequired: false,
                "At these 1 to 1,000 positions; what is not there or has a file is passed over."
            ),
        ],
        "Which messages without files to acknowledge: one of the two says it."
    )

    static let inboxTaken = APISchema.object(
        [APIField("taken", natural, "How many were acknowledged.")],
        "How many messages were acknowledged."
    )

    static let messageStatus = APISchema.object(
        [
            APIField("id", messageID, "The message's id in hexadecimal."),
            APIField("to", peerID, "The recipient."),
            APIField("state", .word(MessageStatus.State.allCases.map(\.rawValue)), "Where it is."),
            APIField("priority", priority, "How urgent it is."),
            APIField("privacy", privacy, "Who can read it."),
            APIField("bytes", natural, "The size of its content as it travels."),
            APIField("attempts", natural, "How often it was sent."),
            APIField("accepted_ms", .integer(), "When the node accepted it, since 1970."),
            APIField("age_ms", natural, "How long ago that is."),
            APIField("sent_ms", .integer(), isNullable: true, "When it was last sent, since 1970."),
            APIField("expires_ms", .integer(), "When its lifetime ends, since 1970."),
            APIField("ended_ms", .integer(), isNullable: true, "When its last state began, since 1970."),
            APIField("obstacle", error, isNullable: true, "Why it is not delivered."),
            APIField("file", file, isNullable: true, "How far its file is."),
            APIField("stored_by", .list(storedCopy), "Mailboxes that keep a copy, or did until it ended."),
            APIField(
                "path",
                .list(pathHop),
                isNullable: true,
                "Links that it crossed, the first one first; null where that was not asked for."
            ),
        ],
        "What is known of a message that the node accepted."
    )

    static let pathHop = APISchema.object(
        [
            APIField("peer_id", peerID, "Who handed the message over."),
            APIField("arrived_ms", .integer(), "When it arrived, since 1970, by the clock of the next one."),
        ],
        "A link that a message crossed, by the word of those who carried it."
    )

    static let outboxPage = APISchema.object(
        [
            APIField(
                "messages",
                .list(messageStatus),
                "Those that wait by age; those that ended, last first."
            ),
            APIField("has_more", .boolean, "Whether more stand behind them."),
        ],
        "Messages of the outbox."
    )

    /// The fields of something that has a limit, `noun` being what is counted.
    static func occupancy(_ noun: String, _ summary: String, bytes: String) -> [APIField] {
        [
            APIField(noun, natural, summary),
            APIField("max_\(noun)", natural, "The most there may be."),
            APIField("bytes", natural, bytes),
            APIField("max_bytes", natural, "The most there may be."),
        ]
    }

    static let inboxStatus = APISchema.object(
        occupancy("messages", "Messages received and not taken.", bytes: "The bytes of their contents.") + [
            APIField(
                "incoming",
                .object(
                    occupancy(
                        "messages",
                        "Messages whose files are on their way.",
                        bytes: "The bytes of those files."
                    ),
                    "Messages that are not here yet."
                ),
                "Messages that arrive when their files are here."
            ),
            APIField("unconfirmed_receipts", natural, "Receipts that their senders have not confirmed."),
        ],
        "What the inbox holds."
    )

    private static let fill = APISchema.object(
        [
            APIField("priority", priority, "How urgent they are."),
            APIField("queued", natural, "Messages that wait here."),
            APIField("queued_bytes", natural, "The bytes of their contents."),
            APIField("sent", natural, "Messages that were sent and have no receipt yet."),
            APIField("sent_bytes", natural, "The bytes of their contents."),
        ],
        "Messages of one priority that are not settled."
    )

    private static let backlog = APISchema.object(
        [
            APIField("to", peerID, "The recipient."),
            APIField("messages", natural, "How many wait."),
            APIField("bytes", natural, "The bytes of their contents."),
            APIField("oldest_id", messageID, "The message that was accepted first."),
            APIField("oldest_age_ms", natural, "How long ago that was."),
            APIField("obstacle", error, isNullable: true, "Why they wait."),
        ],
        "A recipient for whom messages wait."
    )

    private static let stall = APISchema.object(
        [
            APIField("to", peerID, "The recipient, who is connected."),
            APIField("priority", priority, "How urgent they are."),
            APIField("messages", natural, "How many are stuck."),
            APIField("oldest_id", messageID, "The message that has to move first."),
            APIField("stuck_ms", natural, "How long nothing has moved."),
            APIField("reason", error, "Why."),
        ],
        "Messages that are stuck though their recipient is connected."
    )

    static let outboxStatus = APISchema.object(
        occupancy("messages", "Messages that are not settled.", bytes: "The bytes of their contents.") + [
            APIField("priorities", .list(fill), "The same by priority, the most urgent first."),
            APIField("recipients", .list(backlog), "For whom messages wait, at most 10."),
            APIField("stalls", .list(stall), "What is stuck now, at most 10."),
            APIField("stalls_total", natural, "How often something was found stuck since the start."),
        ],
        "What the outbox holds."
    )
}
