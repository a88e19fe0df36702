internal import StarlingCore

/// The name of one message: 128 random bits that its sender drew.
public struct MessageID: Hashable, Sendable {
    /// The size of an id in bytes.
    package static let byteCount = 16

    package let bytes: [UInt8]

    /// - Precondition: there are ``byteCount`` bytes.
    package init(random bytes: [UInt8]) {
        precondition(bytes.count == Self.byteCount)
        self.bytes = bytes
    }

    /// The id in these bytes, or `nil` when there are not ``byteCount``.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// The id in 32 hexadecimal digits, or `nil` when the text is something else.
    public init?(_ text: String) {
        guard let bytes = Hex.decode(text) else { return nil }
        self.init(bytes: bytes)
    }
}

extension MessageID: CustomStringConvertible {
    /// The id in 32 hexadecimal digits.
    public var description: String { Hex.encode(bytes) }
}
