/// Some of a blob's chunks, by their numbers, a bit for each.
package struct ChunkSet: Equatable, Sendable {
    /// How many chunks the blob has; numbers go up to one less.
    package let chunkCount: Int
    /// How many of them are in the set.
    package private(set) var count = 0

    private var words: [UInt64]

    /// A set without a chunk.
    ///
    /// - Precondition: `chunkCount` is not negative.
    package init(of chunkCount: Int) {
        precondition(chunkCount >= 0)
        self.chunkCount = chunkCount
        words = Array(repeating: 0, count: (chunkCount + 63) / 64)
    }

    package var isEmpty: Bool { count == 0 }
    /// Whether all chunks are in the set.
    package var isComplete: Bool { count == chunkCount }

    package func contains(_ index: Int) -> Bool {
        guard index >= 0, index < chunkCount else { return false }
        return words[index / 64] >> UInt64(index % 64) & 1 == 1
    }

    /// Adds a chunk, and says whether it was not there.
    ///
    /// - Precondition: the blob has a chunk of that number.
    @discardableResult
    package mutating func insert(_ index: Int) -> Bool {
        precondition(index >= 0 && index < chunkCount)
        guard !contains(index) else { return false }
        words[index / 64] |= 1 << UInt64(index % 64)
        count += 1
        return true
    }

    /// Takes a chunk out, and says whether it was there.
    @discardableResult
    package mutating func remove(_ index: Int) -> Bool {
        guard contains(index) else { return false }
        words[index / 64] &= ~(1 << UInt64(index % 64))
        count -= 1
        return true
    }

    /// Adds all chunks of another set of the same blob.
    package mutating func formUnion(_ other: ChunkSet) {
        precondition(other.chunkCount == chunkCount)
        for index in words.indices { words[index] |= other.words[index] }
        count = words.reduce(0) { $0 + $1.nonzeroBitCount }
    }

    /// Takes all chunks of another set of the same blob out.
    package mutating func subtract(_ other: ChunkSet) {
        precondition(other.chunkCount == chunkCount)
        for index in words.indices { words[index] &= ~other.words[index] }
        count = words.reduce(0) { $0 + $1.nonzeroBitCount }
    }

    /// The first chunk at or behind `start` that is in the set, or is not; `nil` when there is none.
    package func first(from start: Int, isPresent: Bool) -> Int? {
        var index = max(0, start)
        while index < chunkCount {
            let word = isPresent ? words[index / 64] : ~words[index / 64]
            let rest = word >> UInt64(index % 64)
            if rest != 0 {
                let found = index + rest.trailingZeroBitCount
                return found < chunkCount ? found : nil
            }
            index = (index / 64 + 1) * 64
        }
        return nil
    }

    /// The first run of chunks at or behind `start` that are not in the set, at most `countMax` of them.
    package func gap(from start: Int, countMax: Int) -> Range<Int>? {
        guard countMax > 0, let first = first(from: start, isPresent: false) else { return nil }
        let end = self.first(from: first, isPresent: true) ?? chunkCount
        return first..<min(end, first + countMax)
    }

    /// The runs of chunks that are in the set, in order.
    package var ranges: [Range<Int>] {
        var found: [Range<Int>] = []
        var start = 0
        while let first = first(from: start, isPresent: true) {
            let end = self.first(from: first, isPresent: false) ?? chunkCount
            found.append(first..<end)
            start = end
        }
        return found
    }
}
