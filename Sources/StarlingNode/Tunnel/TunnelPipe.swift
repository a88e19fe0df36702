internal import StarlingCore
internal import StarlingTransports
internal import StarlingWorld

/// Carries bytes between two streams, both ways, until both directions have ended or one of them fails.
///
/// Slices pass as they came: no byte is copied but into the record that leaves. A direction is read again when the other
/// stream has taken what was read, so that whoever writes too fast is slowed down by whoever reads too slowly. The end
/// of a direction, and a reset, are passed on.
///
/// Lives on the loop of the stream that came in.
actor TunnelPipe {
    /// How it ended.
    enum End: Equatable, Sendable {
        /// Both directions, in good order.
        case finished
        /// The stream that came in failed, or carried nothing for too long.
        case incoming(StreamError)
        /// The stream that goes on failed.
        case outgoing(StreamError)
        /// The same, before anything came back on it.
        case unanswered(StreamError)

        /// Whether the way is to blame, and not whoever is at its end.
        var isOfTheWay: Bool {
            switch self {
            case .unanswered, .outgoing(.connectionClosed): true
            case .finished, .incoming, .outgoing: false
            }
        }
    }

    private let incoming: Stream
    private let outgoing: Stream
    private let idleTimeout: Duration
    /// Tells the one that asked that nothing came back from where it wants to go.
    private let refusal: [UInt8]
    private nonisolated let loop: any EventLoop
    private var movedAt: Instant
    private var hasAnswered = false
    private var end: End?
    private var timer: (any LoopTimer)?

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    /// - Parameter refusal: What goes back in place of an answer when the outgoing stream fails before its first byte.
    init(_ incoming: Stream, _ outgoing: Stream, idleTimeout: Duration, refusal: [UInt8]) {
        self.incoming = incoming
        self.outgoing = outgoing
        self.idleTimeout = idleTimeout
        self.refusal = refusal
        loop = incoming.connection.loop
        movedAt = loop.now
    }

    /// Carries until the end; then both streams have ended too.
    func run() async -> End {
        timer = loop.makeTimer { [weak self] in self?.enter { $0.fire() } }
        timer?.arm(at: movedAt + idleTimeout)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.carryOn() }
            group.addTask { await self.carryBack() }
        }
        timer = nil
        return end ?? .finished
    }

    /// From the one that asked towards the end of the tunnel.
    private func carryOn() async {
        while end == nil {
            let bytes: BufferSlice?
            do throws(StreamError) { bytes = try await incoming.read() } catch {
                return await fail(.incoming(error))
            }
            do throws(StreamError) {
                guard let bytes else { return try await outgoing.closeWrite() }
                try await outgoing.write(bytes)
            } catch {
                return await fail(.outgoing(error))
            }
            movedAt = loop.now
        }
    }

    private func carryBack() async {
        while end == nil {
            let bytes: BufferSlice?
            do throws(StreamError) { bytes = try await outgoing.read() } catch {
                return await fail(.outgoing(error))
            }
            if bytes == nil, !hasAnswered { return await fail(.outgoing(.ended)) }
            hasAnswered = true
            do throws(StreamError) {
                guard let bytes else { return try await incoming.closeWrite() }
                try await incoming.write(bytes)
            } catch {
                return await fail(.incoming(error))
            }
            movedAt = loop.now
        }
    }

    private func fail(_ failure: End) async {
        guard end == nil else { return }
        if case .outgoing(let error) = failure, !hasAnswered {
            end = .unanswered(error)
        } else {
            end = failure
        }
        await outgoing.reset()
        if case .unanswered = end {
            do throws(StreamError) {
                try await incoming.write(refusal)
                try await incoming.closeWrite()
            } catch {
                await incoming.reset()
            }
        } else {
            await incoming.reset()
        }
    }

    private func fire() {
        let deadline = movedAt + idleTimeout
        guard end == nil, deadline <= loop.now else {
            timer?.arm(at: max(deadline, loop.now + .seconds(1)))
            // Who was refused, and does not go away, gets no more patience.
            if end != nil, deadline <= loop.now { loop.startTask { [incoming] in await incoming.reset() } }
            return
        }
        loop.startTask { await self.fail(.incoming(.closed)) }
    }
}
