internal import StarlingCore

/// How full one table of a machine is, against its limit.
package struct TableFill: Equatable, Sendable {
    package var name: String
    package var count: Int
    package var countMax: Int

    package init(_ name: String, _ count: Int, of countMax: Int) {
        self.name = name
        self.count = count
        self.countMax = countMax
    }

    /// Whether the machine has broken its own rule.
    package var isOverfull: Bool { count > countMax || count < 0 }
}

extension Outbox {
    /// The tables that have a limit.
    package var tableFills: [TableFill] {
        var fills = [
            TableFill("outbox messages", count, of: limits.messageCountMax + limits.emergencyCountMax),
            TableFill("outbox history", history.count, of: limits.historyCountMax),
            TableFill("outbox lanes", lanes.count - freeLanes.count, of: limits.laneCountMax),
            TableFill("outbox envelope bytes", envelopeByteCount, of: envelopeByteCountMax(.emergency)),
        ]
        // Places that are free hold nothing.
        for peer in peers.indices {
            for priority in MessagePriority.allCases {
                // EMERGENCY borrows from LOW what it has above its own.
                let room = limits.queues.counts[priority.index]
                let borrowed = priority == .emergency ? limits.queues.counts[MessagePriority.low.index] : 0
                fills.append(
                    TableFill("outbox queue", peers[peer].queues.count(priority), of: room + borrowed)
                )
            }
        }
        return fills
    }
}

extension Inbox {
    /// The tables that have a limit.
    package var tableFills: [TableFill] {
        var fills = [
            TableFill(
                "inbox entries",
                entries.count + readingCount,
                of: limits.entryCountMax + limits.emergencyCountMax
            ),
            TableFill("inbox bytes", byteCount, of: limits.byteCountMax + limits.emergencyByteCountMax),
            TableFill("inbox held", heldCount, of: limits.heldCountMax),
            TableFill("inbox receipts", owedCount, of: limits.owedCountMax),
            TableFill("inbox series", seriesIndex.count, of: limits.seriesCountMax),
        ]
        // A place that is free says what its last sender left.
        for entry in senders {
            fills.append(
                TableFill("inbox series of a sender", entry.series.count, of: limits.senderSeriesCountMax)
            )
            fills.append(
                TableFill("inbox answers", entry.answers.count, of: limits.answerCountMax + entry.owedCount)
            )
            for index in entry.series {
                fills.append(
                    TableFill("inbox window", series[index].decisions.count, of: Int(limits.windowCount))
                )
            }
        }
        return fills
    }
}
