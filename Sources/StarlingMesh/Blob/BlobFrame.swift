package import StarlingCore

/// The protocol that fetches blobs.
package enum BlobProtocol {
    /// The stream protocol.
    package static let id = "/starling/blob/1"
    /// The longest frame of whoever asks, without the length before it.
    package static let askByteCountMax = 128
    /// The longest frame of whoever answers, without the length before it; a chunk's bytes are not part of a frame.
    package static let answerByteCountMax = leavesByteCountMax + 16
    /// Bytes of leaves in one frame.
    static let leavesByteCountMax = 65_536
    /// Chunks that may be asked for and not answered yet.
    package static let wantedChunkCountMax = 1024
}

/// What is said by who wants a blob.
///
///     message Ask { oneof kind { Open open = 1; Want want = 2; } }
///     message Open { bytes root = 1; uint64 byte_count = 2; uint32 chunk_byte_count = 3; bool wants_leaves = 4; }
///     message Want { uint32 first = 1; uint32 count = 2; }
///
/// Spec: docs/specs/blob.md, "Stream".
package enum BlobAsk: Equatable, Sendable {
    /// Which blob the stream is about; the first frame, and no other.
    case open(BlobID, wantsLeaves: Bool)
    /// Chunks to send, in their order.
    case want(Range<Int>)

    /// The frame in `bytes`, without the length before it; `nil` when its kind is not known.
    package static func parse(_ bytes: Span<UInt8>) throws(ProtobufError) -> BlobAsk? {
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: return try parseOpen(bytes, try field.range())
            case 2: return try parseWant(bytes, try field.range())
            default: break
            }
        }
        return nil
    }

    /// The frame as it goes onto the stream, its length before it.
    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        switch self {
        case .open(let id, let wantsLeaves):
            writer.message(1) { inner in
                inner.bytes(1, id.root)
                inner.varint(2, id.byteCount)
                inner.varint(3, UInt64(id.chunkByteCount))
                if wantsLeaves { inner.varint(4, 1) }
            }
        case .want(let chunks):
            writer.message(2) { inner in
                inner.varint(1, UInt64(chunks.lowerBound))
                inner.varint(2, UInt64(chunks.count))
            }
        }
        return writer.framed
    }

    private static func parseOpen(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) -> BlobAsk
    {
        var (root, byteCount, chunkByteCount): ([UInt8], UInt64, UInt64) = ([], 0, 0)
        var wantsLeaves = false
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: root = try field.bytes(in: bytes)
            case 2: byteCount = try field.varint()
            case 3: chunkByteCount = try field.varint()
            case 4: wantsLeaves = try field.varint() != 0
            default: break
            }
        }
        let size = Int(clamping: chunkByteCount)
        guard let id = BlobID(root: root, byteCount: byteCount, chunkByteCount: size) else {
            throw .invalidValue(fieldNumber: 1)
        }
        return .open(id, wantsLeaves: wantsLeaves)
    }

    private static func parseWant(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) -> BlobAsk
    {
        var (first, count): (UInt64, UInt64) = (0, 0)
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: first = try field.varint()
            case 2: count = try field.varint()
            default: break
            }
        }
        let limit = UInt64(BlobID.chunkCountMax)
        guard first < limit else { throw .invalidValue(fieldNumber: 1) }
        guard count > 0, count <= limit - first else { throw .invalidValue(fieldNumber: 2) }
        return .want(Int(first)..<Int(first + count))
    }
}

/// What is said by who has a blob.
///
///     message Answer { oneof kind { bytes leaves = 1; Chunk chunk = 2; Refusal refusal = 3; } }
///     message Chunk { uint32 index = 1; }
///     message Refusal { uint32 reason = 1; }
///
/// Spec: docs/specs/blob.md, "Stream".
package enum BlobAnswer: Equatable, Sendable {
    /// Why a blob, or the rest of it, is not sent.
    package enum Refusal: UInt64, Sendable {
        /// There is no such blob, or not for this peer: the answer does not tell which.
        case unknown = 1
        /// Too many transfers; later it may be otherwise.
        case busy = 2
        /// The blob cannot be read at the sender's.
        case unreadable = 3
    }

    /// The next leaves.
    case leaves([UInt8])
    /// A chunk, whose bytes follow the frame.
    case chunk(Int)
    /// Nothing more comes.
    case refusal(Refusal)

    /// The frame in `bytes`, without the length before it; `nil` when its kind is not known.
    package static func parse(_ bytes: Span<UInt8>) throws(ProtobufError) -> BlobAnswer? {
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: return .leaves(try field.bytes(in: bytes))
            case 2:
                let index = try number(bytes, try field.range())
                guard index < UInt64(BlobID.chunkCountMax) else { throw .invalidValue(fieldNumber: 2) }
                return .chunk(Int(index))
            case 3:
                // A reason of a later version is as good as none.
                return .refusal(Refusal(rawValue: try number(bytes, try field.range())) ?? .unknown)
            default: break
            }
        }
        return nil
    }

    /// The frame as it goes onto the stream, its length before it.
    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        switch self {
        case .leaves(let bytes): writer.bytes(1, bytes)
        case .chunk(let index): writer.message(2) { $0.varint(1, UInt64(index)) }
        case .refusal(let reason): writer.message(3) { $0.varint(1, reason.rawValue) }
        }
        return writer.framed
    }

    /// Field 1 of a nested message.
    private static func number(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) -> UInt64 {
        var number: UInt64 = 0
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: bytes) {
            if field.number == 1 { number = try field.varint() }
        }
        return number
    }
}

extension ProtobufWriter {
    /// What was written, with its length before it.
    var framed: [UInt8] {
        var frame: [UInt8] = []
        frame.reserveCapacity(bytes.count + 4)
        Varint.append(UInt64(bytes.count), to: &frame)
        return frame + bytes
    }
}

/// Puts frames together from a stream that is cut anywhere.
struct BlobFrameReader: Sendable {
    /// The longest frame that is taken.
    let byteCountMax: Int
    private var length: [UInt8] = []
    private var frameByteCount: Int?
    private var frame: [UInt8] = []

    init(byteCountMax: Int) { self.byteCountMax = byteCountMax }

    /// Whether a frame has begun that is not complete.
    var isInside: Bool { frameByteCount != nil || !length.isEmpty }

    /// The next frame without its length, or `nil` when all bytes from `offset` on are taken and more are needed.
    mutating func next(_ bytes: Span<UInt8>, at offset: inout Int) throws(VarintError) -> [UInt8]? {
        if frameByteCount == nil {
            guard let byteCount = try readLength(bytes, at: &offset) else { return nil }
            frameByteCount = byteCount
        }
        guard let byteCount = frameByteCount else { return nil }
        let end = min(bytes.count, offset + byteCount - frame.count)
        bytes.extracting(offset..<end).append(to: &frame)
        offset = end
        guard frame.count == byteCount else { return nil }
        defer {
            frame = []
            frameByteCount = nil
        }
        return frame
    }

    private mutating func readLength(_ bytes: Span<UInt8>, at offset: inout Int) throws(VarintError) -> Int? {
        while offset < bytes.count {
            length.append(bytes[offset])
            offset += 1
            guard length.last.map({ $0 & 0x80 == 0 }) == true || length.count == Varint.byteCountMax else {
                continue
            }
            var start = 0
            let value = try Varint.read(length.span, at: &start)
            guard value <= UInt64(byteCountMax) else { throw .tooLong }
            length = []
            return Int(value)
        }
        return nil
    }
}
