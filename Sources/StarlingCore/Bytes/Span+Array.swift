extension Span where Element == UInt8 {
    /// A copy of the bytes in `range`.
    package func array(_ range: Range<Int>) -> [UInt8] {
        unsafe extracting(range).withUnsafeBufferPointer { unsafe Array($0) }
    }

    /// A copy of all bytes.
    package func array() -> [UInt8] {
        array(0..<count)
    }

    /// Appends all bytes to an array.
    package func append(to array: inout [UInt8]) {
        unsafe withUnsafeBufferPointer { unsafe array.append(contentsOf: $0) }
    }

    /// Whether both spans hold the same bytes.
    ///
    /// Not for secrets: the time it takes tells where they differ.
    package func isEqual(to other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in indices where self[index] != other[index] { return false }
        return true
    }
}
