import StarlingCore
import Testing

@Suite struct ChunkSetTests {
    @Test func agreesWithASetOfNumbers() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = SplitMix64(seed: seed)
        for chunkCount in [0, 1, 63, 64, 65, 200] {
            var (set, numbers) = (ChunkSet(of: chunkCount), Set<Int>())
            for _ in 0..<chunkCount * 3 {
                let index = Int(random.next() % UInt64(chunkCount))
                if random.next() % 3 == 0 {
                    #expect(set.remove(index) == (numbers.remove(index) != nil))
                } else {
                    #expect(set.insert(index) == numbers.insert(index).inserted)
                }
                #expect(set.count == numbers.count)
            }
            #expect(set.ranges.flatMap { Array($0) } == numbers.sorted())
            #expect(set.isComplete == (numbers.count == chunkCount))
            for start in 0..<chunkCount {
                #expect(set.first(from: start, isPresent: true) == numbers.filter { $0 >= start }.min())
                let missing = (start..<chunkCount).first { !numbers.contains($0) }
                #expect(set.first(from: start, isPresent: false) == missing)
                #expect(set.gap(from: start, countMax: 5)?.lowerBound == missing)
                #expect(set.gap(from: start, countMax: 5).map { $0.count <= 5 } != false)
            }
        }
    }

    @Test func unionAndDifferenceCountRight() {
        var (one, other) = (ChunkSet(of: 130), ChunkSet(of: 130))
        for index in stride(from: 0, to: 130, by: 2) { one.insert(index) }
        for index in stride(from: 0, to: 130, by: 3) { other.insert(index) }
        var union = one
        union.formUnion(other)
        #expect(union.count == 65 + 44 - 22)
        one.subtract(other)
        #expect(one.count == 65 - 22)
        #expect(!one.contains(6) && one.contains(4))
    }
}
