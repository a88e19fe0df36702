package import StarlingCore
internal import StarlingCrypto

/// The SHA-256 tree over a blob's chunks, built one leaf at a time.
///
/// It keeps one hash for each level that is not complete, seventeen for the largest blob.
///
/// Spec: docs/specs/blob.md, "Tree"; the tree of RFC 9162, section 2.1.1.
package struct ChunkTree: Sendable {
    /// The number of leaves so far.
    package private(set) var leafCount = 0

    /// Complete subtrees, the largest first; their sizes are the bits of ``leafCount``.
    private var subtrees: [[UInt8]] = []

    /// A tree without a leaf.
    package init() {}

    /// The leaf of a chunk: SHA-256 of a zero byte and the chunk.
    package static func leaf(_ chunk: Span<UInt8>) -> [UInt8] { SHA256.hash(domain: 0, chunk) }

    /// The leaves of chunks, in their order; of many at once they cost less than half as much.
    package static func leaves(_ chunks: [BufferSlice]) -> [[UInt8]] { SHA256.hashes(domain: 0, chunks) }

    /// A node: SHA-256 of a byte of one, the left and the right hash.
    private static func node(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] {
        SHA256.hash(domain: 1, left.span, right.span)
    }

    /// Adds the leaf of the next chunk.
    package mutating func append(_ leaf: [UInt8]) {
        var hash = leaf
        // Two subtrees of one size become one: as many times as a one carries.
        for _ in 0..<leafCount.trailingOneCount {
            guard let left = subtrees.popLast() else { break }
            hash = Self.node(left, hash)
        }
        subtrees.append(hash)
        leafCount += 1
    }

    /// The root over the leaves so far; of none it is the digest of nothing.
    package var root: [UInt8] {
        guard var hash = subtrees.last else { return SHA256.hash([]) }
        for left in subtrees.dropLast().reversed() { hash = Self.node(left, hash) }
        return hash
    }

    /// The root over leaves that stand one behind the other.
    ///
    /// - Precondition: they are whole leaves.
    package static func root(of leaves: Span<UInt8>) -> [UInt8] {
        precondition(leaves.count % BlobID.hashByteCount == 0)
        var tree = ChunkTree()
        for start in stride(from: 0, to: leaves.count, by: BlobID.hashByteCount) {
            tree.append(leaves.array(start..<start + BlobID.hashByteCount))
        }
        return tree.root
    }
}

extension Int {
    /// How many ones stand at the low end.
    fileprivate var trailingOneCount: Int { (~self).trailingZeroBitCount }
}
