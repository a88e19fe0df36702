/// Why a probe could not start, or why a ping stream was given up.
package enum PingError: Error, Equatable, Sendable {
    /// A probe is under way on this stream.
    case busy
    /// The echo differs from the probe: a broken or hostile listener.
    case echoMismatch
    /// The listener sent bytes that no probe asked for.
    case unexpectedBytes
    /// No complete echo within ``PingDialer/Limits/echoTimeout``.
    case timedOut
    /// The stream ended or failed.
    case streamEnded
}

/// The wire form of libp2p ping: 32 bytes there, the same 32 bytes back.
///
/// Spec: libp2p/specs `ping/ping.md` r0, "Protocol".
package enum Ping {
    /// Bytes in one probe.
    package static let payloadByteCount = 32
}
