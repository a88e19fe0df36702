/// The layout of SQLite's write-ahead log.
///
/// Source: SQLite, "Database File Format", section 4, "The Write-Ahead Log".
enum LogFormat {
    static let headerByteCount = 32
    static let frameHeaderByteCount = 24
    static let frameByteCount = frameHeaderByteCount + StoreDatabase.pageByteCount
    /// The magic number without its last bit, which tells in which order the checksum takes the bytes of a word.
    static let magic: UInt32 = 0x377f_0682

    /// How long a log of so many frames is.
    static func byteCount(ofFrames count: Int) -> Int { headerByteCount + count * frameByteCount }

    /// Where a frame begins; frames count from 1.
    static func offset(ofFrame index: Int) -> Int { byteCount(ofFrames: index - 1) }

    /// A word in network byte order.
    static func word(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Two words that follow each other: the salts, or a checksum.
    static func pair(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
        UInt64(word(bytes, offset)) << 32 | UInt64(word(bytes, offset + 4))
    }

    /// The checksum of a frame: of its header's first 8 bytes and its page, going on from the sum before it.
    static func checksum(_ frame: [UInt8], from sum: UInt64, isBigEndian: Bool) -> UInt64 {
        checksum(
            frame[frameHeaderByteCount...],
            from: checksum(frame[..<8], from: sum, isBigEndian: isBigEndian),
            isBigEndian: isBigEndian
        )
    }

    static func checksum(_ bytes: ArraySlice<UInt8>, from sum: UInt64 = 0, isBigEndian: Bool) -> UInt64 {
        var first = UInt32(truncatingIfNeeded: sum >> 32)
        var second = UInt32(truncatingIfNeeded: sum)
        bytes.withUnsafeBytes { bytes in
            var offset = 0
            while offset + 8 <= bytes.count {
                let left = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
                let right = bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
                first &+= (isBigEndian ? UInt32(bigEndian: left) : UInt32(littleEndian: left)) &+ second
                second &+= (isBigEndian ? UInt32(bigEndian: right) : UInt32(littleEndian: right)) &+ first
                offset += 8
            }
        }
        return UInt64(first) << 32 | UInt64(second)
    }
}
