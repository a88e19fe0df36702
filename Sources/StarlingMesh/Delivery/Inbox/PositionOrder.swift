/// Positions in their order, of which any may be removed.
///
/// Adding at the end and removing cost O(log n) on average; removed ones are swept out when they are the greater part.
struct PositionOrder: Sendable {
    private var positions: [UInt64] = []
    private var isThere: [Bool] = []
    private(set) var count = 0

    /// Adds a position above all others.
    mutating func append(_ position: UInt64) {
        positions.append(position)
        isThere.append(true)
        count += 1
    }

    mutating func remove(_ position: UInt64) {
        let index = firstIndex(atLeast: position)
        guard index < positions.count, positions[index] == position, isThere[index] else { return }
        isThere[index] = false
        count -= 1
        if positions.count > 64, positions.count > 2 * count { sweep() }
    }

    /// Up to so many positions above one, the lowest first.
    func positions(after position: UInt64, countMax: Int) -> [UInt64] {
        var found: [UInt64] = []
        guard countMax > 0, position < .max else { return [] }
        var index = firstIndex(atLeast: position + 1)
        while index < positions.count, found.count < countMax {
            if isThere[index] { found.append(positions[index]) }
            index += 1
        }
        return found
    }

    private func firstIndex(atLeast position: UInt64) -> Int {
        var (low, high) = (0, positions.count)
        while low < high {
            let middle = (low + high) / 2
            if positions[middle] < position { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func sweep() {
        var kept: [UInt64] = []
        kept.reserveCapacity(2 * count)
        for index in positions.indices where isThere[index] { kept.append(positions[index]) }
        positions = kept
        isThere = [Bool](repeating: true, count: kept.count)
    }
}
