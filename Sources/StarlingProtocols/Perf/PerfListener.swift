/// The server of libp2p perf: reads to the end, then sends as many bytes as it was asked for.
///
/// Let it serve only peers that may cost us bandwidth: that is the protocol's purpose.
///
/// Spec: libp2p/specs `perf/perf.md` r0, "Protocol" and "Security Considerations".
package struct PerfListener: Sendable {
    /// What a client may ask for.
    package struct Limits: Sendable {
        /// Bytes that one stream may download; a request for more is refused.
        ///
        /// The largest number is a valid request: a client that measures by time asks for it and resets.
        package var downloadByteCountMax: UInt64

        package init(downloadByteCountMax: UInt64 = .max) {
            self.downloadByteCountMax = downloadByteCountMax
        }
    }

    /// Bytes of the upload so far, without the header.
    package private(set) var uploadByteCount: UInt64 = 0

    private let limits: Limits
    private var downloadByteCount: UInt64 = 0
    private var headerByteCount = 0

    package init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// Feeds bytes from the stream, split at any boundary.
    ///
    /// Their content does not matter.
    ///
    /// - Throws: ``PerfError/tooLarge(_:)``; reset the stream then.
    package mutating func receive(_ bytes: Span<UInt8>) throws(PerfError) {
        var offset = 0
        while headerByteCount < 8, offset < bytes.count {
            downloadByteCount = downloadByteCount << 8 | UInt64(bytes[offset])
            headerByteCount += 1
            offset += 1
        }
        if headerByteCount == 8, downloadByteCount > limits.downloadByteCountMax {
            throw .tooLarge(downloadByteCount)
        }
        uploadByteCount += UInt64(bytes.count - offset)
    }

    /// The client ended its side: how many bytes to write before ending the stream.
    ///
    /// - Throws: ``PerfError/missingHeader``.
    package func receiveEnd() throws(PerfError) -> UInt64 {
        guard headerByteCount == 8 else { throw .missingHeader }
        return downloadByteCount
    }
}
