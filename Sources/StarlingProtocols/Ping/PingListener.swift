internal import StarlingCore

/// The listener of libp2p ping: sends back every complete probe until the dialer ends the stream.
///
/// It holds less than one probe. The driver writes what ``receive(_:)`` gives before it reads on, so that a dialer that
/// does not read its echoes is not read either.
///
/// Spec: libp2p/specs `ping/ping.md` r0, "Protocol".
package struct PingListener: Sendable {
    private var partial: [UInt8] = []

    package init() {}

    /// Feeds bytes from the stream, split at any boundary.
    ///
    /// - Returns: The bytes to write, `nil` when no probe is complete.
    package mutating func receive(_ bytes: Span<UInt8>) -> [UInt8]? {
        let heldByteCount = partial.count + bytes.count
        let keptByteCount = heldByteCount % Ping.payloadByteCount
        guard heldByteCount > keptByteCount else {
            partial += bytes.array()
            return nil
        }
        let end = bytes.count - keptByteCount
        let echo = partial + bytes.array(0..<end)
        partial = bytes.array(end..<bytes.count)
        return echo
    }

    /// The dialer ended the stream; end it too.
    ///
    /// - Throws: ``PingError/streamEnded`` inside a probe.
    package func receiveEnd() throws(PingError) {
        if !partial.isEmpty { throw .streamEnded }
    }
}
