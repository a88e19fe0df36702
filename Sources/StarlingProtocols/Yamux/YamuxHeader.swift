/// The twelve bytes in front of every frame.
///
/// Spec: hashicorp/yamux `spec.md`, "Framing".
struct YamuxHeader: Equatable, Sendable {
    static let byteCount = 12

    enum Kind: UInt8, Sendable {
        case data = 0
        case windowUpdate = 1
        case ping = 2
        case goAway = 3
    }

    struct Flags: OptionSet, Sendable {
        let rawValue: UInt16

        static let syn = Flags(rawValue: 1)
        static let ack = Flags(rawValue: 2)
        static let fin = Flags(rawValue: 4)
        static let rst = Flags(rawValue: 8)
        static let known: Flags = [.syn, .ack, .fin, .rst]
    }

    var kind: Kind
    var flags: Flags
    var streamID: UInt32
    /// Bytes that follow a data frame; else the window's growth, the ping's value or the go-away code.
    var length: UInt32

    init(_ kind: Kind, _ flags: Flags, streamID: UInt32, length: UInt32) {
        self.kind = kind
        self.flags = flags
        self.streamID = streamID
        self.length = length
    }

    /// Reads a header.
    ///
    /// - Precondition: twelve bytes stand at `offset`.
    init(_ bytes: Span<UInt8>, at offset: Int) throws(YamuxError) {
        guard bytes[offset] == 0 else { throw .unknownVersion(bytes[offset]) }
        guard let kind = Kind(rawValue: bytes[offset + 1]) else { throw .unknownType(bytes[offset + 1]) }
        let flags = Flags(rawValue: UInt16(bytes[offset + 2]) << 8 | UInt16(bytes[offset + 3]))
        guard Flags.known.isSuperset(of: flags) else { throw .invalidFlags(flags.rawValue) }
        self.kind = kind
        self.flags = flags
        streamID = Self.number(bytes, at: offset + 4)
        length = Self.number(bytes, at: offset + 8)
    }

    /// The header as it stands on the wire.
    var wire: InlineArray<12, UInt8> {
        [
            0, kind.rawValue, UInt8(truncatingIfNeeded: flags.rawValue >> 8),
            UInt8(truncatingIfNeeded: flags.rawValue),
            UInt8(truncatingIfNeeded: streamID >> 24), UInt8(truncatingIfNeeded: streamID >> 16),
            UInt8(truncatingIfNeeded: streamID >> 8), UInt8(truncatingIfNeeded: streamID),
            UInt8(truncatingIfNeeded: length >> 24), UInt8(truncatingIfNeeded: length >> 16),
            UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length),
        ]
    }

    private static func number(_ bytes: Span<UInt8>, at offset: Int) -> UInt32 {
        UInt32(bytes[offset]) << 24 | UInt32(bytes[offset + 1]) << 16 | UInt32(bytes[offset + 2]) << 8
            | UInt32(bytes[offset + 3])
    }
}
