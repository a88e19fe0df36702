/// The name of a blob: the root of its chunks' tree, and the two sizes that the root is to be read with.
///
/// A blob is a large payload, cut into chunks of one size, of which the last may be shorter. An empty one has no
/// chunk. All three parts together are the name: two blobs that share a root and differ in a size are two blobs.
///
/// Spec: docs/specs/blob.md, "Blob".
package struct BlobID: Hashable, Sendable {
    /// The size of a root, and of a leaf.
    package static let hashByteCount = 32
    /// The bounds of a chunk's size, which is a power of two.
    package static let chunkByteCountMin = 4096
    /// See ``chunkByteCountMin``.
    package static let chunkByteCountMax = 1 << 20
    /// The size of chunks unless something else is asked for.
    package static let chunkByteCountUsual = 256 << 10
    /// Chunks of one blob: their leaves take 2 MiB then, which a transfer holds in memory.
    package static let chunkCountMax = 65_536
    /// Bytes of one blob: 4 GiB of content, and room for the tags of sealed chunks.
    package static let byteCountMax: UInt64 = (4 << 30) + (2 << 20)

    /// The root of the tree over the chunks.
    package let root: [UInt8]
    /// Bytes of all chunks: what is kept and sent, tags of sealed chunks included.
    package let byteCount: UInt64
    /// Bytes of each chunk but the last.
    package let chunkByteCount: Int

    /// The name with these parts; `nil` when one is out of bounds.
    package init?(root: [UInt8], byteCount: UInt64, chunkByteCount: Int) {
        guard root.count == Self.hashByteCount, byteCount <= Self.byteCountMax,
            chunkByteCount >= Self.chunkByteCountMin, chunkByteCount <= Self.chunkByteCountMax,
            chunkByteCount.nonzeroBitCount == 1
        else { return nil }
        self.root = root
        self.byteCount = byteCount
        self.chunkByteCount = chunkByteCount
        guard chunkCount <= Self.chunkCountMax else { return nil }
    }

    /// The number of chunks.
    package var chunkCount: Int {
        let size = UInt64(chunkByteCount)
        return Int(byteCount / size + (byteCount % size == 0 ? 0 : 1))
    }

    /// Where a chunk begins in the blob.
    ///
    /// - Precondition: there is a chunk of that number.
    package func offset(ofChunk index: Int) -> UInt64 {
        precondition(index >= 0 && index < chunkCount)
        return UInt64(index) * UInt64(chunkByteCount)
    }

    /// The size of a chunk in bytes.
    ///
    /// - Precondition: there is a chunk of that number.
    package func byteCount(ofChunk index: Int) -> Int {
        Int(min(UInt64(chunkByteCount), byteCount - offset(ofChunk: index)))
    }

    /// Bytes of the chunks in a set.
    package func byteCount(of chunks: ChunkSet) -> UInt64 {
        let last = chunkCount - 1
        guard last >= 0, chunks.count > 0 else { return 0 }
        let shortfall = chunks.contains(last) ? chunkByteCount - byteCount(ofChunk: last) : 0
        return UInt64(chunks.count) * UInt64(chunkByteCount) - UInt64(shortfall)
    }

    /// The size of the leaves of all chunks, one behind the other.
    package var leavesByteCount: Int { chunkCount * Self.hashByteCount }
}

// As text: what files of a blob are called, and what logs and people see.
extension BlobID: CustomStringConvertible {
    /// The root in hexadecimal digits, the bytes of all chunks, and those of one, with `-` between.
    package var description: String { "\(Hex.encode(root))-\(byteCount)-\(chunkByteCount)" }

    /// The name that reads so; `nil` when none does.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, let root = Hex.decode(String(parts[0])), let byteCount = UInt64(parts[1]),
            let chunkByteCount = Int(parts[2])
        else { return nil }
        self.init(root: root, byteCount: byteCount, chunkByteCount: chunkByteCount)
        guard description == text else { return nil }
    }
}
