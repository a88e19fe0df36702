/// Hands out blocks of one size and takes them back by looking for those that nobody refers to.
///
/// One loop owns it. Nothing is allocated while blocks come back as fast as they are taken; slices may
/// be dropped on any thread.
package struct BufferPool: ~Copyable {
    /// How much memory the pool keeps while nothing uses it.
    package struct Limits: Sendable {
        /// Blocks kept for reuse.
        ///
        /// More may be out at a time; those are freed by their last user.
        package var blockCountMax: Int

        package init(blockCountMax: Int = 64) {
            self.blockCountMax = blockCountMax
        }
    }

    /// The size of every block in bytes.
    package let blockByteCount: Int

    private let limits: Limits
    private var blocks: [Buffer] = []
    private var cursor = 0

    package init(blockByteCount: Int, limits: Limits = Limits()) {
        self.blockByteCount = blockByteCount
        self.limits = limits
    }

    /// The number of blocks that the pool holds, in use or free.
    package var blockCount: Int { blocks.count }

    /// A block that nobody else refers to.
    ///
    /// Its content is undefined.
    package mutating func take() -> Buffer {
        // A few probes find a free block in the steady state; a miss costs one allocation, not a scan.
        let probeCount = min(blocks.count, 8)
        for _ in 0..<probeCount {
            let index = cursor
            cursor = cursor + 1 == blocks.count ? 0 : cursor + 1
            if isKnownUniquelyReferenced(&blocks[index]) { return blocks[index] }
        }
        let block = Buffer(byteCount: blockByteCount)
        if blocks.count < limits.blockCountMax { blocks.append(block) }
        return block
    }

    /// Frees all blocks that nobody uses, for a loop that went idle.
    package mutating func trim(keeping blockCount: Int = 0) {
        var index = 0
        while index < blocks.count, blocks.count > blockCount {
            if isKnownUniquelyReferenced(&blocks[index]) {
                blocks.swapAt(index, blocks.count - 1)
                blocks.removeLast()
            } else {
                index += 1
            }
        }
        cursor = 0
    }
}
