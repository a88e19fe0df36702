internal import StarlingCore
package import StarlingNode

extension MailboxSummary {
    /// For whom messages are kept and how much, what there is of whom, and what others keep.
    ///
    /// - Parameter flags: Those that mean the same node, for the commands that are named.
    package func render(_ style: TextStyle, flags: String) -> String {
        var facts = FactList()
        facts.append("keeps mail for", policyLines)
        facts.append("kept", kept.text("message"))
        if policy != .nobody {
            facts.append("of one sender", senderQuota.line)
            facts.append("for one peer", recipientQuota.line)
            facts.append("kept for", "at most \(DurationText.writeLimit(ageMax))")
        }
        if displacedCount > 0 { facts.append("gave way", CountText.messages(displacedCount)) }
        facts.append("mailboxes", mailboxLines)
        var parts = [facts.render(style)]
        if !holdings.isEmpty { parts.append(holdingTable.render(style) + more(moreHoldingCount)) }
        if !copies.isEmpty { parts.append(copyTable.render(style) + more(moreCopyCount)) }
        return parts.joined(separator: "\n")
    }

    private func more(_ count: Int) -> String { count > 0 ? "and \(count) more\n" : "" }

    private var policyLines: [String] {
        switch policy {
        case .nobody: ["nobody: start it with \(StarlingFlags.keepsMailFor.spec.dashed) to change that"]
        case .anyone: ["anyone"]
        case .named, .known:
            served.isEmpty ? ["nobody: it is told to stay connected with no peer"] : served.map(\.base58)
        }
    }

    private var mailboxLines: [String] {
        guard !mailboxes.isEmpty else {
            return ["none: start it with \(StarlingFlags.mailbox.spec.dashed) to name some"]
        }
        return mailboxes.map { mailbox in
            let penalty = mailbox.penaltyEnd.map { ", under penalty until \($0.rfc3339)" } ?? ""
            return "\(mailbox.peerID.base58), \(mailbox.isConnected ? "connected" : "not connected")"
                + penalty
        }
    }

    private var holdingTable: TextTable {
        var table = TextTable([
            ("KEPT FOR", .left), ("FROM", .left), ("MESSAGES", .right), ("SIZE", .right), ("OLDEST", .right),
            ("ENDS IN", .right),
        ])
        for holding in holdings {
            table.append([
                holding.recipient.base58, holding.sender.base58, "\(holding.messageCount)",
                ByteCountText.write(holding.byteCount), DurationText.writeAge(holding.oldestAge),
                DurationText.writeAge(holding.longestRest),
            ])
        }
        return table
    }

    private var copyTable: TextTable {
        var table = TextTable([
            ("MESSAGE", .left), ("TO", .left), ("COPY WITH", .left), ("SINCE", .left),
        ])
        for copy in copies {
            let since = copy.isEnded ? "to be erased" : copy.stored?.rfc3339 ?? "not confirmed"
            table.append([copy.messageID, copy.to.base58, copy.mailbox.base58, since])
        }
        return table
    }
}

extension MailboxSummary.Quota {
    fileprivate var line: String {
        "at most \(CountText.messages(messageCount)), \(ByteCountText.write(byteCount))"
    }
}
