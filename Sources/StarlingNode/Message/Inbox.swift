package import StarlingCore
package import StarlingMesh

/// A message that has arrived.
package struct InboxEntry: Sendable, Equatable {
    /// Counts up from 1 in the order of arrival; what ``Inbox/entries(after:countMax:)`` goes by.
    package var number: UInt64
    package var id: MessageID
    package var type: String
    package var from: PeerID
    package var created: WallTime
    package var received: WallTime
    package var payload: [UInt8]
}

/// The messages that have arrived, in memory and bounded, each id once.
package struct Inbox: Sendable {
    package struct Limits: Sendable {
        /// Messages kept until they are taken; more are refused, which their senders are told.
        package var entryCountMax = 10_000
        /// Payload bytes kept, likewise.
        package var payloadByteCountMax = 67_108_864
        /// Ids remembered to tell a repeated message; the oldest is forgotten beyond it.
        package var seenIDCountMax = 65_536

        package init() {}
    }

    /// What became of a message that was offered.
    package enum Outcome: Equatable, Sendable {
        case added(InboxEntry)
        /// It had arrived before.
        case repeated
        case full
    }

    /// Senders draw their ids each for itself: one could take another's, so the sender belongs to it.
    private struct SeenID: Hashable {
        var from: PeerID
        var id: MessageID
    }

    private let limits: Limits
    private var entries = RingQueue<InboxEntry>()
    private var seen: Set<SeenID> = []
    private var seenInOrder = RingQueue<SeenID>()
    private var payloadByteCount = 0
    private var lastNumber: UInt64 = 0

    package init(limits: Limits = Limits()) { self.limits = limits }

    package var count: Int { entries.count }

    package mutating func add(
        _ header: MessageHeader,
        _ content: MessageContent,
        received: WallTime
    ) -> Outcome {
        let seenID = SeenID(from: header.from, id: header.id)
        guard !seen.contains(seenID) else { return .repeated }
        guard !isFull(for: content.payload.count) else { return .full }
        remember(seenID)
        lastNumber += 1
        let entry = InboxEntry(
            number: lastNumber,
            id: header.id,
            type: content.type.name,
            from: header.from,
            created: header.created,
            received: received,
            payload: content.payload
        )
        entries.append(entry)
        payloadByteCount += entry.payload.count
        return .added(entry)
    }

    /// Messages that arrived after the one with this number, the oldest first.
    ///
    /// They stay until they are taken.
    package func entries(after number: UInt64, countMax: Int) -> [InboxEntry] {
        guard let first = entries.first, countMax > 0 else { return [] }
        // Numbers are consecutive, so the place is known without a search.
        let start = number < first.number ? 0 : Int(clamping: number - first.number + 1)
        guard start < entries.count else { return [] }
        return (start..<start + min(countMax, entries.count - start)).map { entries[$0] }
    }

    /// Forgets the messages up to and including this number, which their reader has acknowledged.
    ///
    /// - Returns: How many those were.
    package mutating func take(through number: UInt64) -> Int {
        var count = 0
        while let first = entries.first, first.number <= number {
            payloadByteCount -= first.payload.count
            _ = entries.popFirst()
            count += 1
        }
        return count
    }

    private func isFull(for byteCount: Int) -> Bool {
        entries.count >= limits.entryCountMax || payloadByteCount + byteCount > limits.payloadByteCountMax
    }

    private mutating func remember(_ id: SeenID) {
        seen.insert(id)
        seenInOrder.append(id)
        if seenInOrder.count > limits.seenIDCountMax, let oldest = seenInOrder.popFirst() {
            seen.remove(oldest)
        }
    }
}
