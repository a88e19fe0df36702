import StarlingCore
import Testing

@Suite struct BufferTests {
    @Test func whatIsWrittenIsReadAtTheSamePlace() {
        let buffer = Buffer(byteCount: 16)
        let bytes: [UInt8] = [1, 2, 3]
        buffer.write(bytes.span, at: 13)
        buffer[0] = 9
        #expect(BufferSlice(buffer, 13..<16).array() == bytes)
        #expect(buffer[0] == 9)
        #expect(buffer[15] == 3)
        buffer.write([UInt8]().span, at: 16)
        #expect(buffer.withSpan(13..<16) { $0.count } == 3)
        #expect(buffer.withSpan(16..<16) { $0.isEmpty })
        let byteCounts = unsafe (buffer.memory.count, buffer.memory(4..<9).count)
        #expect(byteCounts == (16, 5))
    }

    @Test func aMoveMayOverlapItself() {
        let buffer = Buffer(byteCount: 8)
        let bytes: [UInt8] = [1, 2, 3, 4, 5]
        buffer.write(bytes.span, at: 0)
        buffer.move(0..<5, to: 2)
        #expect(BufferSlice(buffer, 2..<7).array() == bytes)
        buffer.move(2..<7, to: 1)
        #expect(BufferSlice(buffer, 1..<6).array() == bytes)
    }

    @Test func aSliceIsCutFromTheFront() {
        let bytes: [UInt8] = [1, 2, 3, 4]
        var slice = BufferSlice(copying: bytes.span)
        #expect(slice.removePrefix(0).isEmpty)
        #expect(slice.removePrefix(1).array() == [1])
        #expect(slice.array() == [2, 3, 4])
        #expect(slice.count == 3)
        #expect(slice.removePrefix(3).array() == [2, 3, 4])
        #expect(slice.isEmpty)
        #expect(BufferSlice(copying: [UInt8]().span).array() == [])
    }

    @Test func aSliceKeepsItsBlockAlive() {
        weak var block: Buffer?
        var slice: BufferSlice?
        do {
            let buffer = Buffer(byteCount: 4)
            buffer[0] = 7
            block = buffer
            slice = BufferSlice(buffer, 0..<1)
        }
        #expect(block != nil)
        #expect(slice?.array() == [7])
        slice = nil
        #expect(block == nil)
    }

    @Test(
        arguments: [
            ([1, 2, 3], [1, 2, 3], true), ([1, 2, 3], [1, 2], false), ([1, 2, 3], [1, 2, 4], false),
            ([], [], true),
        ] as [([UInt8], [UInt8], Bool)]
    )
    func spansCompareByContent(one: [UInt8], other: [UInt8], areEqual: Bool) {
        let result = one.span.isEqual(to: other.span)
        #expect(result == areEqual)
    }

    @Test func aSpanIsCopiedInPart() {
        let bytes: [UInt8] = [1, 2, 3]
        #expect(bytes.span.array(1..<2) == [2])
        #expect(bytes.span.array() == bytes)
    }
}

@Suite struct BufferPoolTests {
    @Test func aBlockComesBackOnceNobodyRefersToIt() {
        var pool = BufferPool(blockByteCount: 32)
        var first: Buffer? = pool.take()
        let identity = first.map(ObjectIdentifier.init)
        let second = pool.take()
        #expect(first !== second)
        #expect(pool.blockCount == 2)
        #expect(second.byteCount == 32)
        first = nil
        let third = pool.take()
        #expect(ObjectIdentifier(third) == identity)
        #expect(pool.blockCount == 2)
    }

    @Test func aSliceKeepsABlockOutOfThePool() {
        var pool = BufferPool(blockByteCount: 8)
        var slice: BufferSlice? = BufferSlice(pool.take(), 0..<4)
        let other = pool.take()
        #expect(other !== slice?.buffer)
        slice = nil
        _ = pool.take()
        #expect(pool.blockCount == 2)
    }

    @Test func steadyUseTakesTheSameBlocksAgain() {
        var pool = BufferPool(blockByteCount: 8)
        for _ in 0..<1000 {
            let slices = (0..<4).map { _ in BufferSlice(pool.take(), 0..<1) }
            #expect(Set(slices.map { ObjectIdentifier($0.buffer) }).count == 4)
        }
        #expect(pool.blockCount <= 8)
    }

    @Test func noMoreBlocksAreKeptThanTheLimitSays() {
        var pool = BufferPool(blockByteCount: 8, limits: .init(blockCountMax: 2))
        let blocks = (0..<5).map { _ in pool.take() }
        #expect(Set(blocks.map(ObjectIdentifier.init)).count == 5)
        #expect(pool.blockCount == 2)
    }

    @Test func trimmingFreesWhatIsFreeOnly() {
        var pool = BufferPool(blockByteCount: 8)
        let kept = pool.take()
        weak let free = pool.take()
        #expect(free != nil)
        pool.trim()
        #expect(free == nil)
        #expect(pool.blockCount == 1)
        #expect(kept.byteCount == 8)
        #expect(pool.take() !== kept)
        pool.trim(keeping: 2)
        #expect(pool.blockCount == 2)
    }
}

@Suite struct RecordBuilderTests {
    @Test func framesAreGatheredBehindTheHeadroom() {
        var builder = RecordBuilder(headroom: 4, contentByteCountMax: 8)
        #expect(!builder.isStarted)
        #expect(builder.isEmpty)
        #expect(builder.room == 0)
        #expect(builder.finish() == nil)
        let block = Buffer(byteCount: 16)
        builder.start(in: block)
        #expect(builder.isStarted)
        #expect(builder.isEmpty)
        #expect(builder.room == 8)
        builder.append(bigEndian: UInt16(0x0102))
        builder.append([UInt8(9)].span)
        #expect(builder.room == 5)
        builder.append(bigEndian: UInt32(0xa0b0_c0d0))
        #expect(!builder.isEmpty)
        guard let record = builder.finish() else {
            Issue.record("nothing was finished")
            return
        }
        #expect(record.block === block)
        #expect(record.content == 4..<11)
        #expect(BufferSlice(record.block, record.content).array() == [1, 2, 9, 0xa0, 0xb0, 0xc0, 0xd0])
        #expect(!builder.isStarted)
        #expect(builder.finish() == nil)
    }

    @Test func anEmptyRecordIsNotFinishedButStaysStarted() {
        var builder = RecordBuilder(headroom: 2, contentByteCountMax: 4)
        builder.start(in: Buffer(byteCount: 8))
        #expect(builder.finish() == nil)
        #expect(builder.isStarted)
        builder.append([1, 2, 3, 4].span)
        #expect(builder.room == 0)
        #expect(builder.finish()?.content == 2..<6)
    }
}
