internal import StarlingCore
package import StarlingProtocols
package import StarlingTransports
package import StarlingWorld

/// Measures round trips over one stream.
///
/// Owns the I/O and no protocol rule.
package struct PingDriver: Sendable {
    private let stream: Stream
    private let world: World

    package init(stream: Stream, world: World) {
        self.stream = stream
        self.world = world
    }

    /// Serves one inbound stream: every probe goes back whole.
    package static func serve(_ stream: Stream) async {
        var listener = PingListener()
        do {
            while let bytes = try await stream.read() {
                let echo = bytes.withSpan { listener.receive($0) }
                if let echo { try await stream.write(echo) }
            }
            try listener.receiveEnd()
            try await stream.closeWrite()
        } catch {
            // Whether the dialer broke the protocol or went away: it learns of the end, and there is no one else.
            await stream.reset()
        }
    }

    /// Sends `count` probes one after the other, and hands each round trip to `report`.
    ///
    /// Cancellation: throws ``StreamError/cancelled``; the stream is reset.
    package func run(
        count: Int,
        interval: Duration = .zero,
        report: (Duration) -> Void
    ) async throws(PingFailure) {
        let loop = stream.connection.loop
        var dialer = PingDialer()
        for index in 0..<count {
            if index > 0 && interval > .zero {
                do { try await loop.sleep(for: interval) } catch { throw await fail(.stream(.cancelled)) }
            }
            report(try await probe(&dialer, loop))
        }
        try? await stream.closeWrite()
    }

    private func probe(
        _ dialer: inout PingDialer,
        _ loop: any EventLoop
    ) async throws(PingFailure) -> Duration {
        let payload = world.random.bytes(count: Ping.payloadByteCount)
        do throws(PingError) { try dialer.probe(payload, now: loop.now) } catch { throw .ping(error) }
        while true {
            while let action = dialer.nextAction() {
                switch action {
                case .write(let bytes):
                    do throws(StreamError) { try await stream.write(bytes) } catch { throw .stream(error) }
                case .report(let roundTrip):
                    return roundTrip
                case .fail(let reason):
                    throw await fail(.ping(reason))
                }
            }
            let deadline = dialer.nextDeadline ?? loop.now
            do throws(StreamError) {
                let read = try await loop.withDeadline(deadline) { [stream] () async throws(StreamError) in
                    try await stream.read()
                }
                switch read {
                case .some(.some(let bytes)): bytes.withSpan { dialer.receive($0, now: loop.now) }
                case .some(.none): dialer.receiveEnd()
                case .none: dialer.advance(to: loop.now)
                }
            } catch {
                throw await fail(.stream(error))
            }
        }
    }

    private func fail(_ failure: PingFailure) async -> PingFailure {
        await stream.reset()
        return failure
    }
}

/// Why pings stopped.
package enum PingFailure: Error, Equatable, Sendable {
    case stream(StreamError)
    case ping(PingError)
}
