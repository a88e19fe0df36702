/// Why a perf run failed.
package enum PerfError: Error, Equatable, Sendable {
    /// The stream ended before the count of bytes to send back was complete.
    case missingHeader
    /// The client asks for more than ``PerfListener/Limits/downloadByteCountMax``.
    case tooLarge(UInt64)
    /// The server sent fewer bytes than it was asked for.
    case tooFewBytes(UInt64)
    /// The server sent more bytes than it was asked for.
    case tooManyBytes
    /// The server sent bytes before the upload was through.
    case earlyBytes
}
