import StarlingCore
import StarlingMesh

/// Blobs made of a pattern, with chunks of 4 KiB.
struct BlobKit {
    static let chunkByteCount = 4096

    let content: [UInt8]
    let leaves: [UInt8]
    let id: BlobID

    static func pattern(_ byteCount: Int) -> [UInt8] {
        (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
    }

    init(_ byteCount: Int) throws {
        let content = Self.pattern(byteCount)
        var leaves: [UInt8] = []
        for start in stride(from: 0, to: byteCount, by: Self.chunkByteCount) {
            let end = min(byteCount, start + Self.chunkByteCount)
            leaves += ChunkTree.leaf(content.span.extracting(start..<end))
        }
        self.content = content
        self.leaves = leaves
        guard
            let id = BlobID(
                root: ChunkTree.root(of: leaves.span),
                byteCount: UInt64(byteCount),
                chunkByteCount: Self.chunkByteCount
            )
        else { throw BlobKitError() }
        self.id = id
    }

    /// When every test begins.
    static let start = Instant(nanosecondsSinceOrigin: 0)

    struct BlobKitError: Error {}

    func chunk(_ index: Int) -> [UInt8] {
        let start = index * Self.chunkByteCount
        return Array(content[start..<min(content.count, start + Self.chunkByteCount)])
    }

    func slice(_ index: Int) -> BlobBytes { BlobBytes(BufferSlice(copying: chunk(index).span)) }

    /// Chunks that have come.
    func arrivals(_ indices: Int...) -> [BlobArrival] {
        indices.map { BlobArrival(index: $0, chunk: slice($0)) }
    }

    /// A chunk as it goes over the wire.
    func wire(_ index: Int) -> [UInt8] { BlobAnswer.chunk(index).encoded + chunk(index) }

    /// Chunks as they go over the wire, in one block.
    func wire(_ run: Range<Int>) -> BlobBytes {
        let bytes = run.flatMap { wire($0) }
        return BlobBytes(BufferSlice(copying: bytes.span))
    }
}

extension Machine {
    /// Everything that is to be done at this point.
    mutating func actions() -> [Action] {
        var found: [Action] = []
        while let action = nextAction() { found.append(action) }
        return found
    }
}
