internal import StarlingCore
internal import StarlingWorld

/// Where a loop's reads land: one block that each read fills a bit further, and starts over when nobody
/// holds a slice of it any more.
///
/// Idle sockets hold no read buffer at all, and in the steady state a read allocates nothing.
struct ReadArea: ~Copyable {
    /// A read finds at least so much room; less would cost bulk transfers extra system calls.
    static let roomMin = 65_536
    /// A read takes no more at once, so that what came is still in the processor's cache when it is decrypted.
    static let roomMax = 131_072
    /// Blocks kept while slices of them are in use elsewhere.
    ///
    /// Beyond that their last user frees them.
    private static let blockCountMax = 16

    private var block: Buffer?
    private var offset = 0
    private var others: [Buffer] = []
    private var wasUsed = false

    var blockCount: Int { others.count + (block == nil ? 0 : 1) }

    /// The memory for the next read.
    mutating func room() -> UnsafeMutableRawBufferPointer {
        wasUsed = true
        if offset > 0, isKnownUniquelyReferenced(&block) { offset = 0 }
        if let block, block.byteCount - offset >= Self.roomMin {
            return block.memory(offset..<min(block.byteCount, offset + Self.roomMax))
        }
        let fresh = takeFreeBlock()
        if let block, others.count < Self.blockCountMax { others.append(block) }
        block = fresh
        offset = 0
        return fresh.memory(0..<Self.roomMax)
    }

    /// The bytes that the read left in ``room()``.
    mutating func take(_ byteCount: Int) -> BufferSlice? {
        guard let block else { return nil }
        let slice = BufferSlice(block, offset..<offset + byteCount)
        // The next slice begins on a cache line of its own: nobody decrypts into a neighbour's line.
        offset = (offset + byteCount + 63) & ~63
        return slice
    }

    /// Frees what nobody uses, when there was no read since the last call.
    ///
    /// Returns whether anything is left.
    mutating func trim() -> (freedSome: Bool, isEmpty: Bool) {
        if wasUsed {
            wasUsed = false
            return (false, false)
        }
        var freedSome = false
        if isKnownUniquelyReferenced(&block) {
            block = nil
            offset = 0
            freedSome = true
        }
        for index in others.indices.reversed() where isKnownUniquelyReferenced(&others[index]) {
            others.remove(at: index)
            freedSome = true
        }
        return (freedSome, block == nil && others.isEmpty)
    }

    private mutating func takeFreeBlock() -> Buffer {
        for index in others.indices where isKnownUniquelyReferenced(&others[index]) {
            return others.remove(at: index)
        }
        return Buffer(byteCount: LoopBlock.readByteCount)
    }
}
