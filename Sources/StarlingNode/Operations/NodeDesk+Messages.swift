internal import StarlingCore
internal import StarlingMesh
package import StarlingWorld

// Messages: sent, asked after, listed, received.
extension NodeDesk {
    package func send(_ message: OutgoingMessage) async throws(NodeFailure) -> SendReport {
        let start = loop.now
        let draft = try MessageDraft(message)
        let id = try await accept(message, draft)
        let report = await node.delivery.report(on: id, settledBefore: start + message.receiptTimeout)
        let roundTrip = start.duration(to: loop.now)
        guard let report else { return SendReport(messageID: "\(id)", state: .queued, roundTrip: nil) }
        guard var sent = SendReport(MessageStatus(report, wallNow: node.world.wallClock.now)) else {
            throw NodeFailure(undelivered: report.message.state, peer: message.to)
        }
        // The loop's clock is finer than the times of a message's record.
        if sent.state == .delivered { sent.roundTrip = roundTrip }
        return sent
    }

    package func broadcast(_ message: OutgoingBroadcast) async throws(NodeFailure) -> BroadcastReport {
        var content = MessageContent(type: try .init(name: message.type), payload: message.payload)
        content.contentType = message.contentType
        var draft = BroadcastDraft(content: content)
        draft.priority = message.priority.value
        draft.lifetime = message.lifetime
        do throws(DeliveryError) {
            let (id, neighbourCount) = try await node.delivery.broadcast(draft)
            return BroadcastReport(messageID: "\(id)", neighbourCount: neighbourCount)
        } catch {
            throw NodeFailure(error, peer: node.peerID)
        }
    }

    package func message(
        _ id: String,
        settledWithin timeout: Duration
    ) async throws(NodeFailure) -> MessageStatus {
        let parsed = try Self.messageID(id)
        let report = await node.delivery.report(on: parsed, settledBefore: loop.now + timeout)
        guard let report else { throw .unknownMessage(id) }
        try Self.checkCancellation()
        return MessageStatus(report, wallNow: node.world.wallClock.now)
    }

    package func outbox(_ query: OutboxQuery) async throws(NodeFailure) -> OutboxPage {
        var last: MessageReport?
        if let after = query.after {
            last = await node.delivery.report(on: try Self.messageID(after))
            guard last != nil else { throw .unknownMessage(after) }
        }
        let reports: [MessageReport]
        switch query.part {
        case .waiting:
            reports = await node.delivery.outboxReports(
                after: last?.message.position ?? 0,
                countMax: query.messageCountMax + 1
            )
        case .ended:
            reports = await node.delivery.endedReports(
                before: last?.message.id,
                countMax: query.messageCountMax + 1
            )
        }
        let wallNow = node.world.wallClock.now
        return OutboxPage(
            messages: reports.prefix(query.messageCountMax).map { MessageStatus($0, wallNow: wallNow) },
            hasMore: reports.count > query.messageCountMax
        )
    }

    package func inbox(_ query: InboxQuery) async throws(NodeFailure) -> InboxPage {
        let page = try await page(query)
        guard page.messages.isEmpty, page.damaged.isEmpty, !page.hasMore, query.arrivalTimeout > .zero else {
            return page
        }
        let delivery = node.delivery
        let last = UInt64(clamping: page.last)
        _ = await loop.withDeadline(loop.now + query.arrivalTimeout) { await delivery.arrival(after: last) }
        try Self.checkCancellation()
        var query = query
        query.after = page.last
        return try await self.page(query)
    }

    /// Files on their way that a page lists.
    private static let incomingCountMax = 100

    private func page(_ query: InboxQuery) async throws(NodeFailure) -> InboxPage {
        do throws(StoreError) {
            let page = try await node.delivery.inboxPage(
                after: UInt64(clamping: query.after),
                countMax: query.messageCountMax,
                byteCountMax: query.payloadByteCountMax
            )
            return InboxPage(
                messages: page.deliveries.map { InboxMessage($0) },
                damaged: page.damaged.map { DamagedMessage($0) },
                last: Int64(clamping: page.last),
                hasMore: page.hasMore,
                incoming: await incoming(countMax: Self.incomingCountMax)
            )
        } catch {
            throw NodeFailure(error)
        }
    }

    package func takeInbox(_ take: InboxTake) async throws(NodeFailure) -> Int {
        do throws(StoreError) {
            switch take {
            case .through(let position):
                return try await node.delivery.acknowledge(through: UInt64(clamping: position))
            case .only(let positions):
                return try await node.delivery.acknowledge(only: positions.map(UInt64.init(clamping:)))
            }
        } catch {
            throw NodeFailure(error)
        }
    }

    private static func checkCancellation() throws(NodeFailure) {
        guard Task.isCancelled else { return }
        throw NodeFailure(.stopping, "The request was cancelled.")
    }

