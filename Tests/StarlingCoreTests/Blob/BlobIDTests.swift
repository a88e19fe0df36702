import StarlingCore
import Testing

@Suite struct BlobIDTests {
    private func id(_ byteCount: UInt64, _ chunkByteCount: Int = 262_144) -> BlobID? {
        BlobID(root: [UInt8](repeating: 7, count: 32), byteCount: byteCount, chunkByteCount: chunkByteCount)
    }

    @Test func fourGibibytesFitWithoutAnOverflow() throws {
        let blob = try #require(id(4 << 30))
        #expect(blob.chunkCount == 16_384)
        #expect(blob.offset(ofChunk: 16_383) == 4_294_705_152)
        #expect(blob.byteCount(ofChunk: 16_383) == 262_144)
        let odd = try #require(id((4 << 30) + 1))
        #expect(odd.chunkCount == 16_385)
        #expect(odd.offset(ofChunk: 16_384) == 4_294_967_296)
        #expect(odd.byteCount(ofChunk: 16_384) == 1)
        var all = ChunkSet(of: odd.chunkCount)
        for index in 0..<odd.chunkCount { all.insert(index) }
        #expect(odd.byteCount(of: all) == 4_294_967_297)
        all.remove(16_384)
        #expect(odd.byteCount(of: all) == 4_294_967_296)
    }

    @Test func sizesBeyondTheBoundsAreNoName() {
        #expect(id(BlobID.byteCountMax, 1 << 20) != nil)
        #expect(id(BlobID.byteCountMax + 1, 1 << 20) == nil)
        #expect(id(.max) == nil)
        for size in [0, 1, 2048, 4095, 5000, 3 << 12, 1 << 21, -4096, .max, .min] {
            #expect(id(1, size) == nil, "\(size)")
        }
        #expect(id(65_536 * 4096, 4096)?.chunkCount == 65_536)
        #expect(id(65_536 * 4096 + 1, 4096) == nil, "more chunks than a blob may have")
        #expect(BlobID(root: [1, 2, 3], byteCount: 1, chunkByteCount: 4096) == nil)
    }

    @Test func anEmptyBlobHasNoChunk() throws {
        let blob = try #require(id(0))
        #expect(blob.chunkCount == 0)
        #expect(blob.byteCount(of: ChunkSet(of: 0)) == 0)
    }

    @Test func textNamesOneBlobAndNoOtherTextDoes() throws {
        let blob = try #require(id(1_000_000))
        #expect(BlobID("\(blob)") == blob)
        let root = String(repeating: "07", count: 32)
        #expect("\(blob)" == "\(root)-1000000-262144")
        for text in [
            "", "x", "\(blob)-", "0\(blob)", "\(root)-01000000-262144", "\(root)-+1000000-262144",
            "\(root)-1000000-262145", "\(root)-1000000", "-1000000-262144",
            "\(String(repeating: "0A", count: 32))-1000000-262144",
        ] {
            #expect(BlobID(text) == nil, "\(text)")
        }
    }
}
