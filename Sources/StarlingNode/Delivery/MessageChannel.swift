internal import StarlingCore
package import StarlingMesh
package import StarlingTransports

/// Whose messages a ``MessageChannel`` carries.
protocol MessageChannelOwner: AnyObject, Sendable {
    /// Takes what a peer sent, in its order, and returns the frames that answer it.
    ///
    /// The peer is read on only after this has returned, so that it is never ahead of what is durable here.
    func take(_ arrivals: [MessageArrival], from peer: PeerID) async -> [UInt8]

    /// The frames to write to a peer next; suspends until there are some. `nil` when the stream shall end.
    func next(for peer: PeerID, _ priority: MessagePriority) async -> [UInt8]?
}

/// One stream of `/starling/message/1`: frames become arrivals, and frames that wait are written.
///
/// Its work is done by the tasks that call it, which prefer the loop of the stream's connection.
///
/// Spec: docs/specs/message.md, "Stream".
struct MessageChannel {
    struct Limits: Sendable {
        var envelope = Envelope.Limits()
        /// Bytes of frames that are handed on together, and made durable together.
        var batchByteCount = 524_288
    }

    private let stream: Stream
    private let keys: MessageKeys
    private let own: PeerID
    private let limits: Limits

    init(_ stream: Stream, own: PeerID, keys: MessageKeys, limits: Limits = Limits()) {
        self.stream = stream
        self.own = own
        self.keys = keys
        self.limits = limits
    }

    /// Serves a stream that the peer opened, until it ends.
    ///
    /// Cancellation: the stream is reset.
    func serve(_ owner: any MessageChannelOwner, _ hold: ByteHold) async throws(MessageChannelError) {
        do throws(MessageChannelError) {
            try await receive(owner, hold)
            do throws(StreamError) { try await stream.closeWrite() } catch { throw .frames(.stream(error)) }
        } catch {
            await stream.reset()
            throw error
        }
    }

    /// Carries what waits over a stream that this node opened, until there is nothing more or the stream fails.
    ///
    /// Cancellation: the stream is reset; what was written may have arrived.
    func run(
        _ owner: any MessageChannelOwner,
        _ hold: ByteHold,
        _ priority: MessagePriority
    ) async throws(MessageChannelError) {
        let results = await withTaskGroup(of: Result<Void, MessageChannelError>.self) { group in
            group.addTask {
                await Self.result { () async throws(MessageChannelError) in try await receive(owner, hold) }
            }
            group.addTask {
                await Self.result { () async throws(MessageChannelError) in try await send(owner, priority) }
            }
            var first: MessageChannelError?
            for await case .failure(let error) in group {
                // The other half would wait for ever.
                if first == nil { group.cancelAll() }
                first = first ?? error
            }
            return first
        }
        guard let error = results else { return }
        await stream.reset()
        throw error
    }

    private static func result(
        _ body: () async throws(MessageChannelError) -> Void
    ) async -> Result<Void, MessageChannelError> {
        do throws(MessageChannelError) {
            try await body()
            return .success(())
        } catch {
            return .failure(error)
        }
    }

    private func receive(_ owner: any MessageChannelOwner, _ hold: ByteHold) async throws(MessageChannelError)
    {
        var reader = MessageReader(own: own, keys: keys, on: stream.connection.loop, limits: limits.envelope)
        var frames = FrameStream(stream, frameByteCountMax: MessageFrame.byteCountMax) { hold.set($0) }
        while true {
            let batch: [[UInt8]]?
            do throws(FrameError) {
                batch = try await frames.nextBatch(byteCount: limits.batchByteCount)
            } catch {
                throw .frames(error)
            }
            guard let batch else { return }
            var arrivals: [MessageArrival] = []
            arrivals.reserveCapacity(batch.count)
            for bytes in batch {
                do throws(EnvelopeError) {
                    if let arrival = try reader.read(bytes) { arrivals.append(arrival) }
                } catch {
                    throw .forged(error)
                }
            }
            let answer = await owner.take(arrivals, from: stream.peer)
            guard !answer.isEmpty else { continue }
            do throws(StreamError) { try await stream.write(answer) } catch { throw .frames(.stream(error)) }
        }
    }

    private func send(_ owner: any MessageChannelOwner, _ priority: MessagePriority)
        async throws(MessageChannelError)
    {
        do throws(StreamError) {
            while let bytes = await owner.next(for: stream.peer, priority) { try await stream.write(bytes) }
            try await stream.closeWrite()
        } catch {
            throw .frames(.stream(error))
        }
    }
}

/// Why a stream of messages ended before its time.
package enum MessageChannelError: Error, Equatable, Sendable {
    /// The stream could not be opened for want of a connection.
    case dial(DialError)
    /// The stream failed, or what it carries are no frames.
    case frames(FrameError)
    /// The peer sent something that no honest peer sends.
    case forged(EnvelopeError)
}
