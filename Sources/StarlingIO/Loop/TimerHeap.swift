internal import StarlingCore

/// A timer as the heap keeps it.
///
/// Its handle is ``UVTimer``.
final class TimerEntry {
    /// When to fire; `nil` while disarmed.
    var deadline: Instant?
    /// Which of several timers of one deadline was armed first.
    var order: UInt64 = 0
    /// Gone once the handle is.
    var fire: (@Sendable () -> Void)?

    /// The deadline that the heap sorts by, never later than ``deadline``: arming later costs no move.
    fileprivate(set) var queuedDeadline = Instant(nanosecondsSinceOrigin: 0)
    fileprivate var queuedOrder: UInt64 = 0
    /// The position in the heap, -1 outside.
    fileprivate(set) var position = -1

    init(fire: @escaping @Sendable () -> Void) { self.fire = fire }

    var isQueued: Bool { position >= 0 }

    fileprivate func isBefore(_ other: TimerEntry) -> Bool {
        queuedDeadline == other.queuedDeadline
            ? queuedOrder < other.queuedOrder : queuedDeadline < other.queuedDeadline
    }
}

/// A loop's timers, earliest first.
///
/// Each entry knows its position, so none is ever in it twice.
struct TimerHeap: ~Copyable {
    private var entries: [TimerEntry] = []
    private var armCount: UInt64 = 0

    var count: Int { entries.count }
    var first: TimerEntry? { entries.first }

    /// Sets the deadline.
    ///
    /// Returns whether this entry is now the first and earlier than before.
    mutating func arm(_ entry: TimerEntry, at deadline: Instant) -> Bool {
        armCount &+= 1
        entry.deadline = deadline
        entry.order = armCount
        if entry.isQueued && entry.queuedDeadline <= deadline { return false }
        queue(entry)
        return entry.position == 0
    }

    /// Puts an entry where its deadline belongs.
    ///
    /// It needs one.
    mutating func queue(_ entry: TimerEntry) {
        guard let deadline = entry.deadline else { return }
        entry.queuedDeadline = deadline
        entry.queuedOrder = entry.order
        if entry.isQueued {
            moveUp(entry.position)
            moveDown(entry.position)
        } else {
            entry.position = entries.count
            entries.append(entry)
            moveUp(entry.position)
        }
    }

    mutating func remove(_ entry: TimerEntry) {
        guard entry.isQueued else { return }
        let position = entry.position
        let last = entries.removeLast()
        entry.position = -1
        guard last !== entry else { return }
        entries[position] = last
        last.position = position
        moveUp(position)
        moveDown(last.position)
    }

    mutating func removeAll() {
        for entry in entries { entry.position = -1 }
        entries = []
    }

    private mutating func moveUp(_ start: Int) {
        var position = start
        while position > 0 {
            let parent = (position - 1) / 2
            guard entries[position].isBefore(entries[parent]) else { return }
            exchange(position, parent)
            position = parent
        }
    }

    private mutating func moveDown(_ start: Int) {
        var position = start
        while true {
            var least = position
            for child in position * 2 + 1...position * 2 + 2
            where child < entries.count && entries[child].isBefore(entries[least]) {
                least = child
            }
            guard least != position else { return }
            exchange(position, least)
            position = least
        }
    }

    private mutating func exchange(_ left: Int, _ right: Int) {
        entries.swapAt(left, right)
        entries[left].position = left
        entries[right].position = right
    }
}
