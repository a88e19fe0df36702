public import StarlingCore
internal import StarlingMesh
internal import StarlingNode
internal import StarlingWorld

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
    /// Cancellation: it throws ``NodeError/Code/stopped``, and the message is tried on.
    ///
    /// - Parameter timeout: how long at most; `nil` for as long as the message lives.
    /// - Throws: ``NodeError/Code/timedOut`` when none came in time: the message is tried on; ``NodeError/Code/expired`` when its
    ///   lifetime ended without one; ``NodeError/Code/refused`` when the recipient does not take it; ``NodeError/Code/storeFailed``
    ///   when it could not be read back here; ``NodeError/Code/stopped`` when the node stops; ``NodeError/Code/unknownMessage``
    ///   when its end is forgotten: it was 7 days or 10,000 ended messages ago.
    public func receipt(within timeout: Duration? = nil) async throws(NodeError) -> Receipt {
        let loop = node.node.world.loops[0]
        let deadline = loop.now + (timeout ?? .seconds(31 * 86_400))
        let report = await node.node.delivery.report(on: messageID, settledBefore: deadline)
        guard let report else {
            throw NodeError(
                .unknownMessage,
                "The end of message \(id) is forgotten.",
                nextStep: "Ask within 7 days."
            )
        }
        switch report.message.state {
        case .delivered:
            return Receipt(messageID: id, recipient: to, roundTrip: roundTrip(of: report, until: loop.now))
        case .storing, .queued, .sent, .fetching:
            if let interruption = await node.interruption { throw interruption }
            throw NodeError(
                .timedOut,
                "\(to) has sent no receipt so far.",
                nextStep: "The message is tried on: look at its state later."
            )
        case .expired, .refused, .damaged:
            throw NodeError(NodeFailure(undelivered: report.message.state, peer: to))
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
