import StarlingCore
import StarlingIO
import StarlingSimulator
import StarlingWorld
import Testing

@testable import StarlingTransports

@Suite struct RecordAssemblerTests {
    /// Records of these contents' sizes, one behind the other.
    private static func stream(_ sizes: [Int]) -> [UInt8] {
        sizes.enumerated().flatMap { index, size in
            [UInt8(size >> 8), UInt8(size & 0xff)] + Pattern.bytes(index, 0..<size)
        }
    }

    private static func collect(_ chunks: [[UInt8]]) throws -> [[UInt8]] {
        let simulation = Simulation(seed: 1)
        let host = simulation.host()
        return try host.loop.perform {
            var assembler = RecordAssembler(loop: host.loop)
            var records: [[UInt8]] = []
            for chunk in chunks {
                // In the middle of a block, as reads are.
                let block = Buffer(byteCount: chunk.count + 10)
                block.write(chunk.span, at: 7)
                assembler.feed(BufferSlice(block, 7..<7 + chunk.count))
                while let record = try assembler.next() { records.append(record.array()) }
            }
            return records
        }
    }

    @Test func everySplitPointGivesTheSameRecords() throws {
        let sizes = [0, 1, 2, 40, 0, 300, 16]
        let bytes = Self.stream(sizes)
        let whole = try Self.collect([bytes])
        #expect(whole.map(\.count) == sizes.map { $0 + 2 })
        #expect(whole.flatMap(\.self) == bytes)
        for first in 0...bytes.count {
            let two = try Self.collect([Array(bytes[..<first]), Array(bytes[first...])])
            #expect(two == whole, "split at \(first)")
        }
        for first in stride(from: 0, through: bytes.count, by: 3) {
            for second in first...min(first + 20, bytes.count) {
                let chunks = [bytes[..<first], bytes[first..<second], bytes[second...]].map { Array($0) }
                #expect(try Self.collect(chunks) == whole, "split at \(first) and \(second)")
            }
        }
        #expect(try Self.collect(bytes.map { [$0] }) == whole)
    }

    @Test func theLargestRecordsStraddleReads() throws {
        let bytes = Self.stream([65_535, 5000, 65_535, 1])
        let whole = try Self.collect([bytes])
        for size in [1, 2, 1000, 4096, 65_536, 65_537, 65_538] {
            let chunks = stride(from: 0, to: bytes.count, by: size).map {
                Array(bytes[$0..<min($0 + size, bytes.count)])
            }
            #expect(try Self.collect(chunks) == whole, "reads of \(size)")
        }
    }

    @Test func seededSplits() throws {
        for seed in UInt64(1)...50 {
            var random = SplitMix64(seed: seed)
            let sizes = (0..<20).map { _ in Int(random.next() % 9000) }
            let bytes = Self.stream(sizes)
            var (chunks, start): ([[UInt8]], Int) = ([], 0)
            while start < bytes.count {
                let end = min(start + Int(random.next() % 5000), bytes.count)
                chunks.append(Array(bytes[start..<end]))
                start = end
            }
            #expect(try Self.collect(chunks).flatMap(\.self) == bytes, "seed \(seed)")
        }
    }
}
