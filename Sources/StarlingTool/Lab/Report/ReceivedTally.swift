/// What a recipient's inbox has held, by message: the lab's only evidence that something arrived.
package struct ReceivedTally: Equatable, Sendable {
    private struct Entry: Equatable {
        var position: Int64
        var isTaken: Bool
        var doubleCount: Int
    }

    private var entries: [String: Entry] = [:]

    package init() {}

    /// The inbox showed this message at this place.
    ///
    /// A place that it was seen at before is the same entry, handed out again, unless that had been taken.
    ///
    /// Returns whether the message is seen for the first time.
    @discardableResult
    package mutating func saw(_ messageID: String, at position: Int64) -> Bool {
        guard var entry = entries[messageID] else {
            entries[messageID] = Entry(position: position, isTaken: false, doubleCount: 0)
            return true
        }
        guard entry.position != position || entry.isTaken else { return false }
        entry.doubleCount += 1
        entry.position = position
        entry.isTaken = false
        entries[messageID] = entry
        return false
    }

    /// The node confirmed that these entries are taken.
    package mutating func took(_ messageIDs: some Sequence<String>) {
        for messageID in messageIDs { entries[messageID]?.isTaken = true }
    }

    package func holds(_ messageID: String) -> Bool { entries[messageID] != nil }

    package func count(of messageIDs: some Sequence<String>) -> Int {
        messageIDs.reduce(0) { $0 + (holds($1) ? 1 : 0) }
    }

    /// How often any message came once more than it should.
    package var doubleCount: Int { entries.values.reduce(0) { $0 + $1.doubleCount } }
}
