internal import StarlingCore
internal import StarlingWorld

/// Where bytes in flight live: blocks that fill from front to back and are free again when the last slice is gone.
struct SegmentArena: ~Copyable {
    private var pool = BufferPool(blockByteCount: LoopBlock.readByteCount, limits: .init(blockCountMax: 256))
    private var block: Buffer?
    private var end = 0

    /// A region for one segment, which its caller fills at once.
    ///
    /// - Precondition: `byteCount` is positive and at most the size of a block.
    mutating func take(byteCount: Int) -> BufferSlice {
        if let block, end + byteCount <= block.byteCount {
            let slice = BufferSlice(block, end..<end + byteCount)
            end += byteCount
            return slice
        }
        block = nil
        let fresh = pool.take()
        block = fresh
        end = byteCount
        return BufferSlice(fresh, 0..<byteCount)
    }

    /// Frees what nobody uses.
    mutating func trim() {
        block = nil
        end = 0
        pool.trim()
    }
}
