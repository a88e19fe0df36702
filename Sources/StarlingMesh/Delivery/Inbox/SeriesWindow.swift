/// Which numbers of one series are decided: all below the floor, and those whose bits are set above it.
package struct SeriesWindow: Equatable, Sendable {
    /// What a number is to the recipient.
    package enum Standing: Equatable, Sendable {
        /// Below the floor: the sender never sends it again.
        case settled
        /// Delivered or refused for good, or settled above the floor.
        case decided
        case open
        /// Too far above the floor.
        case beyond
    }

    /// The lowest number that the sender may still send.
    package private(set) var floor: UInt64
    /// How many numbers from the floor on are kept track of.
    package let count: UInt64
    /// Bits from ``base`` on, as many words as are needed.
    private(set) var words: [UInt64]

    /// The number of the first bit.
    private var base: UInt64 { floor & ~63 }

    package init(floor: UInt64 = 1, count: UInt64 = 4096) {
        self.floor = floor
        self.count = count
        words = []
    }

    /// A window as its row has it; `nil` when there are more words than a window has.
    init?(floor: UInt64, count: UInt64, words: [UInt64]) {
        guard floor >= 1, floor <= MessageHeader.Place.numberMax, words.count <= Int(count / 64) + 1 else {
            return nil
        }
        self.floor = floor
        self.count = count
        self.words = words
        clearBelowFloor()
    }

    package func standing(of number: UInt64) -> Standing {
        if number < floor { return .settled }
        if number >= floor + count { return .beyond }
        let bit = number - base
        let word = Int(bit >> 6)
        return word < words.count && words[word] >> (bit & 63) & 1 == 1 ? .decided : .open
    }

    /// Sets the bit of a number within the window.
    package mutating func decide(_ number: UInt64) {
        guard number >= floor, number < floor + count else { return }
        let bit = number - base
        while words.count <= Int(bit >> 6) { words.append(0) }
        words[Int(bit >> 6)] |= 1 << (bit & 63)
    }

    /// Sets the bits of those of a range's numbers that are within the window.
    package mutating func decide(_ numbers: ClosedRange<UInt64>) {
        let (first, last) = (max(numbers.lowerBound, floor), min(numbers.upperBound, floor + count - 1))
        guard first <= last else { return }
        let (start, end) = (first - base, last - base)
        while words.count <= Int(end >> 6) { words.append(0) }
        for word in Int(start >> 6)...Int(end >> 6) {
            let low = word == Int(start >> 6) ? start & 63 : 0
            let high = word == Int(end >> 6) ? end & 63 : 63
            words[word] |= ~0 << low & ~0 >> (63 - high)
        }
    }

    /// Clears the bit of a number whose decision was not written.
    package mutating func reopen(_ number: UInt64) {
        guard number >= floor, number < floor + count else { return }
        let bit = number - base
        guard Int(bit >> 6) < words.count else { return }
        words[Int(bit >> 6)] &= ~(1 << (bit & 63))
    }

    /// Raises the floor.
    ///
    /// - Returns: Whether it was lower.
    package mutating func raise(to newFloor: UInt64) -> Bool {
        guard newFloor > floor else { return false }
        let gone = (newFloor & ~63) - base
        words.removeFirst(min(words.count, Int(clamping: gone >> 6)))
        floor = newFloor
        clearBelowFloor()
        return true
    }

    /// So that equal windows have equal bits.
    private mutating func clearBelowFloor() {
        if !words.isEmpty { words[0] &= ~0 << (floor & 63) }
        while words.last == 0 { words.removeLast() }
    }
}
