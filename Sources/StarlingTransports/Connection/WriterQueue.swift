internal import StarlingCore
package import StarlingProtocols

/// The streams of a connection that wait to write, and whose turn it is.
///
/// Strict for ``StreamPriority/urgent``; below, deficit round robin over the classes by their weight, and within a class
/// in turn. A writer that is alone writes as much as the socket takes; one among others gets a
/// quantum, so that none waits for the flood of another.
///
/// Source: Shreedhar and Varghese, "Efficient Fair Queuing Using Deficit Round Robin", 1995. Deviation: a turn may be cut
/// at any byte, so nothing is saved up for a later one.
package struct WriterQueue: ~Copyable {
    /// The bytes of a turn for each unit of weight: at 10 Mbit/s, 13 ms.
    package static let quantumByteCount = 16_384

    private var queues = InlineArray<4, RingQueue<YamuxStreamID>>(repeating: RingQueue())
    /// The class that writes, among those that share.
    private var current = StreamPriority.high
    /// What that class may still write before the next one's turn, in bytes.
    private var creditByteCount = 0
    package private(set) var count = 0

    package init() {}

    package var isEmpty: Bool { count == 0 }

    /// Whether a writer of this priority would be the next.
    package func wouldBeNext(_ priority: StreamPriority) -> Bool {
        count == 0 || (priority == .urgent && queues[0].isEmpty)
    }

    /// Puts a stream at the end of its class.
    package mutating func append(_ id: YamuxStreamID, _ priority: StreamPriority) {
        queues[Int(priority.rawValue)].append(id)
        count += 1
    }

    /// The stream whose turn it is, with its class and the bytes that the turn has.
    ///
    /// Say with ``charge(_:_:)`` how many of them were used.
    package mutating func next() -> (id: YamuxStreamID, priority: StreamPriority, byteCountMax: Int)? {
        guard count > 0 else { return nil }
        let priority = nextClass()
        guard let id = queues[Int(priority.rawValue)].popFirst() else { return nil }
        count -= 1
        let quantum = Self.quantumByteCount * priority.weight
        if count == 0 { return (id, priority, .max) }
        return (id, priority, priority == .urgent ? quantum : min(quantum, creditByteCount))
    }

    /// Books what a turn used.
    package mutating func charge(_ byteCount: Int, _ priority: StreamPriority) {
        if priority == current { creditByteCount -= min(byteCount, creditByteCount) }
    }

    /// Drops the streams of which that is not so.
    package mutating func keep(_ isLive: (YamuxStreamID, StreamPriority) -> Bool) {
        for priority in StreamPriority.allCases {
            let index = Int(priority.rawValue)
            for _ in 0..<queues[index].count {
                guard let id = queues[index].popFirst() else { break }
                if isLive(id, priority) { queues[index].append(id) } else { count -= 1 }
            }
        }
    }

    package mutating func removeAll() { self = WriterQueue() }

    private mutating func nextClass() -> StreamPriority {
        if !queues[0].isEmpty { return .urgent }
        while creditByteCount == 0 || queues[Int(current.rawValue)].isEmpty {
            current =
                switch current {
                case .urgent, .low: .high
                case .high: .normal
                case .normal: .low
                }
            creditByteCount = Self.quantumByteCount * current.weight
        }
        return current
    }
}
