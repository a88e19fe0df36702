/// Why a byte sequence is not a valid unsigned varint.
package enum VarintError: Error, Equatable, Sendable {
    /// The input ended inside the varint. More bytes may complete it.
    case truncated
    /// The value needs more than ``Varint/byteCountMax`` bytes.
    case tooLong
    /// The value could have been written in fewer bytes.
    case notMinimal
}

/// Unsigned LEB128 integers as multiformats restricts them.
///
/// Spec: multiformats/unsigned-varint, "Practical maximum": at most 9 bytes, minimal encoding only.
package enum Varint {
    /// The longest encoding, which holds 63 bits.
    package static let byteCountMax = 9

    /// The largest value that ``byteCountMax`` bytes hold.
    package static let valueMax = UInt64.max >> 1

    /// Reads one varint at `offset` and moves `offset` past it.
    ///
    /// On error `offset` is unchanged, so a caller that holds a partial frame can try again when more
    /// bytes have arrived.
    package static func read(_ bytes: Span<UInt8>, at offset: inout Int) throws(VarintError) -> UInt64 {
        precondition(offset >= 0 && offset <= bytes.count)
        var value: UInt64 = 0
        for index in 0..<byteCountMax {
            let position = offset + index
            guard position < bytes.count else { throw .truncated }
            let byte = bytes[position]
            value |= UInt64(byte & 0x7f) << UInt64(7 * index)
            if byte & 0x80 == 0 {
                guard index == 0 || byte != 0 else { throw .notMinimal }
                offset = position + 1
                return value
            }
        }
        throw .tooLong
    }

    /// Appends the minimal encoding of `value`.
    ///
    /// - Precondition: `value` is at most ``valueMax``.
    package static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        precondition(value <= valueMax)
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// The number of bytes that ``append(_:to:)`` writes for `value`.
    package static func byteCount(of value: UInt64) -> Int {
        value == 0 ? 1 : (64 - value.leadingZeroBitCount + 6) / 7
    }
}
