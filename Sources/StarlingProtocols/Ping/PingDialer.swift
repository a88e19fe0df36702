package import StarlingCore

/// The dialer of libp2p ping: sends random bytes and measures how long their echo takes.
///
/// One probe is under way at a time; the stream serves any number of them. End the stream's writing side after the
/// last.
///
/// Spec: libp2p/specs `ping/ping.md` r0, "Protocol".
package struct PingDialer: Machine, Sendable {
    /// What the driver does next.
    package enum Action: Equatable, Sendable {
        /// Write these bytes to the stream.
        case write([UInt8])
        /// A probe came back.
        case report(roundTrip: Duration)
        /// Reset the stream; the machine is done.
        case fail(PingError)
    }

    /// What a listener may make the dialer wait.
    package struct Limits: Sendable {
        /// How long one probe may take before the stream is given up.
        package var echoTimeout: Duration

        package init(echoTimeout: Duration = .seconds(10)) {
            self.echoTimeout = echoTimeout
        }
    }

    private enum State: Sendable {
        case idle
        case probing(payload: [UInt8], echoedByteCount: Int, sentAt: Instant)
        case over
    }

    private let limits: Limits
    private var state = State.idle
    /// At most one: each input causes one, and the driver pulls after each.
    private var action: Action?

    package init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// When ``advance(to:)`` must be called; `nil` without a probe.
    package var nextDeadline: Instant? {
        guard case .probing(_, _, let sentAt) = state else { return nil }
        return sentAt + limits.echoTimeout
    }

    /// Starts a probe with bytes from the node's random source.
    ///
    /// - Precondition: `payload` has ``Ping/payloadByteCount`` bytes.
    /// - Throws: ``PingError/busy`` during a probe, ``PingError/streamEnded`` after the end.
    package mutating func probe(_ payload: [UInt8], now: Instant) throws(PingError) {
        precondition(payload.count == Ping.payloadByteCount)
        switch state {
        case .idle:
            state = .probing(payload: payload, echoedByteCount: 0, sentAt: now)
            action = .write(payload)
        case .probing: throw .busy
        case .over: throw .streamEnded
        }
    }

    /// Feeds bytes from the stream, split at any boundary.
    package mutating func receive(_ bytes: Span<UInt8>, now: Instant) {
        guard !bytes.isEmpty else { return }
        switch state {
        case .idle: fail(.unexpectedBytes)
        case .probing(let payload, let echoedByteCount, let sentAt):
            guard bytes.count <= payload.count - echoedByteCount else { return fail(.unexpectedBytes) }
            for index in bytes.indices where bytes[index] != payload[echoedByteCount + index] {
                return fail(.echoMismatch)
            }
            guard echoedByteCount + bytes.count == payload.count else {
                state = .probing(
                    payload: payload,
                    echoedByteCount: echoedByteCount + bytes.count,
                    sentAt: sentAt
                )
                return
            }
            state = .idle
            action = .report(roundTrip: sentAt.duration(to: now))
        case .over: break
        }
    }

    /// The stream ended or failed.
    package mutating func receiveEnd() {
        switch state {
        case .idle, .probing: fail(.streamEnded)
        case .over: break
        }
    }

    package mutating func advance(to now: Instant) {
        if let deadline = nextDeadline, deadline <= now { fail(.timedOut) }
    }

    package mutating func nextAction() -> Action? {
        action.take()
    }

    private mutating func fail(_ error: PingError) {
        state = .over
        action = .fail(error)
    }
}
