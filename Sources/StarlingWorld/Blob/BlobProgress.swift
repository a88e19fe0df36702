internal import StarlingCore

/// The records of a `.progress` file: which chunks a sync has covered.
///
/// A record is 16 bytes: the first chunk and the number of chunks, four bytes each, the high byte first, and a check over
/// both and the blob's root. What a crash left of a record, or never wrote, does not pass the check and says nothing.
///
/// Spec: docs/specs/blob.md, "Files".
enum BlobProgress {
    static let recordByteCount = 16

    /// The records for a set of chunks.
    static func records(_ chunks: ChunkSet, of id: BlobID) -> [UInt8] {
        chunks.ranges.flatMap { range in
            let body = bytes(UInt64(range.lowerBound) << 32 | UInt64(range.count))
            return body + bytes(check(body, id))
        }
    }

    /// The chunks that the records of a file name.
    static func chunks(_ file: [UInt8], of id: BlobID) -> ChunkSet {
        var chunks = ChunkSet(of: id.chunkCount)
        for start in stride(from: 0, to: file.count - recordByteCount + 1, by: recordByteCount) {
            let body = Array(file[start..<start + 8])
            guard Array(file[start + 8..<start + recordByteCount]) == bytes(check(body, id)) else { continue }
            let word = body.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            let (first, count) = (Int(word >> 32), Int(word & 0xffff_ffff))
            guard count > 0, first + count <= id.chunkCount else { continue }
            for index in first..<first + count { chunks.insert(index) }
        }
        return chunks
    }

    private static func bytes(_ word: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) }
    }

    /// FNV-1a of 64 bits: it guards against what was not written, not against who writes.
    private static func check(_ body: [UInt8], _ id: BlobID) -> UInt64 {
        (body + id.root).reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
