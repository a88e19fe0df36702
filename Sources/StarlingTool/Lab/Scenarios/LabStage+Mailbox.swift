internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingNode
internal import StarlingWorld

extension LabStage {
    private static let mailCount = 100
    private static let mailLook: Duration = .milliseconds(100)

    /// A sender and a recipient that are never up at the same time, and two mailboxes of the recipient's between them.
    ///
    /// The mailboxes are killed with `kill -9` while they keep the messages, and one stays away until the recipient has all of
    /// them from the other. In the end the sender has all receipts, and nobody keeps a copy.
    func mailbox() async throws -> LabResult {
        let (sender, mailboxes, recipient) = (0, [1, 2], 3)
        let words: ([LabNode]) -> [[String]] = { nodes in
            var words = nodes.map { _ in [String]() }
            for mailbox in mailboxes {
                words[mailbox] = ["--keeps-mail-for", nodes[recipient].peerID.base58]
                words[recipient] += ["--mailbox", "\(nodes[mailbox].address)"]
            }
            return words
        }
        return try await forced(.mailbox, .twoWays(relayCount: 1), words: words) { stage in
            var result = LabResult(LabScenarioName.mailbox.rawValue)
            let nodes = stage.nodes
            await nodes[recipient].stop()
            let startedAt = stage.loop.now
            var ids: [String] = []
            for number in 0..<Self.mailCount {
                let payload = stage.payload("mail \(number)")
                ids.append(
                    try await nodes[sender].send(payload, to: nodes[recipient].peerID, wait: .zero).messageID
                )
            }
            for mailbox in mailboxes {
                result.shortcomings += try await stage.awaiting("node \(mailbox) keeps every message") {
                    try await stage.keptEnvelopeCount(mailbox, for: recipient) == Self.mailCount
                }
            }
            let storedAt = stage.loop.now
            for state in try await stage.states(ids, at: sender) where state != .stored {
                result.shortcomings.append(
                    "the sender calls a message \(state.rawValue) that two mailboxes keep"
                )
                break
            }
            for node in [sender] + mailboxes { await nodes[node].kill() }
            try await stage.fleet.restart(nodes[mailboxes[0]])
            try await stage.fleet.restart(nodes[recipient])
            try await stage.settle([recipient: ids], into: &result)
            let receivedCount = result.deliveredCount
            // The other mailbox and the sender come up again: what they keep is of no more use.
            try await stage.fleet.restart(nodes[mailboxes[1]])
            try await stage.fleet.restart(nodes[sender])
            result.shortcomings += try await stage.awaiting("the sender has every receipt") {
                try await stage.states(ids, at: sender).allSatisfy { $0 == .delivered }
            }
            for mailbox in mailboxes {
                result.shortcomings += try await stage.awaiting("node \(mailbox) keeps nothing") {
                    try await stage.summary(mailbox).kept.count == 0
                }
            }
            try await nodes[recipient].drain()
            if let missing = try await stage.awaitRoutes() { result.shortcomings.append(missing) }
            let stored = startedAt.duration(to: storedAt).inSeconds
            result.figures = [LabFigure("stored_s", stored)]
            result.notes = [
                "\(receivedCount) of \(ids.count) messages reached the recipient while their sender was down; two mailboxes had "
                    + "them \(DecimalText.write(stored, fractionDigits: 1)) s after the first one was sent"
            ]
            return result
        }
    }

    private func summary(_ node: Int) async throws(LabCallError) -> MailboxSummary {
        try await nodes[node].client.get("/v1/mailbox", MailboxSummary.self)
    }

    /// How much a mailbox keeps for a node.
    private func keptEnvelopeCount(_ mailbox: Int, for recipient: Int) async throws(LabCallError) -> Int {
        let holdings = try await summary(mailbox).holdings
        return holdings.filter { $0.recipient == nodes[recipient].peerID }.reduce(0) { $0 + $1.messageCount }
    }

    private func states(_ ids: [String], at node: Int) async throws(LabCallError) -> [MessageStatus.State] {
        var states: [MessageStatus.State] = []
        for id in ids {
            states.append(try await nodes[node].client.get("/v1/messages/\(id)", MessageStatus.self).state)
        }
        return states
    }

    /// Waits until something holds; what does not hold when patience ends, else nothing.
    private func awaiting(_ what: String, _ holds: () async throws -> Bool) async throws -> [String] {
        let deadline = loop.now + settings.patience
        progress.show("waiting until \(what)")
        while try await !holds() {
            if loop.now >= deadline { return ["it never was so that \(what)"] }
            try await loop.sleep(for: Self.mailLook)
        }
        return []
    }
}
