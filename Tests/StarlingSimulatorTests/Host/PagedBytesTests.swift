import StarlingCore
import StarlingSimulator
import Testing

@Suite struct PagedBytesTests {
    private static let page = PagedBytes.pageByteCount

    @Test(arguments: [1, 2, 3] as [UInt64])
    func areWhatAnArrayWouldBe(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var (paged, plain) = (PagedBytes(), [UInt8]())
        for _ in 0..<400 {
            let offset = random.number(below: plain.count + 1)
            switch random.number(below: 4) {
            case 0:
                let size = random.number(below: 4 * Self.page)
                plain = Array(plain.prefix(size)) + [UInt8](repeating: 0, count: max(0, size - plain.count))
                paged.resize(to: size)
            case 1 where !plain.isEmpty:
                let place = random.number(below: plain.count)
                plain[place] = UInt8(truncatingIfNeeded: random.next())
                paged[place] = plain[place]
            default:
                let piece = (0..<random.number(below: plain.count - offset + 1)).map {
                    UInt8(truncatingIfNeeded: $0 ^ offset)
                }
                plain.replaceSubrange(offset..<offset + piece.count, with: piece)
                piece.withUnsafeBytes { paged.write($0, at: offset) }
            }
            #expect(paged.count == plain.count)
        }
        #expect(paged.array == plain)
    }

    @Test func readsWhatThereIs() {
        let bytes = (0..<3 * Self.page).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let paged = PagedBytes(bytes)
        for (offset, wanted) in [(0, 10), (Self.page - 1, 2), (10, 2 * Self.page), (3 * Self.page - 5, 20)] {
            var target = [UInt8](repeating: 0xff, count: wanted)
            let count = target.withUnsafeMutableBytes { paged.read(into: $0, at: offset) }
            #expect(count == min(wanted, bytes.count - offset))
            #expect(target.prefix(count) == bytes[offset..<offset + count])
        }
        var nothing: [UInt8] = [0xff]
        let count = nothing.withUnsafeMutableBytes { paged.read(into: $0, at: bytes.count + 1) }
        #expect(count == 0 && nothing == [0xff])
    }

    @Test func whatWasCutOffDoesNotComeBack() {
        var paged = PagedBytes([UInt8](repeating: 7, count: Self.page + 100))
        paged.resize(to: 50)
        #expect(paged.heldByteCount == Self.page)
        #expect(
            paged.piece(at: 0, byteCount: 100) == Array(repeating: 7, count: 50)
                + Array(repeating: 0, count: 50)
        )
        paged.resize(to: Self.page + 100)
        #expect(paged.array == Array(repeating: 7, count: 50) + Array(repeating: 0, count: Self.page + 50))
    }
}
