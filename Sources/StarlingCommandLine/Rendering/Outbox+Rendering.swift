internal import StarlingCore
package import StarlingNode

extension MessageStatus {
    /// Label and value, a line each: what it is, where it is since when, and what stands in its way.
    package func render(_ style: TextStyle) -> String {
        var facts = FactList()
        facts.append("message", messageID)
        facts.append("to", to.base58)
        facts.append("state", stateText)
        facts.append("priority", priority.rawValue)
        facts.append("privacy", privacy.rawValue)
        facts.append("size", ByteCountText.write(byteCount))
        facts.append("queued", "\(accepted.rfc3339), \(DurationText.writeAge(age)) ago")
        if let file { facts.append("file", file.progressText) }
        if attemptCount > 0 {
            let times = attemptCount == 1 ? "once" : "\(attemptCount) times"
            facts.append("sent", times + (sent.map { ", last \($0.rfc3339)" } ?? ""))
        }
        facts.append("stored by", storedBy.map { "\($0.mailbox.base58), \($0.stored.rfc3339)" })
        if let path { facts.append("path", path.isEmpty ? ["not known"] : path.map(\.line)) }
        if let ended { facts.append(state.rawValue, ended.rfc3339 + receiptText) }
        if ended == nil { facts.append("expires", expires.rfc3339) }
        if let obstacle {
            facts.append("obstacle", obstacle.message)
            if !obstacle.nextStep.isEmpty { facts.append("next step", obstacle.nextStep) }
        }
        return facts.render(style)
    }

    /// The state, and how far a file is that is being fetched.
    fileprivate var stateWord: String {
        guard let file, state == .fetching else { return state.rawValue }
        return "\(state.rawValue) \(file.percent) %"
    }

    private var stateText: String {
        switch state {
        case .queued: "queued on this node's disk"
        case .stored: "queued on this node's disk, with copies in mailboxes"
        case .sent: "sent, without a receipt so far"
        case .fetching: "sent; the recipient fetches its file"
        case .delivered: "delivered"
        case .expired: "expired: its lifetime ended before a receipt came"
        case .refused: "refused"
        }
    }

    private var receiptText: String { state == .delivered ? ", by the recipient's signed receipt" : "" }
}

extension PathHop {
    fileprivate var line: String { "from \(peerID.base58), arrived \(arrived.rfc3339)" }
}

extension OutboxPage {
    /// A row for each message, and below them what keeps each recipient from its messages.
    package func render(_ style: TextStyle) -> String {
        var table = TextTable([
            ("MESSAGE", .left), ("TO", .left), ("STATE", .left), ("PRIORITY", .left), ("AGE", .right),
            ("SIZE", .right), ("SENT", .right),
        ])
        for message in messages {
            table.append([
                message.messageID, message.to.base58, message.stateWord, message.priority.rawValue,
                DurationText.writeAge(message.age), ByteCountText.write(message.byteCount),
                "\(message.attemptCount)x",
            ])
        }
        return table.render(style)
            + obstacles.map { "\n" + style.yellow($0.what) + $0.nextStep + "\n" }.joined()
    }

    /// Each thing that stands in the way once, however many messages it stops.
    private var obstacles: [(what: String, nextStep: String)] {
        var seen: Set<String> = []
        return messages.compactMap { message in
            guard let obstacle = message.obstacle, seen.insert(obstacle.message).inserted else { return nil }
            let nextStep = TerminalText.oneLine(obstacle.nextStep)
            return (TerminalText.oneLine(obstacle.message), nextStep.isEmpty ? "" : "\n" + nextStep)
        }
    }

    /// What to say where nothing waits, `flags` being those that mean the same node.
    package static func emptyHint(flags: String) -> String {
        "Nothing waits to be delivered. What was: starling outbox --ended\(flags)\n"
    }

    package static let noneEndedHint = "No message was delivered, expired or refused in the last 7 days.\n"

    /// What to say where more messages stand behind these, `flags` being those that mean the same node and list.
    package func moreHint(flags: String) -> String? {
        guard hasMore, let last = messages.last else { return nil }
        return "There are more: starling outbox\(flags) --after \(last.messageID)\n"
    }
}

extension OutboxStatus {
    /// How much there is, by state and priority, for whom and why.
    func append(to facts: inout FactList) {
        facts.append("outbox", messages.text("message"))
        for fill in fills where fill.queuedCount + fill.sentCount > 0 {
            let parts = [
                ("queued", fill.queuedCount, fill.queuedByteCount),
                ("sent", fill.sentCount, fill.sentByteCount),
            ].filter { $0.1 > 0 }.map { "\($0.1) \($0.0) (\(ByteCountText.write($0.2)))" }
            facts.append("", "\(fill.priority.rawValue): " + parts.joined(separator: ", "))
        }
        facts.append("waiting for", backlogs.flatMap(\.lines))
        facts.append("stuck", stalls.flatMap(\.lines))
        if stallCount > 0 { facts.append("stalls so far", "\(stallCount)") }
    }
}

extension OutboxStatus.Backlog {
    fileprivate var lines: [String] {
        let age = DurationText.writeAge(oldestAge)
        let head = "\(to.base58): \(CountText.messages(messageCount)), the oldest \(age)"
        return [head] + (obstacle.map { [$0.message, $0.nextStep].filter { !$0.isEmpty } } ?? [])
    }
}

extension OutboxStatus.Stall {
    fileprivate var lines: [String] {
        let age = DurationText.writeAge(duration)
        let head =
            "\(CountText.messages(messageCount)) of priority \(priority.rawValue) to \(to.base58) for \(age)"
        return ["\(head), first \(oldestID)", reason.message, reason.nextStep].filter { !$0.isEmpty }
    }
}

extension InboxStatus {
    /// One line: how much there is, and how much there may be.
    var line: String {
        let receipts =
            unconfirmedReceiptCount > 0 ? ", \(unconfirmedReceiptCount) receipts not confirmed yet" : ""
        return messages.text("message") + receipts
    }
}

extension Occupancy {
    /// How much there is, and how much there may be: `1 message of at most 10, 20 B of at most 1 KiB`.
    func text(_ noun: String) -> String {
        CountText.of(count, noun) + " of at most \(countMax), "
            + "\(ByteCountText.write(byteCount)) of at most \(ByteCountText.write(byteCountMax))"
    }
}

/// Counts with their noun.
enum CountText {
    static func of(_ count: Int, _ noun: String) -> String { count == 1 ? "1 \(noun)" : "\(count) \(noun)s" }

    static func messages(_ count: Int) -> String { of(count, "message") }
}
