internal import StarlingCore

/// The name of one message: 128 random bits that its sender drew.
public struct MessageID: Hashable, Sendable {
    /// The size of an id in bytes.
    package static let byteCount = 16

    // Two words, so that a table of ten thousand ids allocates nothing for each.
    private let high: UInt64
    private let low: UInt64

    /// - Precondition: there are ``byteCount`` bytes.
    package init(random bytes: [UInt8]) {
        precondition(bytes.count == Self.byteCount)
        self.init(bytes.span, at: 0)
    }

    /// The id in these bytes, or `nil` when there are not ``byteCount``.
    package init?(bytes: [UInt8]) {
        self.init(bytes: bytes.span)
    }

    /// The id in these bytes, or `nil` when there are not ``byteCount``.
    package init?(bytes: Span<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        self.init(bytes, at: 0)
    }

    /// The id in 32 hexadecimal digits, or `nil` when the text is something else.
    public init?(_ text: String) {
        guard let bytes = Hex.decode(text) else { return nil }
        self.init(bytes: bytes)
    }

    private init(_ bytes: Span<UInt8>, at offset: Int) {
        var (high, low): (UInt64, UInt64) = (0, 0)
        for index in offset..<offset + 8 { high = high << 8 | UInt64(bytes[index]) }
        for index in offset + 8..<offset + 16 { low = low << 8 | UInt64(bytes[index]) }
        (self.high, self.low) = (high, low)
    }

    /// The 16 bytes.
    package var bytes: [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: Self.byteCount) { memory, count in
            for index in 0..<8 {
                unsafe memory[index] = UInt8(truncatingIfNeeded: high >> UInt64(56 - 8 * index))
                unsafe memory[index + 8] = UInt8(truncatingIfNeeded: low >> UInt64(56 - 8 * index))
            }
            count = Self.byteCount
        }
    }
}

extension MessageID: CustomStringConvertible {
    /// The id in 32 hexadecimal digits.
    public var description: String { Hex.encode(bytes) }
}

extension MessageID: Comparable {
    /// Orders by the bytes.
    public static func < (left: MessageID, right: MessageID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}
