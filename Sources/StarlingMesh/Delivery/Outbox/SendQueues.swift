/// What is about to be sent to one peer, and what is on its way: references to messages that the outbox keeps.
///
/// EMERGENCY goes first, always. HIGH, NORMAL and LOW share the link by deficit round robin, in bytes: each gets a
/// quantum times its weight when its turn comes, and sends while that lasts.
///
/// A reference takes room from the moment it is claimed until it is released: a message that waits for its receipt
/// counts.
package struct SendQueues: Sendable {
    package struct Limits: Equatable, Sendable {
        /// References of each priority: EMERGENCY, HIGH, NORMAL, LOW.
        ///
        /// With no room left, feeding stops.
        package var counts = [10, 50, 200, 500]
        /// Turns of HIGH, NORMAL and LOW; EMERGENCY takes none.
        package var weights = [0, 4, 2, 1]
        /// Bytes for each turn and weight.
        package var quantumByteCount = 16_384

        package init() {}
    }

    private struct Node {
        var reference: Int32
        var byteCount: Int
        var previous: Int32 = -1
        var next: Int32 = -1
    }

    private struct Line {
        var first: Int32 = -1
        var last: Int32 = -1
        /// References in the line.
        var count = 0
        /// References that take room and are not in the line: being loaded, or sent and without a receipt.
        var claimed = 0
        var deficit = 0
    }

    private let limits: Limits
    private var nodes: [Node] = []
    private var free: [Int32] = []
    private var lines = [Line](repeating: Line(), count: MessagePriority.allCases.count)
    /// Places that LOW has lent to EMERGENCY.
    private var lent = 0
    private var turn = MessagePriority.high.index
    private var hasQuantum = false

    package init(limits: Limits = Limits()) { self.limits = limits }

    /// References that take room.
    package var count: Int { lines.reduce(0) { $0 + $1.count + $1.claimed } }

    /// References in line.
    package var waitingCount: Int { lines.reduce(0) { $0 + $1.count } }

    /// The priorities that have references in line.
    package var waiting: PrioritySet {
        MessagePriority.allCases.reduce(into: PrioritySet()) { set, priority in
            if lines[priority.index].count > 0 { set.insert(PrioritySet(priority)) }
        }
    }

    package func count(_ priority: MessagePriority) -> Int {
        lines[priority.index].count + lines[priority.index].claimed
    }

    /// Whether one more of a priority fits.
    package func hasRoom(_ priority: MessagePriority) -> Bool {
        let limit = limits.counts[priority.index]
        switch priority {
        case .emergency: return count(priority) < limit + lent
        case .high, .normal: return count(priority) < limit
        case .low: return count(priority) < limit - lent
        }
    }

    /// Takes room for a reference that is not in line.
    package mutating func claim(_ priority: MessagePriority) { lines[priority.index].claimed += 1 }

    /// Gives back the room of a reference that is not in line.
    package mutating func release(_ priority: MessagePriority) {
        lines[priority.index].claimed -= 1
        repay(priority)
    }

    /// Puts a reference in line.
    ///
    /// - Returns: Its place, by which ``remove(_:_:)`` finds it.
    package mutating func append(_ reference: Int32, byteCount: Int, _ priority: MessagePriority) -> Int32 {
        let place: Int32
        let node = Node(reference: reference, byteCount: byteCount, previous: lines[priority.index].last)
        if let reused = free.popLast() {
            place = reused
            nodes[Int(place)] = node
        } else {
            place = Int32(nodes.count)
            nodes.append(node)
        }
        let last = lines[priority.index].last
        if last >= 0 { nodes[Int(last)].next = place } else { lines[priority.index].first = place }
        lines[priority.index].last = place
        lines[priority.index].count += 1
        return place
    }

    /// Takes a reference out of its line, and gives back its room.
    package mutating func remove(_ place: Int32, _ priority: MessagePriority) {
        unlink(place, priority)
        repay(priority)
    }

    /// Makes room for an EMERGENCY where LOW is in line.
    ///
    /// - Returns: The LOW reference that has waited longest, which is no longer in line.
    package mutating func displaceLow() -> Int32? {
        let first = lines[MessagePriority.low.index].first
        guard first >= 0 else { return nil }
        let reference = nodes[Int(first)].reference
        unlink(first, .low)
        lent += 1
        return reference
    }

    /// The next reference to send, among the priorities that can be sent; it keeps its room until it is released.
    package mutating func next(among priorities: PrioritySet = .all) -> (reference: Int32, MessagePriority)? {
        if priorities.contains(.emergency), lines[0].count > 0 { return take(.emergency) }
        let candidates: [MessagePriority] = [.high, .normal, .low]
        guard candidates.contains(where: { priorities.contains($0) && lines[$0.index].count > 0 }) else {
            return nil
        }
        while true {
            let priority = candidates[turn - 1]
            let first = lines[turn].first
            if first < 0 { lines[turn].deficit = 0 }
            if first >= 0, priorities.contains(priority) {
                if !hasQuantum { lines[turn].deficit += limits.quantumByteCount * limits.weights[turn] }
                hasQuantum = true
                if lines[turn].deficit >= nodes[Int(first)].byteCount {
                    lines[turn].deficit -= nodes[Int(first)].byteCount
                    return take(priority)
                }
            }
            turn = turn % candidates.count + 1
            hasQuantum = false
        }
    }

    /// Forgets everything, when the link is gone.
    package mutating func removeAll() { self = SendQueues(limits: limits) }

    private mutating func take(_ priority: MessagePriority) -> (reference: Int32, MessagePriority) {
        let first = lines[priority.index].first
        let reference = nodes[Int(first)].reference
        unlink(first, priority)
        claim(priority)
        return (reference, priority)
    }

    private mutating func unlink(_ place: Int32, _ priority: MessagePriority) {
        let node = nodes[Int(place)]
        if node.previous >= 0 {
            nodes[Int(node.previous)].next = node.next
        } else {
            lines[priority.index].first = node.next
        }
        if node.next >= 0 {
            nodes[Int(node.next)].previous = node.previous
        } else {
            lines[priority.index].last = node.previous
        }
        lines[priority.index].count -= 1
        free.append(place)
    }

    /// LOW gets its places back as soon as an EMERGENCY is through.
    private mutating func repay(_ priority: MessagePriority) {
        if priority == .emergency, lent > 0 { lent -= 1 }
    }
}

/// Some of the priorities.
package struct PrioritySet: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package init(_ priority: MessagePriority) { rawValue = 1 << priority.rawValue }

    package static let all = PrioritySet(rawValue: 0b1111)

    package func contains(_ priority: MessagePriority) -> Bool { contains(PrioritySet(priority)) }
}
