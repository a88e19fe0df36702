public import StarlingCore
public import StarlingMesh
internal import StarlingNode
internal import StarlingWorld

/// A message that has arrived.
///
/// Its sender is proved by a signature.
public struct Message: Sendable {
    /// The sender's name for it: 32 hexadecimal digits.
    public let id: String
    /// Who signed it.
    public let from: PeerID
    /// Whether it is to everybody, and not to this node alone.
    public let isBroadcast: Bool
    /// What the message is.
    public let type: MessageType
    /// The payload's media type, such as `text/plain`; empty when the sender gave none.
    public let contentType: String
    /// What the sender sent, at most 1 MiB.
    public let payload: [UInt8]
    /// How urgent the sender called it.
    public let priority: MessagePriority
    /// How often it was handed out, this time included: above 1 when an earlier reader did not acknowledge it.
    public let attempt: Int

    /// The file that came with it, which is here as a whole; `nil` when it has none.
    ///
    /// It is erased when the message is acknowledged: save it before.
    public let file: MessageFile?

    private let position: UInt64
    private let node: Node

    init(_ delivery: InboxDelivery, node: Node) {
        file = MessageFile(delivery.entry, node: node)
        id = "\(delivery.entry.id)"
        from = delivery.entry.from
        isBroadcast = delivery.entry.isBroadcast
        type = delivery.content.type
        contentType = delivery.content.contentType
        payload = delivery.content.payload
        priority = delivery.entry.priority
        attempt = delivery.entry.attempt
        position = delivery.entry.position
        self.node = node
    }

    /// The payload as text; `nil` when it is not UTF-8.
    public var text: String? { String(validating: payload, as: UTF8.self) }

    /// Says that the message was dealt with: it is gone from the inbox, on the disk too, when this returns.
    ///
    /// - Throws: ``NodeError/Code/store``; the message may come again then.
    public func acknowledge() async throws(NodeError) {
        do throws(StoreError) { try await node.node.delivery.acknowledge(position) } catch {
            throw NodeError(error)
        }
    }
}

/// A message that has arrived, and that the node's disk does not give back.
///
/// Who needs it asks its sender for it again.
public struct DamagedMessage: Sendable {
    /// The sender's name for it: 32 hexadecimal digits.
    public let id: String
    /// Who signed it.
    public let from: PeerID
    /// What it was.
    public let type: MessageType

    private let position: UInt64
    private let node: Node

    init(_ entry: InboxEntry, node: Node) {
        id = "\(entry.id)"
        from = entry.from
        type = entry.type
        position = entry.position
        self.node = node
    }

    /// Has the node forget it.
    ///
    /// - Throws: ``NodeError/Code/store``; it may be there again after a restart then.
    public func acknowledge() async throws(NodeError) {
        do throws(StoreError) { try await node.node.delivery.acknowledge(position) } catch {
            throw NodeError(error)
        }
    }
}

/// How a message is sent.
public struct SendOptions: Sendable {
    /// Who can read it.
    public enum Privacy: Sendable {
        /// The recipient only: the content is sealed to it.
        case `private`
        /// Whoever carries it; it is signed, and each link is encrypted.
        case standard
    }

    /// How urgent it is.
    public var priority: MessagePriority
    /// Who can read it.
    public var privacy: Privacy
    /// How long it is tried, a millisecond to 30 days.
    public var lifetime: Duration
    /// Links that it may cross, 1 to 10; `nil` for 10.
    ///
    /// A message that may cross fewer than the shortest known way to its recipient has waits for a shorter one.
    public var hopLimit: Int?
    /// Whether those who carry it note the way that it takes, for ``MessageRecord/path``.
    public var recordsPath: Bool
    /// The payload's media type, by which it is compressed too.
    public var contentType: String
    /// The application's own name for the message, 1 to 64 bytes: sending with the same key again sends nothing, and
    /// answers with the first message.
    public var idempotencyKey: String?

    /// Options; what is left out has the value that fits most messages.
    public init(
        priority: MessagePriority = .normal,
        privacy: Privacy = .private,
        lifetime: Duration = .seconds(86_400),
        hopLimit: Int? = nil,
        recordsPath: Bool = false,
        contentType: String = "",
        idempotencyKey: String? = nil
    ) {
        self.priority = priority
        self.privacy = privacy
        self.lifetime = lifetime
        self.hopLimit = hopLimit
        self.recordsPath = recordsPath
        self.contentType = contentType
        self.idempotencyKey = idempotencyKey
    }

    func draft(to peer: PeerID, _ content: MessageContent) -> MessageDraft {
        var draft = MessageDraft(to: peer, content: content)
        draft.priority = priority
        draft.privacy = privacy == .private ? .private : .standard
        draft.lifetime = lifetime
        // What no message may have is refused with the others that are out of their ranges.
        if let hopLimit { draft.hopLimit = UInt8(clamping: hopLimit) }
        draft.recordsPath = recordsPath
        draft.key = idempotencyKey.map { Array($0.utf8) }
        return draft
    }
}

