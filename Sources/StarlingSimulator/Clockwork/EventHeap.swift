/// Something that happens at a virtual time: a timer, the head of a pipe's queue, a fault.
///
/// A source may stand in the heap several times; it tells entries that it no longer means from the one it
/// does by the sequence number, so that nothing is ever searched for and removed.
package class EventSource {
    /// Called when an entry of this source is due.
    func fire(_ sequence: UInt64) {}

    /// Until when the process that it is for has no processor, in nanoseconds: what is due before waits until then.
    var stalledUntil: Int64 { 0 }
}

/// The events to come, earliest first; of equal times the one scheduled first.
///
/// A heap with four children per node over plain words: no reference counting while entries move.
struct EventHeap: ~Copyable {
    struct Entry {
        var time: Int64
        var sequence: UInt64
        var source: Unmanaged<EventSource>

        func isBefore(_ other: Entry) -> Bool {
            time != other.time ? time < other.time : sequence < other.sequence
        }
    }

    private var entries: [Entry] = []

    var count: Int { entries.count }
    var nextTime: Int64? { entries.isEmpty ? nil : entries[0].time }

    /// Adds an entry, which keeps its source alive.
    mutating func push(time: Int64, sequence: UInt64, source: EventSource) {
        let entry = Entry(time: time, sequence: sequence, source: .passRetained(source))
        var hole = entries.count
        entries.append(entry)
        while hole > 0 {
            let parent = (hole - 1) >> 2
            guard entry.isBefore(entries[parent]) else { break }
            entries[hole] = entries[parent]
            hole = parent
        }
        entries[hole] = entry
    }

    /// Takes the earliest entry.
    mutating func pop() -> (time: Int64, sequence: UInt64, source: EventSource)? {
        guard let first = entries.first, let last = entries.popLast() else { return nil }
        if !entries.isEmpty { sink(last) }
        return (first.time, first.sequence, first.source.takeRetainedValue())
    }

    /// Drops all entries.
    mutating func removeAll() {
        let dropped = entries
        entries = []
        for entry in dropped { entry.source.release() }
    }

    deinit {
        for entry in entries { entry.source.release() }
    }

    /// Puts `entry` where it belongs, beginning at the empty root.
    private mutating func sink(_ entry: Entry) {
        var hole = 0
        let count = entries.count
        while true {
            let firstChild = hole << 2 + 1
            guard firstChild < count else { break }
            var least = firstChild
            let lastChild = min(firstChild + 3, count - 1)
            if firstChild < lastChild {
                for child in (firstChild + 1)...lastChild where entries[child].isBefore(entries[least]) {
                    least = child
                }
            }
            guard entries[least].isBefore(entry) else { break }
            entries[hole] = entries[least]
            hole = least
        }
        entries[hole] = entry
    }
}
