package import StarlingCore
internal import StarlingMesh
internal import StarlingWorld

/// What the outbox holds, and what is stuck there.
package struct OutboxStatus: Sendable, Equatable {
    /// Messages of one priority that are not settled.
    package struct Fill: Sendable, Equatable {
        package var priority: OutgoingMessage.Priority
        /// Those that wait here, and the bytes of their contents.
        package var queuedCount: Int
        package var queuedByteCount: Int
        /// Those that were sent and have no receipt yet.
        package var sentCount: Int
        package var sentByteCount: Int

        package init(
            priority: OutgoingMessage.Priority,
            queuedCount: Int,
            queuedByteCount: Int,
            sentCount: Int,
            sentByteCount: Int
        ) {
            self.priority = priority
            self.queuedCount = queuedCount
            self.queuedByteCount = queuedByteCount
            self.sentCount = sentCount
            self.sentByteCount = sentByteCount
        }
    }

    /// A recipient for whom messages wait.
    package struct Backlog: Sendable, Equatable {
        package var to: PeerID
        package var messageCount: Int
        package var byteCount: Int
        /// The message that was accepted first, and how long ago that was.
        package var oldestID: String
        package var oldestAge: Duration
        /// Why they wait, and what to do; nil while nothing has failed.
        package var obstacle: NodeFailure?

        package init(
            to: PeerID,
            messageCount: Int,
            byteCount: Int,
            oldestID: String,
            oldestAge: Duration,
            obstacle: NodeFailure?
        ) {
            self.to = to
            self.messageCount = messageCount
            self.byteCount = byteCount
            self.oldestID = oldestID
            self.oldestAge = oldestAge
            self.obstacle = obstacle
        }
    }

    /// Messages of one priority that are stuck though their recipient is connected.
    package struct Stall: Sendable, Equatable {
        package var to: PeerID
        package var priority: OutgoingMessage.Priority
        package var messageCount: Int
        package var oldestID: String
        /// How long nothing has moved.
        package var duration: Duration
        /// Why, and what to do.
        package var reason: NodeFailure

        package init(
            to: PeerID,
            priority: OutgoingMessage.Priority,
            messageCount: Int,
            oldestID: String,
            duration: Duration,
            reason: NodeFailure
        ) {
            self.to = to
            self.priority = priority
            self.messageCount = messageCount
            self.oldestID = oldestID
            self.duration = duration
            self.reason = reason
        }
    }

    /// The most recipients and stalls that are listed.
    package static let listCountMax = 10

    /// Messages that are not settled, and the bytes of their contents.
    package var messages: Occupancy
    /// The same by priority, the most urgent first.
    package var fills: [Fill]
    /// Recipients for whom messages wait, those who have been waited for longest first.
    package var backlogs: [Backlog]
    /// What is stuck now.
    package var stalls: [Stall]
    /// How often something was found stuck since the node started: a metric that only grows.
    package var stallCount: Int

    package init(
        messages: Occupancy,
        fills: [Fill],
        backlogs: [Backlog],
        stalls: [Stall],
        stallCount: Int
    ) {
        self.messages = messages
        self.fills = fills
        self.backlogs = backlogs
        self.stalls = stalls
        self.stallCount = stallCount
    }

    init(_ report: DeliveryReport, wallNow: WallTime) {
        self.init(
            messages: Occupancy(
                count: report.outboxCount,
                countMax: report.limits.outbox.messageCountMax,
                byteCount: report.outboxByteCount,
                byteCountMax: report.limits.outbox.byteCountMax
            ),
            fills: report.fills.map {
                Fill(
                    priority: .init($0.priority),
                    queuedCount: $0.queuedCount,
                    queuedByteCount: $0.queuedByteCount,
                    sentCount: $0.sentCount,
                    sentByteCount: $0.sentByteCount
                )
            },
            backlogs: report.backlogs.map { entry in
                Backlog(
                    to: entry.backlog.to,
                    messageCount: entry.backlog.count,
                    byteCount: entry.backlog.byteCount,
                    oldestID: "\(entry.backlog.oldest.id)",
                    oldestAge: entry.backlog.oldest.created.age(at: wallNow),
                    obstacle: entry.obstacle.map { NodeFailure($0, peer: entry.backlog.to) }
                )
            },
            stalls: report.stalls.map {
                Stall(
                    to: $0.to,
                    priority: .init($0.priority),
                    messageCount: $0.count,
                    oldestID: "\($0.oldest)",
                    duration: $0.duration,
                    reason: NodeFailure($0)
                )
            },
            stallCount: report.stallCount
        )
    }
}

/// What the inbox holds.
package struct InboxStatus: Sendable, Equatable {
    /// Messages received and not taken, and the bytes of their contents.
    package var messages: Occupancy
    /// Messages whose files are on their way, and the bytes of those files.
    package var incoming: Occupancy
    /// Receipts that were sent, or will be, and that their senders have not confirmed.
    package var unconfirmedReceiptCount: Int

    package init(messages: Occupancy, incoming: Occupancy, unconfirmedReceiptCount: Int) {
        self.messages = messages
        self.incoming = incoming
        self.unconfirmedReceiptCount = unconfirmedReceiptCount
    }

    init(_ report: DeliveryReport) {
        self.init(
            messages: Occupancy(
                count: report.inboxCount,
                countMax: report.limits.inbox.entryCountMax,
                byteCount: report.inboxByteCount,
                byteCountMax: report.limits.inbox.byteCountMax
            ),
            incoming: Occupancy(
                count: report.heldCount,
                countMax: report.limits.inbox.heldCountMax,
                byteCount: Int(clamping: report.heldFileByteCount),
                byteCountMax: Int(clamping: report.heldFileByteCountMax)
            ),
            unconfirmedReceiptCount: report.owedReceiptCount
        )
    }
}