    private static func messageID(_ text: String) throws(NodeFailure) -> MessageID {
        guard let id = MessageID(text) else { throw .malformedMessageID(text) }
        return id
    }
}

extension MessageType {
    fileprivate init(name: String) throws(NodeFailure) {
        guard let type = MessageType(name) else {
            throw NodeFailure(
                .invalidRequest,
                "The message's type is empty or too long.",
                nextStep: "Use a name of 1 to \(Self.byteCountMax) bytes."
            )
        }
        self = type
    }
}

extension MessageDraft {
    fileprivate init(_ message: OutgoingMessage) throws(NodeFailure) {
        var content = MessageContent(type: try .init(name: message.type), payload: message.payload)
        content.contentType = message.contentType
        self.init(to: message.to, content: content)
        priority = message.priority.value
        privacy = message.privacy == .private ? .private : .standard
        lifetime = message.lifetime
        hopLimit = UInt8(clamping: message.hopLimit)
        recordsPath = message.recordsPath
        key = message.key.map { Array($0.utf8) }
    }
}

extension OutgoingMessage.Priority {
    var value: MessagePriority {
        switch self {
        case .emergency: .emergency
        case .high: .high
        case .normal: .normal
        case .low: .low
        }
    }

    init(_ value: MessagePriority) {
        switch value {
        case .emergency: self = .emergency
        case .high: self = .high
        case .normal: self = .normal
        case .low: self = .low
        }
    }
}

extension OutgoingMessage.Privacy {
    init(_ value: MessageHeader.Privacy) {
        switch value {
        case .private: self = .private
        case .standard: self = .standard
        }
    }
}

extension MessageStatus {
    fileprivate init(_ report: MessageReport, wallNow: WallTime) {
        let message = report.message
        let state: State
        var obstacle = report.obstacle.map { NodeFailure($0, peer: message.to) }
        switch message.state {
        case .storing: state = .queued
        case .queued: state = message.copies.isEmpty ? .queued : .stored
        case .sent: state = .sent
        case .fetching: state = .fetching
        case .delivered: state = .delivered
        case .expired: state = .expired
        case .refused, .damaged: state = .refused
        }
        switch state {
        case .queued, .stored, .sent, .fetching, .delivered: break
        case .expired, .refused: obstacle = NodeFailure(undelivered: message.state, peer: message.to)
        }
        self.init(
            messageID: "\(message.id)",
            to: message.to,
            state: state,
            priority: .init(message.priority),
            privacy: .init(message.privacy),
            byteCount: message.byteCount,
            attemptCount: message.attempts,
            accepted: message.created,
            age: message.created.age(at: wallNow),
            sent: message.sent,
            expires: message.expires,
            ended: message.ended,
            obstacle: obstacle,
            file: report.file.map { FileStatus($0, of: message) },
            storedBy: message.copies.map { StoredCopy(mailbox: $0.mailbox, stored: $0.stored) },
            path: message.path?.map { PathHop(peerID: $0.peer, arrived: $0.arrived) }
        )
    }
}

extension WallTime {
    /// How long ago this was; zero where a clock says that it lies ahead.
    func age(at now: WallTime) -> Duration {
        let (age, overflow) = now.millisecondsSince1970.subtractingReportingOverflow(millisecondsSince1970)
        return .milliseconds(overflow ? 0 : max(0, age))
    }
}

extension DamagedMessage {
    fileprivate init(_ entry: InboxEntry) {
        self.init(
            position: Int64(clamping: entry.position),
            messageID: "\(entry.id)",
            from: entry.from,
            type: entry.type.name,
            created: entry.created,
            received: entry.received
        )
    }
}

extension InboxMessage.Kind {
    fileprivate init(_ kind: MessageContent.Kind) {
        self =
            switch kind {
            case .message: .message
            case .request: .request
            case .response: .answer
            case .failure: .failure
            }
    }
}

extension InboxMessage {
    fileprivate init(_ delivery: InboxDelivery) {
        self.init(
            position: Int64(clamping: delivery.entry.position),
            messageID: "\(delivery.entry.id)",
            kind: .init(delivery.content.kind),
            from: delivery.entry.from,
            isBroadcast: delivery.entry.isBroadcast,
            type: delivery.content.type.name,
            contentType: delivery.content.contentType,
            priority: .init(delivery.entry.priority),
            privacy: .init(delivery.entry.privacy),
            payload: delivery.content.payload,
            file: delivery.entry.file.map { FileStatus($0) },
            created: delivery.entry.created,
            received: delivery.entry.received
        )
    }
}

extension NodeFailure {
    /// What the store said, and the next step.
    package init(_ error: StoreError) {
        if error == .closed {
            self.init(.stopping, "The node is stopping.")
            return
        }
        self.init(.storeFailed, error.words.what, nextStep: error.words.nextStep)
    }
}
