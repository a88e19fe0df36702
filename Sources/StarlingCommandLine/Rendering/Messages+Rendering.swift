internal import StarlingCore
package import StarlingNode

extension SendReport {
    /// One line: delivered, or queued and why.
    package func render(_ style: TextStyle, to peer: String) -> String {
        switch state {
        case .delivered:
            let time = roundTrip.map { " in \(DurationText.write($0))" } ?? ""
            return style.green("delivered") + " to \(peer)\(time) (message \(messageID))\n"
        case .queued:
            let reason = obstacle.map { ": " + TerminalText.lines($0.message) } ?? "."
            return style.yellow("queued") + " for \(peer) (message \(messageID))\(reason)\n"
        }
    }
}

extension InboxPage {
    /// A heading and the payload of each message, with an empty line between.
    package func render(_ style: TextStyle) -> String {
        messages.map { $0.render(style) }.joined(separator: "\n")
    }

    package static let emptyHint = "The inbox is empty.\n"

    /// What to say where more messages wait behind these.
    package var moreHint: String? {
        guard hasMore, let last = messages.last else { return nil }
        return "More messages wait: starling inbox --after \(last.position)\n"
    }
}

extension InboxMessage {
    package func render(_ style: TextStyle) -> String {
        let type = TerminalText.oneLine(self.type)
        let head =
            style.bold("#\(position)") + "  \(received.rfc3339)  from \(from.base58)  \(style.dim(type))\n"
        guard let text else { return head + "  \(ByteCountText.write(payload.count)), not a text\n" }
        let lines = TerminalText.lines(text).split(separator: "\n", omittingEmptySubsequences: false)
        return head + lines.map { "  \($0)\n" }.joined()
    }
}
