public import StarlingCore
public import StarlingMesh
internal import StarlingNode
internal import StarlingWorld

/// What a node knows of a message that it accepted: where it is, since when, and what stands in its way.
///
///     for record in try await node.outbox() {
///         print(record.id, record.to, record.state, record.obstacle?.message ?? "")
///     }
public struct MessageRecord: Sendable {
    /// A copy that a mailbox keeps.
    public struct Copy: Hashable, Sendable {
        /// Who keeps it.
        public let mailbox: PeerID
        /// Since when.
        public let stored: WallTime
    }

    /// A link that a message crossed.
    public struct Hop: Hashable, Sendable {
        /// Who handed the message over.
        public let peer: PeerID
        /// When it arrived, by the clock of whoever it was handed to.
        public let arrived: WallTime
    }

    /// The message's name: 32 hexadecimal digits.
    public let id: String
    /// The recipient.
    public let to: PeerID
    /// Where it is.
    public let state: SentMessage.State
    /// How urgent it is.
    public let priority: MessagePriority
    /// Who can read it.
    public let privacy: SendOptions.Privacy
    /// The size of its content as it travels: compressed, and sealed where it is private.
    public let byteCount: Int
    /// How often it was sent, since the node started.
    public let attemptCount: Int
    /// When the node accepted it.
    public let accepted: WallTime
    /// When it was last sent; `nil` when it was not, or not since the node started.
    public let sent: WallTime?
    /// When its lifetime ends.
    public let expires: WallTime
    /// When it was delivered, expired or was refused; `nil` until then.
    public let ended: WallTime?
    /// The mailboxes that keep a copy, or did until it ended; the first one first.
    public let copies: [Copy]
    /// The links that it crossed, the first one first; empty where they are not known, `nil` unless
    /// ``SendOptions/recordsPath`` asked for them.
    ///
    /// Each node notes the one before it. What one says of the links before its own it may have made up.
    public let path: [Hop]?
    /// What keeps it from being delivered, and what to do about it; `nil` while nothing has failed, and at the end.
    public let obstacle: NodeError?

    init(_ report: MessageReport) {
        let message = report.message
        id = "\(message.id)"
        to = message.to
        state = SentMessage.State(message)
        priority = message.priority
        privacy = message.privacy == .private ? .private : .standard
        byteCount = message.byteCount
        attemptCount = message.attempts
        accepted = message.created
        sent = message.sent
        expires = message.expires
        ended = message.ended
        copies = message.copies.map { Copy(mailbox: $0.mailbox, stored: $0.stored) }
        path = message.path?.map { Hop(peer: $0.peer, arrived: $0.arrived) }
        obstacle = report.obstacle.map { NodeError(NodeFailure($0, peer: message.to)) }
    }
}

// Messages that a node accepted, also before its last start.
extension Node {
    /// Which messages ``Node/outbox(_:after:countMax:)`` lists.
    public enum OutboxPart: Sendable {
        /// Those that are not settled, in the order of their acceptance.
        case waiting
        /// Those that were delivered, expired or refused in the last 7 days, the last ones first.
        case ended
    }

    /// The message of this id; `nil` when the node has accepted none, or has forgotten it.
    ///
    ///     if let message = await node.sentMessage(id) {
    ///         for await state in message.states { print(state) }
    ///     }
    ///
    /// - Parameter id: what ``SentMessage/id`` said, also in an earlier run of the node.
    public func sentMessage(_ id: String) async -> SentMessage? {
        guard let messageID = MessageID(id), let report = await node.delivery.report(on: messageID) else {
            return nil
        }
        return SentMessage(
            id: "\(messageID)",
            to: report.message.to,
            messageID: messageID,
            startedAt: nil,
            node: self
        )
    }

    /// Messages that the node accepted, at most `countMax`.
    ///
    /// - Parameters:
    ///   - part: those that wait, or those that ended.
    ///   - id: where to go on: the id of the last message of the page before.
    ///   - countMax: how many at most; below 1 it lists none.
    /// - Throws: ``NodeError/Code/unknownMessage`` when the node knows no message of this id.
    public func outbox(
        _ part: OutboxPart = .waiting,
        after id: String? = nil,
        countMax: Int = 100
    ) async throws(NodeError) -> [MessageRecord] {
        var last: MessageReport?
        if let id {
            if let messageID = MessageID(id) { last = await node.delivery.report(on: messageID) }
            guard last != nil else {
                throw NodeError(
                    .unknownMessage,
                    "This node has accepted no message \(id), or it ended long ago.",
                    nextStep: "List from the start: without an id."
                )
            }
        }
        let (position, countMax) = (last?.message.position ?? 0, max(0, countMax))
        let reports =
            switch part {
            case .waiting: await node.delivery.outboxReports(after: position, countMax: countMax)
            case .ended: await node.delivery.endedReports(before: last?.message.id, countMax: countMax)
            }
        return reports.map { MessageRecord($0) }
    }
}