/// A message that the node has accepted.
public struct SentMessage: Sendable {
    /// Where a message is.
    public enum State: Equatable, Sendable {
        /// On this node's disk: the recipient is away, or others go first.
        case queued
        /// On this node's disk, and these mailboxes of the recipient, who is away, keep copies.
        case stored(by: [PeerID])
        /// Sent, without a receipt so far.
        case sent
        /// The recipient has the message, and fetches its file.
        case fetching
        /// In the recipient's inbox, by its signed receipt.
        ///
        /// This node's own record of it follows within 10 ms. After a power cut before that, the message is sent once more,
        /// the recipient repeats its receipt, and nobody sees a second message.
        case delivered
        /// Its lifetime ended without a receipt.
        case expired
        /// The recipient does not take it, or it could not be read back here; the text says why.
        case refused(reason: String)
    }

    /// The message's name: 32 hexadecimal digits.
    public let id: String
    /// The recipient.
    public let to: PeerID

    let messageID: MessageID
    /// When it was handed to the node; `nil` for one that was looked up.
    let startedAt: Instant?
    let node: Node

    /// Where the message is now; `nil` when it ended so long ago that nobody remembers.
    public var state: State? {
        get async { await node.node.delivery.report(on: messageID).map { State($0.message) } }
    }

    /// All that the node knows of the message, with its times; `nil` when it ended so long ago that nobody remembers.
    public var record: MessageRecord? {
        get async { await node.node.delivery.report(on: messageID).map { MessageRecord($0) } }
    }

    /// The states that it goes through from now on, the present one first; ends with the last one.
    public var states: States { States(message: self) }

    /// Waits for the recipient's receipt.
    ///
    /// - Parameter timeout: how long at most; `nil` for as long as the message lives.
    /// - Throws: ``NodeError/Code/timedOut`` when none came in time: the message is tried on, unless it expired;
    ///   ``NodeError/Code/refused`` when the recipient does not take it.
    public func receipt(within timeout: Duration? = nil) async throws(NodeError) -> Receipt {
        let loop = node.node.world.loops[0]
        let deadline = loop.now + (timeout ?? .seconds(31 * 86_400))
        let report = await node.node.delivery.report(on: messageID, settledBefore: deadline)
        guard let report else {
            throw NodeError(.timedOut, "The message's end is forgotten.", nextStep: "Ask within 7 days.")
        }
        switch State(report.message) {
        case .delivered:
            return Receipt(messageID: id, recipient: to, roundTrip: roundTrip(of: report, until: loop.now))
        case .queued, .stored, .sent, .fetching:
            throw NodeError(
                .timedOut,
                "\(to) has sent no receipt so far.",
                nextStep: "The message is tried on: look at its state later."
            )
        case .expired:
            throw NodeError(
                .timedOut,
                "\(to) sent no receipt before the message's lifetime ended.",
                nextStep: "Send it again with a longer lifetime."
            )
        case .refused(let reason):
            throw NodeError(.refused, "\(to): \(reason)", nextStep: "Ask whoever runs it.")
        }
    }

    /// From the message's acceptance to its receipt, which may have come long before it was asked for.
    private func roundTrip(of report: MessageReport, until now: Instant) -> Duration {
        let accepted = report.message.created.millisecondsSince1970
        let ended = report.message.ended?.millisecondsSince1970 ?? accepted
        let (milliseconds, overflow) = ended.subtractingReportingOverflow(accepted)
        // The wall clock counts whole milliseconds, and may have been set.
        let byWallClock = Duration.milliseconds(overflow ? 0 : max(0, milliseconds))
        guard let startedAt else { return byWallClock }
        return min(startedAt.duration(to: now), byWallClock + .milliseconds(1))
    }

    /// The states of one message.
    public struct States: AsyncSequence, Sendable {
        /// A state.
        public typealias Element = State
        /// The sequence ends; it does not fail.
        public typealias Failure = Never

        let message: SentMessage

        /// A watcher that begins with the present state.
        public func makeAsyncIterator() -> Iterator { Iterator(message: message) }

        /// One watcher.
        public struct Iterator: AsyncIteratorProtocol {
            let message: SentMessage
            private var last: State?
            private var lastReport: MessageReport?

            init(message: SentMessage) { self.message = message }

            /// The next state; `nil` after the last one, or when the node has stopped or the task was cancelled.
            public mutating func next() async -> State? {
                while true {
                    if lastReport?.message.state.isFinal == true { return nil }
                    let delivery = message.node.node.delivery
                    guard let report = await delivery.nextReport(on: message.messageID, after: lastReport)
                    else {
                        return nil
                    }
                    lastReport = report
                    let state = State(report.message)
                    if state == last { continue }
                    last = state
                    return state
                }
            }
        }
    }
}

extension SentMessage.State {
    init(_ message: OutboxMessage) {
        switch message.state {
        case .queued where !message.copies.isEmpty: self = .stored(by: message.copies.map(\.mailbox))
        case .storing, .queued: self = .queued
        case .sent: self = .sent
        case .fetching: self = .fetching
        case .delivered: self = .delivered
        case .expired: self = .expired
        case .refused(.refusedTooLarge): self = .refused(reason: "it does not take messages so large")
        case .refused(.unreadable): self = .refused(reason: "it cannot read the message")
        case .refused(.expired): self = .refused(reason: "the message is too old by its clock")
        case .refused: self = .refused(reason: "it does not take this message")
        case .damaged: self = .refused(reason: "the message or its file could not be read back")
        }
    }
}

/// The recipient's signed word that a message is in its inbox.
///
/// The signature has been checked.
public struct Receipt: Sendable {
    /// The message's ``Message/id``.
    public let messageID: String
    /// Who signed the receipt.
    public let recipient: PeerID
    /// From the acceptance of the message to the receipt.
    public let roundTrip: Duration
}
