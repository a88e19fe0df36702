internal import StarlingCore

/// Bytes that anyone can compute and that do not repeat: what an echo is checked against.
///
/// Each eight bytes are the mixed number of their position, so that a lost, repeated or misplaced block shows.
struct BytePattern: Sendable {
    private(set) var position = 0

    /// The next `count` bytes.
    mutating func next(_ count: Int) -> [UInt8] {
        let (start, end) = (position, position + count)
        position = end
        return [UInt8](unsafeUninitializedCapacity: count) { bytes, initializedCount in
            for index in start..<end { bytes[index - start] = Self.byte(index) }
            initializedCount = count
        }
    }

    /// Checks that `bytes` come next.
    mutating func check(_ bytes: Span<UInt8>) throws(PeerFailure) {
        for index in bytes.indices where bytes[index] != Self.byte(position + index) {
            throw PeerFailure("the byte at \(position + index) came back changed")
        }
        position += bytes.count
    }

    private static func byte(_ position: Int) -> UInt8 {
        // The finalizer of SplitMix64: every bit of the position changes half of the word's.
        var word = UInt64(truncatingIfNeeded: position >> 3) &* 0x9E37_79B9_7F4A_7C15
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        word ^= word >> 31
        return UInt8(truncatingIfNeeded: word >> UInt64(8 * (position & 7)))
    }
}
