internal import StarlingCore

/// Deadlines of things that have a small number each, the earliest first.
///
/// Setting, moving and removing cost O(log n); nothing that was removed stays behind.
struct DeadlineHeap: Sendable {
    private struct Entry {
        var deadline: Instant
        var key: Int32
    }

    private var entries: [Entry] = []
    /// Where each key stands in the heap; -1 outside.
    private var places: [Int32] = []

    var count: Int { entries.count }

    /// The earliest deadline.
    var first: Instant? { entries.first?.deadline }

    func contains(_ key: Int) -> Bool { key < places.count && places[key] >= 0 }

    /// Sets the one deadline of a key.
    mutating func set(_ key: Int, to deadline: Instant) {
        while places.count <= key { places.append(-1) }
        let place = Int(places[key])
        if place >= 0 {
            entries[place].deadline = deadline
            moveUp(place)
            moveDown(Int(places[key]))
        } else {
            places[key] = Int32(entries.count)
            entries.append(Entry(deadline: deadline, key: Int32(key)))
            moveUp(entries.count - 1)
        }
    }

    mutating func remove(_ key: Int) {
        guard contains(key) else { return }
        let place = Int(places[key])
        places[key] = -1
        let last = entries.removeLast()
        guard place < entries.count else { return }
        entries[place] = last
        places[Int(last.key)] = Int32(place)
        moveUp(place)
        moveDown(Int(places[Int(last.key)]))
    }

    /// Removes the earliest key whose deadline has come, and returns it.
    mutating func popFirst(through now: Instant) -> Int? {
        guard let first = entries.first, first.deadline <= now else { return nil }
        remove(Int(first.key))
        return Int(first.key)
    }

    /// Moves all deadlines before a moment to it.
    mutating func putOff(until moment: Instant) {
        let early = entries.filter { $0.deadline < moment }.map { Int($0.key) }
        for key in early { set(key, to: moment) }
    }

    private mutating func moveUp(_ start: Int) {
        var place = start
        while place > 0 {
            let parent = (place - 1) / 2
            guard isBefore(place, parent) else { return }
            swap(place, parent)
            place = parent
        }
    }

    private mutating func moveDown(_ start: Int) {
        var place = start
        while true {
            var least = place
            let left = 2 * place + 1
            if left < entries.count, isBefore(left, least) { least = left }
            if left + 1 < entries.count, isBefore(left + 1, least) { least = left + 1 }
            guard least != place else { return }
            swap(place, least)
            place = least
        }
    }

    private func isBefore(_ left: Int, _ right: Int) -> Bool {
        // Equal deadlines go by their keys, so that the order is the same in every run.
        entries[left].deadline == entries[right].deadline
            ? entries[left].key < entries[right].key : entries[left].deadline < entries[right].deadline
    }

    private mutating func swap(_ left: Int, _ right: Int) {
        entries.swapAt(left, right)
        places[Int(entries[left].key)] = Int32(left)
        places[Int(entries[right].key)] = Int32(right)
    }
}
