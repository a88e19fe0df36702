import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

@Suite struct ChunkTreeTests {
    /// The definition of RFC 9162, section 2.1.1, in so many words.
    private static func reference(_ leaves: [[UInt8]]) -> [UInt8] {
        guard leaves.count > 1 else { return leaves.first ?? SHA256.hash([]) }
        var split = 1
        while split * 2 < leaves.count { split *= 2 }
        return SHA256.hash(
            [1] + reference(Array(leaves[..<split])) + reference(Array(leaves[split...]))
        )
    }

    @Test func growsAsTheDefinitionSays() {
        var tree = ChunkTree()
        var leaves: [[UInt8]] = []
        for number in 0..<70 {
            #expect(tree.root == Self.reference(leaves), "\(number) leaves")
            let joined = leaves.flatMap { $0 }
            let root = ChunkTree.root(of: joined.span)
            #expect(root == tree.root)
            #expect(tree.leafCount == number)
            let chunk = [UInt8(number)]
            let leaf = ChunkTree.leaf(chunk.span)
            tree.append(leaf)
            leaves.append(leaf)
        }
    }

    @Test func aLeafIsNoNodeAndNoPlainDigest() {
        let chunk = BlobKit.pattern(64)
        let leaf = ChunkTree.leaf(chunk.span)
        #expect(leaf == SHA256.hash([0] + chunk))
        var tree = ChunkTree()
        tree.append(Array(chunk[..<32]))
        tree.append(Array(chunk[32...]))
        #expect(tree.root != leaf)
        #expect(tree.root == SHA256.hash([1] + chunk))
    }

    /// The vectors in docs/specs/blob.md, which another implementation computed.
    @Test func theVectorsOfTheSpecificationHold() throws {
        var computed: [(name: String, value: String)] = []
        for byteCount in [0, 1, 4096, 4097, 12_288, 20_000, 28_672] {
            let kit = try BlobKit(byteCount)
            computed.append(("root of \(byteCount)", Hex.encode(kit.id.root)))
            #expect(kit.id.chunkCount == (byteCount + 4095) / 4096)
        }
        var bytes = (0..<32).map { UInt8($0) }
        let key = try BlobKey(wiping: &bytes)
        #expect(bytes.allSatisfy { $0 == 0 })
        let content = BlobKit.pattern(5000)
        var (sealed, tree) = ([UInt8](), ChunkTree())
        for (index, first) in stride(from: 0, to: 5000, by: 4080).enumerated() {
            let block = Buffer(byteCount: 4096)
            let count = min(5000 - first, 4080)
            block.write(content.span.extracting(first..<first + count), at: 0)
            try key.seal(block, 0..<count, chunk: index)
            let chunk = BufferSlice(block, 0..<count + 16).array()
            tree.append(ChunkTree.leaf(chunk.span))
            sealed += chunk
        }
        let id = try #require(BlobID(root: tree.root, byteCount: UInt64(sealed.count), chunkByteCount: 4096))
        #expect(BlobKey.contentByteCount(of: id) == 5000)
        computed.append(("sealed root of 5000", Hex.encode(tree.root)))
        computed.append(("last sealed bytes", Hex.encode(Array(sealed.suffix(16)))))
        let kit = try BlobKit(20_000)
        computed.append(("open", Hex.encode(BlobAsk.open(kit.id, wantsLeaves: true).encoded)))
        computed.append(("want", Hex.encode(BlobAsk.want(1..<300).encoded)))
        computed.append(("leaves", Hex.encode(BlobAnswer.leaves(Array(kit.leaves.prefix(32))).encoded)))
        computed.append(("chunk", Hex.encode(BlobAnswer.chunk(300).encoded)))
        computed.append(("refusal", Hex.encode(BlobAnswer.refusal(.busy).encoded)))
        let attachment = BlobAttachment(id: id, name: "a.txt", key: (0..<32).map { UInt8($0) })
        computed.append(("attachment", Hex.encode(try #require(attachment).encoded)))
        let vectors = try SpecVectors(of: "blob")
        for (name, value) in computed { vectors.expect(name, value) }
    }

    @Test func aSealedChunkOpensInItsPlaceOnly() throws {
        var bytes = [UInt8](repeating: 9, count: 32)
        let key = try BlobKey(wiping: &bytes)
        #expect(key.bytes == [UInt8](repeating: 9, count: 32))
        let block = Buffer(byteCount: 200)
        let content = BlobKit.pattern(100)
        block.write(content.span, at: 0)
        try key.seal(block, 0..<100, chunk: 5)
        let sealed = BufferSlice(block, 0..<116).array()
        #expect(throws: CipherError.authenticationFailed) { _ = try key.open(block, 0..<116, chunk: 6) }
        block.write(sealed.span, at: 0)
        #expect(try key.open(block, 0..<116, chunk: 5) == 0..<100)
        #expect(BufferSlice(block, 0..<100).array() == content)
    }

    @Test func theContentOfASealedBlobIsWhatItsTagsLeave() throws {
        let root = [UInt8](repeating: 1, count: 32)
        func content(_ byteCount: UInt64) throws -> UInt64? {
            BlobKey.contentByteCount(
                of: try #require(BlobID(root: root, byteCount: byteCount, chunkByteCount: 262_144))
            )
        }
        #expect(try content(0) == 0)
        #expect(try content(16) == nil, "a tag alone is no chunk")
        #expect(try content(17) == 1)
        #expect(try content(262_144 + 16) == nil)
        // Four gibibytes of content: the tags of 16,384 chunks displace enough of it to fill one more, and begin another.
        #expect(try content((4 << 30) + 16_386 * 16) == 4 << 30)
    }
}
