package import StarlingCore
package import StarlingMesh
package import StarlingWorld

extension BlobDigest {
    /// The tree of `/starling/blob/1`.
    package static var chunkTree: BlobDigest {
        BlobDigest(leaves: { ChunkTree.leaves($0) }, root: { ChunkTree.root(of: $0) })
    }
}

/// A blob's key, as the store uses it.
package final class BlobSeal: BlobCipher {
    package let key: BlobKey

    package init(_ key: BlobKey) { self.key = key }

    package var tagByteCount: Int { BlobKey.tagByteCount }

    package func seal(_ block: Buffer, _ content: Range<Int>, chunk index: Int) -> Bool {
        (try? key.seal(block, content, chunk: index)) != nil
    }

    package func open(_ block: Buffer, _ sealed: Range<Int>, chunk index: Int) -> Bool {
        (try? key.open(block, sealed, chunk: index)) != nil
    }
}
