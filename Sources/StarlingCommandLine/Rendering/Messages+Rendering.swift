internal import StarlingCore
package import StarlingNode

extension SendReport {
    /// One line: delivered, sent, or queued and why.
    package func render(_ style: TextStyle, to peer: String) -> String {
        switch state {
        case .delivered:
            let time = roundTrip.map { " in \(DurationText.write($0))" } ?? ""
            return style.green("delivered") + " to \(peer)\(time) (message \(messageID))\n"
        case .sent:
            let reason = obstacle.map { TerminalText.lines($0.message) } ?? "no receipt so far."
            return style.yellow("sent") + " to \(peer) (message \(messageID)): \(reason)\n"
        case .queued:
            let reason = obstacle.map { ": " + TerminalText.lines($0.message) } ?? "."
            return style.yellow("queued") + " for \(peer) (message \(messageID))\(reason)\n"
        }
    }
}

extension BroadcastReport {
    /// One line: to whom it goes at once.
    package func render(_ style: TextStyle) -> String {
        switch neighbourCount {
        case 0: style.yellow("kept") + " for whoever connects in time (message \(messageID))\n"
        case 1: style.green("sent") + " to one neighbour (message \(messageID))\n"
        default: style.green("sent") + " to \(neighbourCount) neighbours (message \(messageID))\n"
        }
    }
}

extension InboxPage {
    /// A heading and the payload of each message, with an empty line between.
    ///
    /// - Parameter flags: Those that mean the same node, for the commands that are named.
    package func render(_ style: TextStyle, flags: String) -> String {
        let parts =
            incoming.map { $0.render(style) } + damaged.map { $0.render(style) }
            + messages.map { $0.render(style, flags: flags) }
        return parts.joined(separator: "\n")
    }

    /// Whether there is nothing to show.
    package var isEmpty: Bool { messages.isEmpty && damaged.isEmpty && incoming.isEmpty }

    /// The last message that it shows.
    package var lastShown: Int64? {
        [messages.last?.position, damaged.last?.position].compactMap { $0 }.max()
    }

    package static let emptyHint = "The inbox is empty.\n"

    /// What to say where more messages wait behind these.
    package func moreHint(flags: String) -> String? {
        hasMore ? "More messages wait: starling inbox --after \(last)\(flags)\n" : nil
    }
}

extension DamagedMessage {
    /// A heading, and the next step.
    package func render(_ style: TextStyle) -> String {
        let head = style.bold("#\(position)") + "  \(received.rfc3339)  from \(from.base58)  "
        let label = style.red("damaged") + " " + TerminalText.oneLine(type) + "\n"
        return head + label + "  \(failure.message)\n  \(failure.nextStep)\n"
    }
}

extension InboxMessage {
    package func render(_ style: TextStyle, flags: String) -> String {
        var words = isBroadcast ? ["to all", type] : [type]
        if priority != .normal { words.append(priority.rawValue) }
        let label = style.dim(TerminalText.oneLine(words.joined(separator: " ")))
        let head = style.bold("#\(position)") + "  \(received.rfc3339)  from \(from.base58)  \(label)\n"
        let fileLine = file.map { file in
            "  \(TerminalText.oneLine(file.name ?? "")), \(file.progressText): starling save \(position)\(flags)\n"
        }
        if let fileLine, payload.isEmpty { return head + fileLine }
        guard let text else {
            let kind = contentType.isEmpty ? "" : " of " + TerminalText.oneLine(contentType)
            return head + "  \(ByteCountText.write(payload.count))\(kind), not a text\n" + (fileLine ?? "")
        }
        let lines = TerminalText.lines(text).split(separator: "\n", omittingEmptySubsequences: false)
        return head + lines.map { "  \($0)\n" }.joined() + (fileLine ?? "")
    }
}
