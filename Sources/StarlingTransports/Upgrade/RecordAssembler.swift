internal import StarlingCore
internal import StarlingCrypto
internal import StarlingWorld

/// Cuts the bytes of a socket into records that stand behind a two-byte length, as Noise has them.
///
/// A record that came whole stays where it was read; only one that straddles two reads is put together.
///
/// Spec: libp2p/specs `noise/README.md` r5, "Wire Format".
struct RecordAssembler {
    /// Above this a record is put together in a pooled block.
    ///
    /// A handshake's messages never are: those blocks are large, and half-open connections many.
    private static let ownBlockByteCountMax = 8192 + NoiseRecord.headerByteCount

    /// A longer record, without its length, is refused as soon as that has come.
    var recordByteCountMax = NoiseRecord.recordByteCountMax

    private let loop: any EventLoop
    private var unread: BufferSlice?
    /// A length of which only the first byte has come.
    private var firstByte: UInt8?
    private var partial: (block: Buffer, byteCount: Int, wanted: Int)?

    init(loop: any EventLoop) { self.loop = loop }

    /// Takes what was read.
    ///
    /// - Precondition: ``next()`` gave `nil` since the last call.
    mutating func feed(_ bytes: BufferSlice) {
        precondition(unread == nil)
        if !bytes.isEmpty { unread = bytes }
    }

    /// The next record with its length in front, or `nil` until more is fed.
    ///
    /// - Throws: ``NoiseError/messageTooLong``.
    mutating func next() throws(NoiseError) -> BufferSlice? {
        if partial == nil, !(try startPartialFromFirstByte()) {
            guard var bytes = unread else { return nil }
            guard bytes.count >= NoiseRecord.headerByteCount else {
                firstByte = bytes.buffer[bytes.range.lowerBound]
                unread = nil
                return nil
            }
            let start = bytes.range.lowerBound
            let wanted =
                NoiseRecord.headerByteCount + Int(bytes.buffer[start]) << 8 + Int(bytes.buffer[start + 1])
            try check(wanted)
            if bytes.count >= wanted {
                let record = bytes.removePrefix(wanted)
                unread = bytes.isEmpty ? nil : bytes
                return record
            }
            partial = (block(for: wanted), 0, wanted)
        }
        return completePartial()
    }

    private func check(_ byteCount: Int) throws(NoiseError) {
        guard byteCount - NoiseRecord.headerByteCount <= recordByteCountMax else { throw .messageTooLong }
    }

    private mutating func startPartialFromFirstByte() throws(NoiseError) -> Bool {
        guard let high = firstByte, let bytes = unread else { return false }
        let low = bytes.buffer[bytes.range.lowerBound]
        let wanted = NoiseRecord.headerByteCount + Int(high) << 8 + Int(low)
        try check(wanted)
        let block = block(for: wanted)
        block[0] = high
        firstByte = nil
        partial = (block, 1, wanted)
        return true
    }

    private func block(for byteCount: Int) -> Buffer {
        byteCount > Self.ownBlockByteCountMax ? loop.takeRecordBuffer() : Buffer(byteCount: byteCount)
    }

    private mutating func completePartial() -> BufferSlice? {
        guard var record = partial, var bytes = unread else { return nil }
        let taken = bytes.removePrefix(min(bytes.count, record.wanted - record.byteCount))
        taken.withSpan { record.block.write($0, at: record.byteCount) }
        record.byteCount += taken.count
        unread = bytes.isEmpty ? nil : bytes
        guard record.byteCount == record.wanted else {
            partial = record
            return nil
        }
        partial = nil
        return BufferSlice(record.block, 0..<record.wanted)
    }
}
