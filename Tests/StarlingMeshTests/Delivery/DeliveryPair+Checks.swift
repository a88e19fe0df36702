import StarlingCore
import StarlingCrypto
import StarlingMesh

// What has to be so after every step, and at the end.
extension DeliveryPair {
    mutating func check() {
        for (index, node) in nodes.enumerated() {
            for (id, positions) in node.disk.entries where positions.count > 1 {
                violations.append("\(id) is in the inbox of \(index) as \(positions.sorted())")
            }
            guard node.isRunning else { continue }
            // Taken out once: each access through the node copies them in a debug build.
            let (outbox, inbox) = (node.outbox, node.inbox)
            if outbox.count > outboxLimits.messageCountMax + outboxLimits.emergencyCountMax
                || outbox.byteCount > outboxLimits.byteCountMax + outboxLimits.emergencyByteCountMax
                    + 2000
            {
                violations.append(
                    "the outbox of \(index) holds \(outbox.count), \(outbox.byteCount) bytes"
                )
            }
            if inbox.count > inboxLimits.entryCountMax + inboxLimits.emergencyCountMax
                || inbox.byteCount > inboxLimits.byteCountMax + inboxLimits.emergencyByteCountMax + 2000
                || inbox.owedCount > inboxLimits.owedCountMax
            {
                violations.append(
                    "the inbox of \(index) holds \(inbox.count), owes \(inbox.owedCount)"
                )
            }
            for id in node.accepted where outbox.message(id) == nil {
                violations.append("\(id), accepted by \(index), is in no state")
            }
        }
        if violations.count > 20 { queue = [] }
    }

    mutating func checkEnd() {
        for (index, node) in nodes.enumerated() {
            for id in node.accepted {
                guard let message = node.outbox.message(id), message.state.isFinal else {
                    violations.append(
                        "\(id), accepted by \(index), has no end: \(String(describing: node.outbox.message(id)))"
                    )
                    continue
                }
                if let told = node.ended[id], told != message.state {
                    violations.append("\(id) ended as \(told), and stands as \(message.state)")
                }
                let recipient = nodes.first { $0.key.peerID == message.to }
                let hasArrived = recipient?.disk.entries[id] != nil
                if message.state == .delivered, !hasArrived {
                    violations.append("\(id) is delivered and never arrived")
                }
                if case .refused = message.state, hasArrived {
                    violations.append("\(id) is refused and arrived")
                }
            }
            if node.outbox.count != 0 || node.outbox.byteCount != 0 {
                violations.append(
                    "the outbox of \(index) keeps \(node.outbox.count), \(node.outbox.byteCount) bytes"
                )
            }
            if node.inbox.owedCount != 0 {
                violations.append("\(index) still owes \(node.inbox.owedCount) receipts")
            }
            if node.inbox.count != 0 { violations.append("the inbox of \(index) keeps \(node.inbox.count)") }
            if node.inbox.byteCount != 0 {
                violations.append("the inbox of \(index) counts \(node.inbox.byteCount) bytes")
            }
            if !node.inbox.heldMessages.isEmpty {
                violations.append("\(index) still waits for \(node.inbox.heldMessages.count) files")
            }
            for table in [
                DeliveryTables.inbox, DeliveryTables.held, DeliveryTables.attempts, DeliveryTables.owed,
            ]
            where !node.disk.rows(of: table).isEmpty {
                violations.append("\(index) keeps \(node.disk.rows(of: table).count) rows of \(table.name)")
            }
        }
    }

    /// What the whole run came to.
    var tally: (accepted: Int, delivered: Int, expired: Int, refused: Int) {
        var tally = (0, 0, 0, 0)
        for node in nodes {
            tally.0 += node.accepted.count
            for id in node.accepted {
                switch node.outbox.message(id)?.state {
                case .delivered: tally.1 += 1
                case .expired: tally.2 += 1
                case .refused: tally.3 += 1
                default: break
                }
            }
        }
        return tally
    }
}
