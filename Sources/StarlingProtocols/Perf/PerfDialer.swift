package import StarlingCore

/// The client of libp2p perf: uploads a number of bytes, then downloads a number of bytes.
///
/// The driver writes ``header``, then ``uploadByteCount`` bytes of any content, ends its writing side and calls
/// ``uploaded(at:)``; it counts what comes with ``receive(byteCount:now:)``.
///
/// Spec: libp2p/specs `perf/perf.md` r0, "Protocol".
package struct PerfDialer: Sendable {
    /// What a run took.
    package struct Report: Equatable, Sendable {
        /// From the start until the last byte of the upload was handed to the stream.
        package var upload: Duration
        /// From there until the end of the download.
        package var download: Duration
        package var uploadByteCount: UInt64
        package var downloadByteCount: UInt64
    }

    package let uploadByteCount: UInt64
    package let downloadByteCount: UInt64

    private let startedAt: Instant
    private var uploadedAt: Instant?
    private var receivedByteCount: UInt64 = 0

    package init(uploadByteCount: UInt64, downloadByteCount: UInt64, now: Instant) {
        self.uploadByteCount = uploadByteCount
        self.downloadByteCount = downloadByteCount
        startedAt = now
    }

    /// The first eight bytes of the stream: how much the server is to send, in network byte order.
    package var header: [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: downloadByteCount >> UInt64(56 - 8 * $0)) }
    }

    /// The upload was handed to the stream, and its writing side ended.
    package mutating func uploaded(at now: Instant) {
        uploadedAt = now
    }

    /// Bytes of the download arrived.
    package mutating func receive(byteCount: Int, now: Instant) throws(PerfError) {
        guard byteCount > 0 else { return }
        guard uploadedAt != nil else { throw .earlyBytes }
        guard UInt64(byteCount) <= downloadByteCount - receivedByteCount else { throw .tooManyBytes }
        receivedByteCount += UInt64(byteCount)
    }

    /// The server ended the stream.
    package func receiveEnd(now: Instant) throws(PerfError) -> Report {
        guard let uploadedAt else { throw .earlyBytes }
        guard receivedByteCount == downloadByteCount else { throw .tooFewBytes(receivedByteCount) }
        return Report(
            upload: startedAt.duration(to: uploadedAt),
            download: uploadedAt.duration(to: now),
            uploadByteCount: uploadByteCount,
            downloadByteCount: downloadByteCount
        )
    }
}
