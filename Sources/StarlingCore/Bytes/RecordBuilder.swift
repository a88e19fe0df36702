/// Gathers the frames of one outgoing record in a pooled block, with room around them for the secure
/// channel's header and tag, so that the record is encrypted where it stands.
///
/// The owner starts it with a block, lets the muxer append frames while there is ``room``, and takes the
/// finished record with ``finish()``.
@usableFromInline package struct RecordBuilder {
    /// Bytes kept free in front of the content, for a length or a record header.
    @usableFromInline package let headroom: Int
    /// The most content that one record may hold.
    @usableFromInline package let contentByteCountMax: Int

    @usableFromInline var block: Buffer?
    @usableFromInline var end = 0

    package init(headroom: Int, contentByteCountMax: Int) {
        self.headroom = headroom
        self.contentByteCountMax = contentByteCountMax
    }

    /// Whether a block is there to append to.
    @inlinable package var isStarted: Bool { block != nil }
    /// Whether nothing was appended yet.
    @inlinable package var isEmpty: Bool { block == nil || end == headroom }
    /// Content bytes that still fit; 0 without a block.
    @inlinable package var room: Int { block == nil ? 0 : headroom + contentByteCountMax - end }

    /// Begins a record in `block`.
    ///
    /// - Precondition: no record is under way, and the block holds headroom, content and the tag.
    package mutating func start(in block: Buffer) {
        precondition(self.block == nil && block.byteCount >= headroom + contentByteCountMax)
        self.block = block
        end = headroom
    }

    /// Appends content.
    ///
    /// - Precondition: it fits ``room``.
    @inlinable package mutating func append(_ bytes: Span<UInt8>) {
        precondition(bytes.count <= room)
        block?.write(bytes, at: end)
        end += bytes.count
    }

    /// Appends a number in network byte order.
    ///
    /// - Precondition: it fits ``room``.
    @inlinable package mutating func append<Number: FixedWidthInteger>(bigEndian number: Number) {
        let byteCount = Number.bitWidth / 8
        precondition(byteCount <= room)
        guard let block else { return }
        for index in 0..<byteCount {
            block[end + index] = UInt8(truncatingIfNeeded: number >> Number(8 * (byteCount - 1 - index)))
        }
        end += byteCount
    }

    /// Takes the record: the block, and where its content stands.
    ///
    /// `nil` when nothing was appended.
    package mutating func finish() -> (block: Buffer, content: Range<Int>)? {
        guard let block, end > headroom else { return nil }
        self.block = nil
        return (block, headroom..<end)
    }
}
