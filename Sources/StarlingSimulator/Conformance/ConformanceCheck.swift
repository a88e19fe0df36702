package import StarlingCore
package import StarlingWorld

/// One thing that every world has to get right, whether real or simulated.
///
/// A check is run as a task of the stage's first loop. Nothing in it waits for real time to pass, but each wait has
/// a limit, so that a failure says what did not happen.
package struct ConformanceCheck: Sendable, CustomStringConvertible {
    /// What is promised, as a sentence.
    package let promise: String
    package let run: @Sendable (ConformanceStage) async throws -> Void

    init(_ promise: String, run: @escaping @Sendable (ConformanceStage) async throws -> Void) {
        self.promise = promise
        self.run = run
    }

    package var description: String { promise }

    /// All checks.
    package static var all: [ConformanceCheck] {
        ConformanceCheck.ofLoops + ConformanceCheck.ofStreams + ConformanceCheck.ofListeners
            + ConformanceCheck.ofDatagrams
    }

    /// Those that a Unix path as the stage's stream address matters to.
    package static var ofUnixStreams: [ConformanceCheck] { ofStreams + ofListeners }
}

/// Where checks run: two loops, which may be one, and an address where the second listens.
package struct ConformanceStage: Sendable {
    /// The loop that dials, and that the check's task was started on.
    package var dialerLoop: any EventLoop
    /// The loop that listens.
    package var listenerLoop: any EventLoop
    /// Where to listen for streams: an IP address of the listener's machine with port 0, or a fresh Unix path.
    package var streamAddress: SocketAddress
    /// Where to open datagram sockets on the dialer's and the listener's machine, with port 0.
    package var datagramAddresses: (dialer: SocketAddress, listener: SocketAddress)

    /// The size of large transfers: more than all buffers on the way hold.
    package var bulkByteCount = 8_000_000

    package init(
        dialerLoop: any EventLoop,
        listenerLoop: any EventLoop,
        streamAddress: SocketAddress,
        datagramAddresses: (dialer: SocketAddress, listener: SocketAddress)
    ) {
        self.dialerLoop = dialerLoop
        self.listenerLoop = listenerLoop
        self.streamAddress = streamAddress
        self.datagramAddresses = datagramAddresses
    }
}

/// What a world did not keep.
package struct ConformanceFailure: Error, CustomStringConvertible {
    package let description: String
}

/// Fails the check when `condition` does not hold.
func expect(_ condition: Bool, _ failure: @autoclosure () -> String) throws(ConformanceFailure) {
    if !condition { throw ConformanceFailure(description: failure()) }
}

/// Fails the check when there is no value.
func unwrap<Value>(_ value: Value?, _ failure: @autoclosure () -> String) throws(ConformanceFailure) -> Value
{
    guard let value else { throw ConformanceFailure(description: failure()) }
    return value
}
