package import StarlingCore

/// A piece of a frame, on a link that carries no frame so long.
///
///     message Fragment { bytes id = 1; uint32 index = 2; uint32 count = 3; uint32 bytes_total = 4;
///                        bytes checksum = 5; bytes bytes = 6; }
///
/// All pieces but the last have the same size, so that each says where it belongs. The first one has the checksum of
/// the whole.
///
/// Spec: docs/specs/message.md, "Fragments".
package struct Fragment: Equatable, Sendable {
    /// The most pieces of one frame.
    package static let countMax = 16_384

    /// What all pieces of the frame have in common: the message's id, or one that is drawn.
    package var id: MessageID
    package var index: Int
    package var count: Int
    /// The size of the frame.
    package var totalByteCount: Int
    /// SHA-256 of the frame, in the first piece only.
    package var checksum: [UInt8]?
    package var bytes: [UInt8]

    package init(
        id: MessageID,
        index: Int,
        count: Int,
        totalByteCount: Int,
        checksum: [UInt8]?,
        bytes: [UInt8]
    ) {
        self.id = id
        self.index = index
        self.count = count
        self.totalByteCount = totalByteCount
        self.checksum = checksum
        self.bytes = bytes
    }

    /// The size of every piece but the last.
    package var pieceByteCount: Int {
        index < count - 1 ? bytes.count : (totalByteCount - bytes.count) / (count - 1)
    }

    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        writer.reserveCapacity(bytes.count + 80)
        writer.bytes(1, id.bytes)
        writer.varint(2, UInt64(index))
        writer.varint(3, UInt64(count))
        writer.varint(4, UInt64(totalByteCount))
        if let checksum { writer.bytes(5, checksum) }
        writer.bytes(6, bytes)
        return writer.bytes
    }

    /// Reads a piece, and checks that its numbers fit one another.
    package init(parsing message: Span<UInt8>) throws(ProtobufError) {
        var (id, checksum, bytes): (MessageID?, [UInt8]?, [UInt8]?) = (nil, nil, nil)
        var numbers: (index: UInt64?, count: UInt64?, total: UInt64?) = (nil, nil, nil)
        var cursor = ProtobufCursor(message)
        while let field = try cursor.next(in: message) {
            switch field.number {
            case 1: id = try field.messageID(in: message)
            case 2: numbers.index = try field.varint()
            case 3: numbers.count = try field.varint()
            case 4: numbers.total = try field.varint()
            case 5: checksum = try field.bytes(in: message)
            case 6: bytes = try field.bytes(in: message)
            default: break
            }
        }
        guard let id else { throw .missingField(fieldNumber: 1) }
        guard let index = numbers.index else { throw .missingField(fieldNumber: 2) }
        guard let count = numbers.count else { throw .missingField(fieldNumber: 3) }
        guard let total = numbers.total else { throw .missingField(fieldNumber: 4) }
        guard let bytes, !bytes.isEmpty else { throw .missingField(fieldNumber: 6) }
        guard count >= 2, count <= UInt64(Self.countMax) else { throw .invalidValue(fieldNumber: 3) }
        guard index < count else { throw .invalidValue(fieldNumber: 2) }
        guard total <= UInt64(MessageFrame.byteCountMax) else { throw .invalidValue(fieldNumber: 4) }
        guard checksum == nil || (index == 0 && checksum?.count == 32) else {
            throw .invalidValue(fieldNumber: 5)
        }
        guard index > 0 || checksum != nil else { throw .missingField(fieldNumber: 5) }
        let (isLast, left) = (index == count - 1, Int(total) - bytes.count)
        // The last piece is no longer than the others, and they fill the rest evenly.
        let pieceByteCount = isLast ? left / Int(count - 1) : bytes.count
        guard left >= 0, pieceByteCount >= 1, isLast ? left % Int(count - 1) == 0 : true,
            (Int(total) + pieceByteCount - 1) / pieceByteCount == Int(count)
        else { throw .invalidValue(fieldNumber: 6) }
        self.init(
            id: id,
            index: Int(index),
            count: Int(count),
            totalByteCount: Int(total),
            checksum: checksum,
            bytes: bytes
        )
    }
}

/// What the receiver of pieces asks for again; without any, that it has them all.
///
///     message FragmentRequest { bytes id = 1; repeated Range missing = 2; }
///     message Range { uint32 first = 1; uint32 last = 2; }
///
/// Spec: docs/specs/message.md, "Fragments".
package struct FragmentRequest: Equatable, Sendable {
    /// Ranges in one request; what is missing beyond is asked for later.
    package static let rangeCountMax = 64

    package var id: MessageID
    /// In order, none next to another.
    package var missing: [ClosedRange<Int>]

    package init(id: MessageID, missing: [ClosedRange<Int>]) {
        self.id = id
        self.missing = missing
    }

    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        writer.bytes(1, id.bytes)
        for range in missing {
            writer.message(2) { inner in
                inner.varint(1, UInt64(range.lowerBound))
                inner.varint(2, UInt64(range.upperBound))
            }
        }
        return writer.bytes
    }

    package init(parsing message: Span<UInt8>) throws(ProtobufError) {
        var id: MessageID?
        missing = []
        var cursor = ProtobufCursor(message)
        while let field = try cursor.next(in: message) {
            switch field.number {
            case 1: id = try field.messageID(in: message)
            case 2:
                guard missing.count < Self.rangeCountMax else { throw .tooManyEntries(fieldNumber: 2) }
                let range = try Self.range(message, try field.range())
                guard missing.last.map({ $0.upperBound + 1 < range.lowerBound }) ?? true else {
                    throw .invalidValue(fieldNumber: 2)
                }
                missing.append(range)
            default: break
            }
        }
        guard let id else { throw .missingField(fieldNumber: 1) }
        self.id = id
    }

    private static func range(
        _ message: Span<UInt8>,
        _ bounds: Range<Int>
    ) throws(ProtobufError) -> ClosedRange<Int> {
        var (first, last): (UInt64?, UInt64?) = (nil, nil)
        var cursor = ProtobufCursor(range: bounds)
        while let field = try cursor.next(in: message) {
            switch field.number {
            case 1: first = try field.varint()
            case 2: last = try field.varint()
            default: break
            }
        }
        guard let first else { throw .missingField(fieldNumber: 1) }
        guard let last else { throw .missingField(fieldNumber: 2) }
        guard first <= last, last < UInt64(Fragment.countMax) else { throw .invalidValue(fieldNumber: 2) }
        return Int(first)...Int(last)
    }
}
