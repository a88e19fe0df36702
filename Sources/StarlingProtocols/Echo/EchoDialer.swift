/// Why an echo is not the one that was expected.
package enum EchoError: Error, Equatable, Sendable {
    /// The byte at this position of the stream is another one than was sent.
    case mismatch(position: UInt64)
    /// More came back than was sent.
    case tooManyBytes
    /// The stream ended before everything had come back.
    case tooFewBytes(UInt64)
}

/// Sends a known pattern to an echo listener and checks what comes back, byte by byte.
///
/// The listener needs no machine: it writes what it reads, and ends the stream when the dialer does.
package struct EchoDialer: Sendable {
    package let byteCount: UInt64
    package private(set) var sentByteCount: UInt64 = 0
    package private(set) var echoedByteCount: UInt64 = 0

    /// One period of the pattern, of prime length, so that a lost or repeated block shows wherever it begins.
    private static let pattern = (0..<4093).map { UInt8(truncatingIfNeeded: $0 &* 167 ^ $0 >> 5) }

    package init(byteCount: UInt64) {
        self.byteCount = byteCount
    }

    /// Whether everything came back.
    package var isComplete: Bool { echoedByteCount == byteCount }

    /// The next bytes to write, at most `byteCountMax`; `nil` when all are sent, and the writing side is to be ended.
    package mutating func nextOutput(byteCountMax: Int) -> [UInt8]? {
        let count = Int(clamping: min(byteCount - sentByteCount, UInt64(max(byteCountMax, 0))))
        guard count > 0 else { return nil }
        let start = Int(sentByteCount % UInt64(Self.pattern.count))
        sentByteCount += UInt64(count)
        var bytes = Array(Self.pattern[start..<min(start + count, Self.pattern.count)])
        bytes.reserveCapacity(count)
        while bytes.count < count { bytes += Self.pattern.prefix(count - bytes.count) }
        return bytes
    }

    /// Checks bytes that came back.
    package mutating func receive(_ bytes: Span<UInt8>) throws(EchoError) {
        guard UInt64(bytes.count) <= sentByteCount - echoedByteCount else { throw .tooManyBytes }
        var offset = 0
        while offset < bytes.count {
            let start = Int(echoedByteCount % UInt64(Self.pattern.count))
            let count = min(Self.pattern.count - start, bytes.count - offset)
            let expected = Self.pattern.span.extracting(start..<start + count)
            for index in 0..<count where bytes[offset + index] != expected[index] {
                throw .mismatch(position: echoedByteCount + UInt64(index))
            }
            offset += count
            echoedByteCount += UInt64(count)
        }
    }

    /// The listener ended the stream.
    package func receiveEnd() throws(EchoError) {
        if !isComplete { throw .tooFewBytes(echoedByteCount) }
    }
}
