/// A fixed block of memory that the data plane fills, encrypts in place and shares as slices.
///
/// Reference-counted: a block is free again when the last ``BufferSlice`` of it is gone, on whatever
/// thread that happens. Whoever took it from its ``BufferPool`` writes; a region that was handed out as
/// a slice is not written again before the pool sees the block unreferenced.
@safe @usableFromInline
package final class Buffer: @unchecked Sendable {  // tidy-ok: see the writing rule above
    /// The size of the block in bytes.
    @usableFromInline package let byteCount: Int

    @usableFromInline package let base: UnsafeMutableRawPointer

    /// Blocks from this size on begin with a page of memory.
    package static let pagedByteCountMin = 65_536
    /// What disks read and write at least, on the systems that we know.
    package static let pageByteCount = 4096

    /// Allocates a block, aligned for vector instructions, and a large one for disks, which then take it as it lies.
    ///
    /// Its content is undefined until written.
    package init(byteCount: Int) {
        precondition(byteCount > 0)
        self.byteCount = byteCount
        let alignment = byteCount < Self.pagedByteCountMin ? 64 : Self.pageByteCount
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: alignment)
    }

    deinit { unsafe base.deallocate() }

    /// The whole block, for C calls and ciphers that work in place.
    @inlinable package var memory: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: base, count: byteCount)
    }

    /// A part of the block, for C calls and ciphers that work in place.
    ///
    /// - Precondition: the range lies within the block.
    @inlinable package func memory(_ range: Range<Int>) -> UnsafeMutableRawBufferPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= byteCount)
        return unsafe UnsafeMutableRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    /// Copies `bytes` into the block at `offset`.
    ///
    /// - Precondition: they fit.
    @inlinable package func write(_ bytes: Span<UInt8>, at offset: Int) {
        precondition(offset >= 0 && bytes.count <= byteCount - offset)
        unsafe bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            unsafe (base + offset).copyMemory(from: start, byteCount: source.count)
        }
    }

    /// Sets every byte to zero.
    package func fillWithZeros() {
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// Moves a part of the block to `offset`; the two regions may overlap.
    @inlinable package func move(_ range: Range<Int>, to offset: Int) {
        precondition(range.lowerBound >= 0 && range.upperBound <= byteCount)
        precondition(offset >= 0 && range.count <= byteCount - offset)
        unsafe (base + offset).copyMemory(from: base + range.lowerBound, byteCount: range.count)
    }

    @inlinable package subscript(offset: Int) -> UInt8 {
        get {
            precondition(offset >= 0 && offset < byteCount)
            return unsafe base.load(fromByteOffset: offset, as: UInt8.self)
        }
        set {
            precondition(offset >= 0 && offset < byteCount)
            unsafe base.storeBytes(of: newValue, toByteOffset: offset, as: UInt8.self)
        }
    }

    /// Lends a part of the block for parsing.
    @inlinable package func withSpan<Result: ~Copyable, Failure: Error>(
        _ range: Range<Int>,
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let bytes = unsafe UnsafeRawBufferPointer(memory(range)).bindMemory(to: UInt8.self)
        return try unsafe body(bytes.span)
    }
}

/// An immutable view of a part of a ``Buffer``, which it keeps alive.
@usableFromInline package struct BufferSlice: Sendable {
    /// The block that holds the bytes.
    @usableFromInline package let buffer: Buffer
    /// Where the bytes stand in the block.
    @usableFromInline package private(set) var range: Range<Int>

    /// - Precondition: the range lies within the block.
    @inlinable package init(_ buffer: Buffer, _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= buffer.byteCount)
        self.init(checked: buffer, range)
    }

    @usableFromInline init(checked buffer: Buffer, _ range: Range<Int>) {
        self.buffer = buffer
        self.range = range
    }

    /// A slice of a block of its own that holds a copy of `bytes`.
    package init(copying bytes: Span<UInt8>) {
        let buffer = Buffer(byteCount: max(bytes.count, 1))
        buffer.write(bytes, at: 0)
        self.init(buffer, 0..<bytes.count)
    }

    /// The number of bytes.
    @inlinable package var count: Int { range.count }
    @inlinable package var isEmpty: Bool { range.isEmpty }

    /// Lends the bytes for parsing.
    @inlinable package func withSpan<Result: ~Copyable, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try buffer.withSpan(range, body)
    }

    /// Cuts the first `byteCount` bytes off and returns them.
    ///
    /// - Precondition: there are so many.
    @inlinable package mutating func removePrefix(_ byteCount: Int) -> BufferSlice {
        precondition(byteCount >= 0 && byteCount <= count)
        let cut = range.lowerBound + byteCount
        let prefix = BufferSlice(buffer, range.lowerBound..<cut)
        self = BufferSlice(checked: buffer, cut..<range.upperBound)
        return prefix
    }

    /// A copy of the bytes.
    package func array() -> [UInt8] {
        withSpan { $0.array() }
    }
}
