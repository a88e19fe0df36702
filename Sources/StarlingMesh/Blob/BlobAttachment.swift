package import StarlingCore

/// What a message says of the blob that belongs to it: the bytes of its content's attachment.
///
///     message Attachment { bytes root = 1; uint64 byte_count = 2; uint32 chunk_byte_count = 3; string name = 4;
///                          bytes key = 5; }
///
/// Spec: docs/specs/blob.md, "Attachment".
package struct BlobAttachment: Equatable, Sendable {
    /// The longest name in bytes, which is what file systems take.
    package static let nameByteCountMax = 255

    package let id: BlobID
    /// What the file was called: one name, without a path.
    package let name: String
    /// What opens a sealed blob; `nil` for one that is not.
    package let key: [UInt8]?

    /// - Returns: `nil` when the name is none, the key has another size than keys, or no sealed blob has that size.
    package init?(id: BlobID, name: String, key: [UInt8]?) {
        guard Self.isName(name) else { return nil }
        if let key {
            guard key.count == BlobKey.byteCount, BlobKey.contentByteCount(of: id) != nil else { return nil }
        }
        self.id = id
        self.name = name
        self.key = key
    }

    /// The size of the file.
    package var contentByteCount: UInt64 {
        key == nil ? id.byteCount : BlobKey.contentByteCount(of: id) ?? 0
    }

    /// Reads an attachment.
    package init(parsing bytes: Span<UInt8>) throws(ProtobufError) {
        var (root, byteCount, chunkByteCount): ([UInt8], UInt64, UInt64) = ([], 0, 0)
        var (name, key): (String, [UInt8]?) = ("", nil)
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: root = try field.bytes(in: bytes)
            case 2: byteCount = try field.varint()
            case 3: chunkByteCount = try field.varint()
            case 4: name = try field.string(in: bytes)
            case 5: key = try field.bytes(in: bytes)
            default: break
            }
        }
        let size = Int(clamping: chunkByteCount)
        guard let id = BlobID(root: root, byteCount: byteCount, chunkByteCount: size) else {
            throw .invalidValue(fieldNumber: 1)
        }
        guard Self.isName(name) else { throw .invalidValue(fieldNumber: 4) }
        guard let attachment = BlobAttachment(id: id, name: name, key: key) else {
            throw .invalidValue(fieldNumber: 5)
        }
        self = attachment
    }

    /// The attachment in its wire form.
    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        writer.bytes(1, id.root)
        writer.varint(2, id.byteCount)
        writer.varint(3, UInt64(id.chunkByteCount))
        writer.string(4, name)
        if let key { writer.bytes(5, key) }
        return writer.bytes
    }

    /// Whether a text can be a file's name wherever the recipient puts it, and leads nowhere else.
    package static func isName(_ text: String) -> Bool {
        let bytes = text.utf8
        guard !bytes.isEmpty, bytes.count <= nameByteCountMax, text != ".", text != ".." else { return false }
        let separators: [UInt8] = [UInt8(ascii: "/"), UInt8(ascii: "\\")]
        return !bytes.contains { $0 < 0x20 || $0 == 0x7f || separators.contains($0) }
    }
}
