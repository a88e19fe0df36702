import StarlingCore

@testable import StarlingMesh

// What holds after every event.
extension MailboxRig {
    /// The nodes whose machines an event has reached.
    func touched(by event: Event) -> [Int] {
        switch event {
        case .send: [0]
        case .ask(_, let to, _, _), .answer(_, let to, _, _): [to]
        case .committed(let node, _, _), .reach(let node, _, _), .sought(let node, _), .tick(let node, _, _):
            [node]
        case .up, .down, .crash: Array(nodes.indices)
        }
    }

    mutating func check(_ event: Event, _ touched: [Int]) {
        switch event {
        // Copies are made and found again by these alone.
        case .committed, .up, .crash: checkCopies()
        case .send, .ask, .answer, .reach, .sought, .down, .tick: break
        }
        for index in touched where nodes[index].isRunning {
            let entry = nodes[index]
            let fills = entry.sender.tableFills + entry.fetcher.tableFills + entry.shelf.tableFills
            for fill in fills where fill.isOverfull { violations.append("\(steps): node \(index): \(fill)") }
        }
        for (id, positions) in nodes[1].disk.entries where positions.count > 1 {
            violations.append("\(steps): \(id) was delivered twice")
        }
    }

    /// How many mailboxes have a message on their disks: what is on its way there was counted before it was offered.
    private mutating func checkCopies() {
        var counts: [MessageID: Int] = [:]
        for node in nodes.dropFirst(2) {
            for row in node.disk.rows[MailboxTables.shelf] ?? [:] {
                guard let id = Self.id(inRow: row.value) else { continue }
                counts[id, default: 0] += 1
            }
        }
        for (id, count) in counts {
            copyCountMax = max(copyCountMax, count)
            if count > MailboxProtocol.copyCountMax {
                violations.append("\(steps): \(count) copies of \(id)")
            }
            guard nodes[0].isRunning, nodes[0].sender.copyCount(of: id) < count,
                nodes[0].outbox.message(id)?.state.isFinal == false
            else { continue }
            violations.append("\(steps): \(count) copies of \(id), more than are counted")
        }
    }

    /// The id of the message whose envelope is in a row, if it is one.
    private static func id(inRow bytes: [UInt8]) -> MessageID? {
        let row = bytes.span
        var cursor = ProtobufCursor(row)
        guard let field = try? cursor.next(in: row), field.number == 1, let envelope = try? field.range()
        else {
            return nil
        }
        var inner = ProtobufCursor(range: envelope)
        guard let header = try? inner.next(in: row)?.range() else { return nil }
        var innermost = ProtobufCursor(range: header)
        return try? innermost.next(in: row)?.messageID(in: row)
    }
}
