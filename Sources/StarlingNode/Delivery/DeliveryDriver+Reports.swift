internal import StarlingCore
package import StarlingMesh
internal import StarlingWorld

/// What the outbox and the inbox hold.
package struct DeliveryReport: Sendable {
    /// A recipient for whom messages wait.
    package struct Backlog: Equatable, Sendable {
        package var backlog: OutboxBacklog
        /// Why they wait, where that is known.
        package var obstacle: DeliveryObstacle?
    }

    /// Messages that are not settled, and the bytes of their bodies.
    package var outboxCount: Int
    package var outboxByteCount: Int
    /// The same by priority.
    package var fills: [OutboxFill]
    package var backlogs: [Backlog]
    /// What is stuck now.
    package var stalls: [OutboxStall]
    /// How often something was found stuck since the node started.
    package var stallCount: Int
    /// Messages that arrived and are not acknowledged, and the bytes of their contents.
    package var inboxCount: Int
    package var inboxByteCount: Int
    /// Messages that wait for their files, the bytes of those files, and the most that these may be.
    package var heldCount: Int
    package var heldFileByteCount: UInt64
    package var heldFileByteCountMax: UInt64
    /// Receipts that their senders have not confirmed.
    package var owedReceiptCount: Int
    /// Frames of others that were carried on, and those that were not, by the reason.
    package var forwardedCount: UInt64
    package var droppedCounts: [Forwarder.Drop: UInt64]
    package var limits: DeliveryDriver.Limits
}

// What is known of messages, for those who ask.
extension DeliveryDriver {
    /// What is known of a message; `nil` when it was never accepted, or is forgotten.
    package func report(on id: MessageID) -> MessageReport? { outbox.message(id).map { report($0) } }

    /// Messages that are not settled, in the order of their acceptance.
    package func outboxReports(after position: UInt64, countMax: Int) -> [MessageReport] {
        outbox.messages(after: position, countMax: countMax).map { report($0) }
    }

    /// Settled messages, the last ones first; only those that were settled before the one of this id.
    package func endedReports(before id: MessageID? = nil, countMax: Int) -> [MessageReport] {
        outbox.ended(before: id, countMax: countMax).map { report($0) }
    }

    /// Messages that are not settled, and the bytes of their bodies.
    package var outboxFill: (count: Int, byteCount: Int) { (outbox.count, outbox.byteCount) }

    /// What outbox and inbox hold; lists no longer than `countMax`.
    package func deliveryReport(countMax: Int) -> DeliveryReport {
        DeliveryReport(
            outboxCount: outbox.count,
            outboxByteCount: outbox.byteCount,
            fills: outbox.fills,
            backlogs: outbox.backlogs(countMax: countMax).map {
                .init(backlog: $0, obstacle: obstacle(of: $0.oldest))
            },
            stalls: outbox.stalls(now: loop.now, countMax: countMax),
            stallCount: outbox.stallCount,
            inboxCount: inbox.count,
            inboxByteCount: inbox.byteCount,
            heldCount: inbox.heldCount,
            heldFileByteCount: inbox.heldFileByteCount,
            heldFileByteCountMax: inbox.heldFileByteCountMax(storeByteCountMax: blobs?.byteCountMax ?? 0),
            owedReceiptCount: inbox.owedCount,
            forwardedCount: forwarder.forwardedCount,
            droppedCounts: forwarder.droppedCounts,
            limits: limits
        )
    }

    private func report(_ message: OutboxMessage) -> MessageReport {
        MessageReport(
            message: message,
            obstacle: message.state.isFinal ? nil : obstacle(of: message),
            file: fileReport(on: message)
        )
    }

    private func obstacle(of message: OutboxMessage) -> DeliveryObstacle? {
        if let (linkCount, hopLimit) = outbox.shortfall(of: message.id) {
            return .tooFar(linkCount: linkCount, hopLimit: hopLimit)
        }
        if let obstacle = obstacles[message.to] { return obstacle }
        if let refusal = message.lastRefusal { return .held(refusal) }
        return outbox.stall(of: message.id, now: loop.now).map { .stuck($0.reason) }
    }
}
