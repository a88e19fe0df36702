import StarlingCore
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Testing

@Suite struct ReceivedBytesTests {
    /// A read of the size of a whole block, of which a part is one slice.
    private func slice(_ byteCount: Int, of block: Buffer = Buffer(byteCount: LoopBlock.readByteCount))
        -> BufferSlice
    {
        BufferSlice(block, 0..<byteCount)
    }

    @Test func aFullRecordThatNobodyWaitsForIsNotCopied() {
        // The least that a full record of Noise carries: a frame's header and the cipher's tag are gone.
        let record = slice(65_535 - 16 - 12)
        var received = ReceivedBytes()
        received.append(record)
        received.settle()
        let taken = received.take(.max)
        #expect(taken?.buffer === record.buffer)
        #expect(taken?.count == record.count)
    }

    @Test(arguments: [1, 5000]) func aSmallPieceLetsGoOfItsBlockAtTheEndOfTheTurn(byteCount: Int) {
        let piece = slice(byteCount)
        var received = ReceivedBytes()
        received.append(piece)
        let none = received.take(0)
        #expect(none?.buffer === piece.buffer, "within the turn it stays where it is")
        received.settle()
        let taken = received.take(.max)
        #expect(taken?.buffer !== piece.buffer)
        #expect(taken?.count == byteCount)
    }

    @Test func theRestOfASmallPieceLetsGoOfItsBlockToo() {
        let piece = slice(100)
        var received = ReceivedBytes()
        received.append(piece)
        _ = received.take(40)
        received.settle()
        let taken = received.take(.max)
        #expect(taken?.buffer !== piece.buffer)
        #expect(taken?.count == 60)
    }

    @Test func manyPiecesOfOneTurnDoNotWaitForItsEnd() {
        let block = Buffer(byteCount: LoopBlock.readByteCount)
        var received = ReceivedBytes()
        for _ in 0..<10_000 { received.append(slice(1, of: block)) }
        // All but the last few share blocks of their own.
        let taken = received.take(.max)
        #expect(taken?.buffer !== block)
        var sliceCount = 1
        while received.take(.max) != nil { sliceCount += 1 }
        #expect(sliceCount <= 20)
    }

    @Test(arguments: UInt64(1)...20) func bytesComeOutInTheirOrder(seed: UInt64) {
        print("seed \(seed)")
        var random = SplitMix64(seed: seed)
        let sizes = [1, 30, 256, 4095, 4096, 20_000, 52_428, 52_429, 100_000]
        var (received, put, taken) = (ReceivedBytes(), 0, 0)
        for _ in 0..<500 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let piece = slice(sizes.randomElement(using: &random) ?? 1)
                piece.buffer.write(Pattern.bytes(1, put..<put + piece.count).span, at: 0)
                put += piece.count
                received.append(piece)
            case 5..<7: received.settle()
            default:
                guard let bytes = received.take(sizes.randomElement(using: &random) ?? 1) else { continue }
                let wrongAt = bytes.withSpan { Pattern.firstWrong(1, $0, at: taken) }
                #expect(wrongAt == nil)
                taken += bytes.count
            }
            #expect(received.byteCount == put - taken)
        }
    }
}
