/// Why bytes are not a protobuf message, or not the one that was expected.
package enum ProtobufError: Error, Equatable, Sendable {
    /// The message ended inside a field.
    case truncated
    /// A varint is longer than ten bytes or overflows 64 bits.
    case varintTooLong
    /// A field number is 0 or above 2^29 - 1.
    case invalidFieldNumber
    /// A wire type that this format does not have: groups (3 and 4), 6 or 7.
    case unsupportedWireType(UInt8)
    /// A known field has another wire type than its definition says.
    case wrongWireType(fieldNumber: Int)
    /// A length-delimited field is longer than the message around it.
    case lengthOutOfBounds
    /// A string field is not UTF-8.
    case invalidUTF8(fieldNumber: Int)
    /// A field that must be there is missing.
    case missingField(fieldNumber: Int)
    /// A field has a value that its definition does not allow.
    case invalidValue(fieldNumber: Int)
    /// A repeated field has more entries than the caller's limit.
    case tooManyEntries(fieldNumber: Int)
}

/// The value of one field, as the wire format has it.
package enum ProtobufValue: Equatable, Sendable {
    case varint(UInt64)
    case fixed64(UInt64)
    /// A length-delimited value: where its bytes stand in the span that was parsed.
    case bytes(Range<Int>)
    case fixed32(UInt32)
}

/// One field of a message.
package struct ProtobufField: Equatable, Sendable {
    package var number: Int
    package var value: ProtobufValue

    package init(number: Int, value: ProtobufValue) {
        self.number = number
        self.value = value
    }

    /// The value of a `uint32`, `uint64`, `bool` or enum field.
    package func varint() throws(ProtobufError) -> UInt64 {
        guard case .varint(let value) = value else { throw .wrongWireType(fieldNumber: number) }
        return value
    }

    /// Where the bytes of a `bytes`, `string` or message field stand.
    package func range() throws(ProtobufError) -> Range<Int> {
        guard case .bytes(let range) = value else { throw .wrongWireType(fieldNumber: number) }
        return range
    }

    /// A copy of a `bytes` field.
    package func bytes(in message: Span<UInt8>) throws(ProtobufError) -> [UInt8] {
        message.array(try range())
    }

    /// The text of a `string` field.
    package func string(in message: Span<UInt8>) throws(ProtobufError) -> String {
        guard let text = String(validating: message.array(try range()), as: UTF8.self) else {
            throw .invalidUTF8(fieldNumber: number)
        }
        return text
    }
}

/// Walks the fields of one message, in order.
///
///     var cursor = ProtobufCursor(bytes)
///     while let field = try cursor.next(in: bytes) {
///         switch field.number { case 1: … default: break }
///     }
///
/// Unknown fields are the caller's to skip. Nested messages are walked with
/// ``init(range:)`` over the same span.
///
/// Spec: protobuf.dev "Encoding". Deviation: groups are refused, no format in use here has them.
package struct ProtobufCursor: Sendable {
    private var offset: Int
    private let end: Int

    /// A cursor over the whole span.
    package init(_ message: borrowing Span<UInt8>) {
        offset = 0
        end = message.count
    }

    /// A cursor over a nested message.
    package init(range: Range<Int>) {
        offset = range.lowerBound
        end = range.upperBound
    }

    /// The next field, or `nil` at the end of the message.
    ///
    /// On error the cursor stays where it was.
    package mutating func next(in message: Span<UInt8>) throws(ProtobufError) -> ProtobufField? {
        let start = offset
        do throws(ProtobufError) {
            return try readField(in: message)
        } catch {
            offset = start
            throw error
        }
    }

    private mutating func readField(in message: Span<UInt8>) throws(ProtobufError) -> ProtobufField? {
        guard offset < end else { return nil }
        let key = try varint(in: message)
        let number = key >> 3
        guard number > 0, number < 1 << 29 else { throw .invalidFieldNumber }
        let value: ProtobufValue
        switch UInt8(key & 7) {
        case 0: value = .varint(try varint(in: message))
        case 1: value = .fixed64(try fixed(byteCount: 8, in: message))
        case 2:
            let count = try varint(in: message)
            guard count <= UInt64(end - offset) else { throw .lengthOutOfBounds }
            value = .bytes(offset..<offset + Int(count))
            offset += Int(count)
        case 5: value = .fixed32(UInt32(truncatingIfNeeded: try fixed(byteCount: 4, in: message)))
        case let type: throw .unsupportedWireType(type)
        }
        return ProtobufField(number: Int(number), value: value)
    }

    private mutating func varint(in message: Span<UInt8>) throws(ProtobufError) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<10 {
            guard offset < end else { throw .truncated }
            let byte = message[offset]
            offset += 1
            if index == 9 && byte > 1 { throw .varintTooLong }
            value |= UInt64(byte & 0x7f) << UInt64(7 * index)
            if byte & 0x80 == 0 { return value }
        }
        throw .varintTooLong
    }

    private mutating func fixed(byteCount: Int, in message: Span<UInt8>) throws(ProtobufError) -> UInt64 {
        guard end - offset >= byteCount else { throw .truncated }
        var value: UInt64 = 0
        for index in 0..<byteCount { value |= UInt64(message[offset + index]) << UInt64(8 * index) }
        offset += byteCount
        return value
    }
}

/// Writes the fields of one message, in the order of the calls.
package struct ProtobufWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// Makes room for what the caller is about to write, so that it is written in one piece.
    package mutating func reserveCapacity(_ byteCount: Int) { bytes.reserveCapacity(byteCount) }

    package mutating func varint(_ number: Int, _ value: UInt64) {
        appendVarint(UInt64(number) << 3)
        appendVarint(value)
    }

    package mutating func bytes(_ number: Int, _ value: [UInt8]) { bytes(number, value.span) }

    package mutating func bytes(_ number: Int, _ value: Span<UInt8>) {
        appendVarint(UInt64(number) << 3 | 2)
        appendVarint(UInt64(value.count))
        value.append(to: &bytes)
    }

    /// Writes a peer's name as its multihash.
    package mutating func name(_ number: Int, _ peer: PeerID) {
        peer.withMultihash { bytes(number, $0) }
    }

    package mutating func string(_ number: Int, _ value: String) {
        bytes(number, Array(value.utf8))
    }

    package mutating func fixed64(_ number: Int, _ value: UInt64) {
        appendVarint(UInt64(number) << 3 | 1)
        for index in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
    }

    /// Writes a nested message.
    package mutating func message(_ number: Int, _ body: (inout ProtobufWriter) -> Void) {
        appendVarint(UInt64(number) << 3 | 2)
        let start = bytes.count
        // Most messages are so short that their lengths take one byte.
        bytes.append(0)
        body(&self)
        let byteCount = bytes.count - start - 1
        guard byteCount >= 0x80 else {
            bytes[start] = UInt8(byteCount)
            return
        }
        var length: [UInt8] = []
        Varint.append(UInt64(byteCount), to: &length)
        bytes.replaceSubrange(start...start, with: length)
    }

    private mutating func appendVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }
}
