/// Why bytes are not the DER that was expected.
package enum DERError: Error, Equatable, Sendable {
    /// The element ended early, or is longer than what is around it.
    case truncated
    /// Another tag than the expected one.
    case unexpectedTag(UInt8)
    /// A length in indefinite form, longer than needed, or above 2^16 - 1.
    case invalidLength
    /// An integer that is negative, empty or padded.
    case invalidInteger
    /// Bytes follow the last element.
    case trailingBytes
}

/// Walks the elements of one DER structure.
///
/// Knows only what keys, signatures and certificates need: definite lengths of at most two bytes, one-byte tags. Nothing
/// recurses, so the input's depth costs no stack.
///
/// Spec: ITU-T X.690, "Distinguished encoding rules".
package struct DERReader: Sendable {
    package static let integer: UInt8 = 0x02
    package static let bitString: UInt8 = 0x03
    package static let octetString: UInt8 = 0x04
    package static let null: UInt8 = 0x05
    package static let objectIdentifier: UInt8 = 0x06
    package static let sequence: UInt8 = 0x30

    /// Where the next element begins.
    package private(set) var offset: Int
    private let end: Int

    package init(_ range: Range<Int>) {
        offset = range.lowerBound
        end = range.upperBound
    }

    package var isAtEnd: Bool { offset == end }

    /// The tag of the next element, or `nil` at the end.
    package func peek(in bytes: Span<UInt8>) -> UInt8? {
        isAtEnd ? nil : bytes[offset]
    }

    /// Steps over one element and says where its content stands.
    ///
    /// On error the reader does not move.
    package mutating func element(_ tag: UInt8, in bytes: Span<UInt8>) throws(DERError) -> Range<Int> {
        guard end - offset >= 2 else { throw .truncated }
        guard bytes[offset] == tag else { throw .unexpectedTag(bytes[offset]) }
        var start = offset + 2
        var count = Int(bytes[offset + 1])
        if count >= 0x80 {
            let lengthByteCount = count & 0x7f
            guard lengthByteCount == 1 || lengthByteCount == 2 else { throw .invalidLength }
            guard end - start >= lengthByteCount else { throw .truncated }
            count = 0
            for index in 0..<lengthByteCount { count = count << 8 | Int(bytes[start + index]) }
            guard count >= (lengthByteCount == 1 ? 0x80 : 0x100) else { throw .invalidLength }
            start += lengthByteCount
        }
        guard count <= end - start else { throw .truncated }
        offset = start + count
        return start..<offset
    }

    /// Steps over one element and walks its content.
    package mutating func nested(_ tag: UInt8, in bytes: Span<UInt8>) throws(DERError) -> DERReader {
        DERReader(try element(tag, in: bytes))
    }

    /// Steps over a non-negative integer; its magnitude has no leading zero, unless it is zero.
    package mutating func magnitude(in bytes: Span<UInt8>) throws(DERError) -> Range<Int> {
        let before = self
        let range = try element(Self.integer, in: bytes)
        guard let first = range.first, bytes[first] < 0x80 else {
            self = before
            throw .invalidInteger
        }
        guard bytes[first] == 0, range.count > 1 else { return range }
        guard bytes[first + 1] >= 0x80 else {
            self = before
            throw .invalidInteger
        }
        return first + 1..<range.upperBound
    }

    /// Steps over a bit string whose number of bits is a multiple of eight.
    package mutating func octets(in bytes: Span<UInt8>) throws(DERError) -> Range<Int> {
        let before = self
        let range = try element(Self.bitString, in: bytes)
        guard let first = range.first, bytes[first] == 0 else {
            self = before
            throw .invalidLength
        }
        return first + 1..<range.upperBound
    }

    /// Checks that nothing is left.
    package func finish() throws(DERError) {
        guard isAtEnd else { throw .trailingBytes }
    }
}
