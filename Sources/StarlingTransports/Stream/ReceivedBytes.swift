package import StarlingCore

/// What came on a stream and was not read yet, in order.
///
/// Large slices stay in the block that they were read into. A small one would pin its whole block, so what of it is
/// still there when the turn of the loop ends is copied, and small ones that follow each other share a block: a peer
/// that sends each byte in a frame of its own costs little more memory than the bytes are.
///
/// The owner calls ``settle()`` at the end of a turn in which bytes came.
package struct ReceivedBytes {
    /// A slice stays in its block if it is this part of it: a full record is a little less than a quarter.
    private static let blockShare = 5
    /// Smaller pieces are gathered.
    private static let gatheredByteCountMax = 4096
    /// The block for the first of them: most streams have one small message unread at a time.
    private static let firstBlockByteCount = 256
    /// Pieces of one turn that are left where they are; with more, the oldest settle at once.
    private static let freshCountMax = 16

    private var slices = RingQueue<BufferSlice>()
    /// What came in this turn, behind everything else: most of it will be read before the turn ends.
    private var fresh = RingQueue<BufferSlice>()
    /// Small pieces, which stand between ``slices`` and ``fresh``; the rest of the block is free.
    private var gathered: (block: Buffer, range: Range<Int>)?
    /// The number of bytes.
    package private(set) var byteCount = 0

    package init() {}

    package var isEmpty: Bool { byteCount == 0 }

    /// Appends bytes that came.
    package mutating func append(_ bytes: BufferSlice) {
        guard !bytes.isEmpty else { return }
        byteCount += bytes.count
        if fresh.count == Self.freshCountMax, let oldest = fresh.popFirst() { keep(oldest) }
        fresh.append(bytes)
    }

    /// Lets go of blocks of which only a little is unread.
    package mutating func settle() {
        while let bytes = fresh.popFirst() { keep(bytes) }
    }

    /// Takes the next bytes, at most `byteCountMax`; `nil` when there are none.
    package mutating func take(_ byteCountMax: Int) -> BufferSlice? {
        if slices.isEmpty { closeGathered() }
        let taken = slices.isEmpty ? Self.take(byteCountMax, &fresh) : Self.take(byteCountMax, &slices)
        byteCount -= taken?.count ?? 0
        return taken
    }

    private static func take(_ byteCountMax: Int, _ queue: inout RingQueue<BufferSlice>) -> BufferSlice? {
        guard var first = queue.popFirst() else { return nil }
        let taken = first.removePrefix(min(first.count, byteCountMax))
        if !first.isEmpty { queue.prepend(first) }
        return taken
    }

    /// Drops everything, and returns how many bytes that were.
    @discardableResult
    package mutating func removeAll() -> Int {
        defer { self = ReceivedBytes() }
        return byteCount
    }

    private mutating func keep(_ bytes: BufferSlice) {
        if bytes.count * Self.blockShare >= bytes.buffer.byteCount {
            closeGathered()
            slices.append(bytes)
        } else if bytes.count >= Self.gatheredByteCountMax {
            closeGathered()
            slices.append(bytes.withSpan { BufferSlice(copying: $0) })
        } else {
            gather(bytes)
        }
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
