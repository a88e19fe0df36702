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
        var offset = 0
        // Safe: eight bytes at a time, of any bits, within both spans.
        let (words, otherWords) = unsafe (bytes, other.bytes)
        while offset + 8 <= count {
            let word = unsafe words.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let otherWord = unsafe otherWords.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
            guard word == otherWord else { return false }
            offset += 8
        }
        while offset < count {
            guard self[offset] == other[offset] else { return false }
            offset += 1
        }
        return true
    }
}
