package import StarlingCore

/// What came on a stream and was not read yet, in order.
///
/// Large slices stay in the block that they were read into. A small one would pin its whole block, so it is copied,
/// and small ones that follow each other share a block: a peer that sends each byte in a frame of its own costs
/// little more memory than the bytes are.
package struct ReceivedBytes {
    /// Smaller pieces are gathered.
    private static let gatheredByteCountMax = 4096
    /// The block for the first of them: most streams have one small message unread at a time.
    private static let firstBlockByteCount = 256

    private var slices = RingQueue<BufferSlice>()
    /// Small pieces, which stand behind all ``slices``; the rest of the block is free.
    private var gathered: (block: Buffer, range: Range<Int>)?
    /// The number of bytes.
    package private(set) var byteCount = 0

    package init() {}

    package var isEmpty: Bool { byteCount == 0 }

    /// Appends bytes that came.
    package mutating func append(_ bytes: BufferSlice) {
        guard !bytes.isEmpty else { return }
        byteCount += bytes.count
        if bytes.count * 4 >= bytes.buffer.byteCount {
            closeGathered()
            slices.append(bytes)
        } else if bytes.count >= Self.gatheredByteCountMax {
            closeGathered()
            slices.append(bytes.withSpan { BufferSlice(copying: $0) })
        } else {
            gather(bytes)
        }
    }

    /// Takes the next bytes, at most `byteCountMax`; `nil` when there are none.
    package mutating func take(_ byteCountMax: Int) -> BufferSlice? {
        if slices.isEmpty { closeGathered() }
        guard var first = slices.popFirst() else { return nil }
        let taken = first.removePrefix(min(first.count, byteCountMax))
        if !first.isEmpty { slices.prepend(first) }
        byteCount -= taken.count
        return taken
    }

    /// Drops everything, and returns how many bytes that were.
    @discardableResult
    package mutating func removeAll() -> Int {
        defer { self = ReceivedBytes() }
        return byteCount
    }

    private mutating func gather(_ bytes: BufferSlice) {
        if let (block, range) = gathered, block.byteCount - range.upperBound >= bytes.count {
            bytes.withSpan { block.write($0, at: range.upperBound) }
            gathered = (block, range.lowerBound..<range.upperBound + bytes.count)
            return
        }
        let isFirst = gathered == nil && slices.isEmpty
        closeGathered()
        let smallest = isFirst ? Self.firstBlockByteCount : Self.gatheredByteCountMax
        let block = Buffer(byteCount: max(smallest, bytes.count))
        bytes.withSpan { block.write($0, at: 0) }
        gathered = (block, 0..<bytes.count)
    }

    /// Makes one slice of what was gathered; what comes next goes behind it in the same block.
    private mutating func closeGathered() {
        guard let (block, range) = gathered else { return }
        if !range.isEmpty { slices.append(BufferSlice(block, range)) }
        let isFull = range.upperBound == block.byteCount
        gathered = isFull ? nil : (block, range.upperBound..<range.upperBound)
    }
}
