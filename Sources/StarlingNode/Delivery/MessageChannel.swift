internal import StarlingCore
package import StarlingMesh
package import StarlingTransports
internal import StarlingWorld

/// Whose messages a ``MessageChannel`` carries.
protocol MessageChannelOwner: AnyObject, Sendable {
    /// Takes what a peer sent, in its order, and returns the frames that answer it.
    ///
    /// Little of the peer is read before this has returned, so that it is never far ahead of what is durable here.
    func take(_ arrivals: [MessageArrival], from peer: PeerID) async -> [UInt8]

    /// The frames to write next; suspends until there are some. `nil` when the stream shall end.
    func next(for writer: MessageWriter) async -> [UInt8]?
}

/// Who writes to a stream of messages.
struct MessageWriter: Sendable {
    let peer: PeerID
    let priority: MessagePriority
    /// The session with the peer that the stream was opened in; it ends with the peer's last connection.
    let session: UInt64
}

/// What is held of one stream's messages.
struct MessageHolds: Sendable {
    /// The one that has not come whole, and those that are being read.
    let unfinished: ByteHold
    /// Those that are proven and not durable.
    let arrived: ByteHold

    init(_ protocols: ProtocolTable, of peer: PeerID) {
        unfinished = ByteHold(protocols, of: peer, for: .unfinishedMessages)
        arrived = ByteHold(protocols, of: peer, for: .arrivedMessages)
    }
}

/// One stream of `/starling/message/1`: frames become arrivals, and frames that wait are written.
///
/// Its work is done by the tasks that call it, which prefer the loop of the stream's connection.
///
/// Spec: docs/specs/message.md, "Stream".
struct MessageChannel {
    struct Limits: Sendable {
        var envelope = Envelope.Limits()
        /// Bytes that are handed on together, and made durable together; as many are read ahead.
        ///
        /// A message whose payload was packed counts as what it unpacks to: a few hundred bytes become a MiB.
        var batchByteCount = 524_288
        /// How long frames are read until they are handed on: checking signatures takes long, the loop has other
        /// streams, and the disk waits.
        var readingTime: Duration = .milliseconds(1)
        /// Bytes that are written at once, or twice as many where that is the rest.
        var pieceByteCount = 65_536
        /// How long the peer may take for what is written at once; then the stream is reset.
        ///
        /// It says whether anything moves, not how fast: a link of 500 bytes a second is slow, and no fault of the peer.
        var writePatience: Duration = .seconds(300)
    }

    private let stream: Stream
    private let keys: MessageKeys
    private let own: PeerID
    private let wallClock: any WallClock
    private let limits: Limits
    private let watch: WriteWatch
    private let turn: WriteTurn

    init(
        _ stream: Stream,
        own: PeerID,
        keys: MessageKeys,
        wallClock: any WallClock,
        limits: Limits = Limits()
    ) {
        self.stream = stream
        self.own = own
        self.keys = keys
        self.wallClock = wallClock
        self.limits = limits
        watch = WriteWatch(stream, patience: limits.writePatience)
        turn = WriteTurn(on: stream.connection.loop)
    }

    /// Serves a stream that the peer opened, until it ends.
    ///
    /// Cancellation: the stream is reset.
    func serve(_ owner: any MessageChannelOwner, _ holds: MessageHolds) async throws(MessageChannelError) {
        // What is written here are receipts: a few bytes for each message, and the sender's queue waits for them.
        await stream.setPriority(.urgent)
        do throws(MessageChannelError) {
            try await receive(owner, holds)
            do throws(StreamError) { try await stream.closeWrite() } catch { throw .frames(.stream(error)) }
        } catch {
            await stream.reset()
            throw watch.isOver ? .unread : error
        }
    }

    /// Carries what waits over a stream that this node opened, until there is nothing more or the stream fails.
    ///
    /// Cancellation: the stream is reset; what was written may have arrived.
    func run(
        _ owner: any MessageChannelOwner,
        _ holds: MessageHolds,
        _ writer: MessageWriter
    ) async throws(MessageChannelError) {
        do throws(MessageChannelError) {
            try await Self.both(
                { () async throws(MessageChannelError) in try await receive(owner, holds) },
                { () async throws(MessageChannelError) in try await send(owner, writer) }
            )
        } catch {
            await stream.reset()
            throw watch.isOver ? .unread : error
        }
    }

    private typealias Half = @Sendable () async throws(MessageChannelError) -> Void

    /// Runs two tasks to their ends, and throws the first error; the other task is cancelled then.
    private static func both(_ one: @escaping Half, _ other: @escaping Half) async throws(MessageChannelError)
    {
        let failure = await withTaskGroup(of: Result<Void, MessageChannelError>.self) { group in
            for half in [one, other] { group.addTask { await result(half) } }
            var first: MessageChannelError?
            for await case .failure(let error) in group {
                // The other half would wait for ever.
                if first == nil { group.cancelAll() }
                first = first ?? error
            }
            return first
        }
        if let failure { throw failure }
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

    /// Takes what the peer sends: one task reads and proves it while another sees that what is proven gets durable.
    private func receive(_ owner: any MessageChannelOwner, _ holds: MessageHolds)
        async throws(MessageChannelError)
    {
        let queue = ArrivalQueue(
            on: stream.connection.loop,
            .init(byteCountMax: limits.batchByteCount)
        ) { holds.arrived.hold($0) }
        try await Self.both(
            { () async throws(MessageChannelError) in
                let result = await Self.result { () async throws(MessageChannelError) in
                    try await read(into: queue, holds)
                }
                await queue.close()
                try result.get()
            },
            { () async throws(MessageChannelError) in
                let result = await Self.result { () async throws(MessageChannelError) in
                    try await take(from: queue, owner)
                }
                await queue.close()
                try result.get()
            }
        )
    }

    private func read(into queue: ArrivalQueue, _ holds: MessageHolds) async throws(MessageChannelError) {
        let loop = stream.connection.loop
        var reader = MessageReader(own: own, keys: keys, on: loop, limits: limits.envelope)
        var frames = FrameStream(stream, frameByteCountMax: MessageFrame.byteCountMax) {
            holds.unfinished.set($0)
        }
        while true {
            let batch: [[UInt8]]?
            do throws(FrameError) {
                batch = try await frames.nextBatch(byteCount: limits.batchByteCount)
            } catch {
                throw .frames(error)
            }
            guard let batch else { return }
            var (arrivals, byteCount): ([MessageArrival], Int) = ([], 0)
            var pauseAt = loop.now + limits.readingTime
            for bytes in batch {
                do throws(EnvelopeError) {
                    if let arrival = try reader.read(bytes, from: stream.peer, wallNow: wallClock.now) {
                        arrivals.append(arrival)
                        byteCount += max(bytes.count, arrival.byteCount)
                    }
                } catch {
                    throw .forged(error)
                }
                guard byteCount >= limits.batchByteCount || loop.now >= pauseAt else { continue }
                try await put(arrivals, byteCount: byteCount, into: queue)
                (arrivals, byteCount) = ([], 0)
                await Task.yield()
                pauseAt = loop.now + limits.readingTime
            }
            if !arrivals.isEmpty { try await put(arrivals, byteCount: byteCount, into: queue) }
        }
    }

    private func put(
        _ arrivals: [MessageArrival],
        byteCount: Int,
        into queue: ArrivalQueue
    ) async throws(MessageChannelError) {
        do throws(StreamError) { try await queue.put(arrivals, byteCount: byteCount) } catch {
            throw .frames(.stream(error))
        }
    }

    private func take(
        from queue: ArrivalQueue,
        _ owner: any MessageChannelOwner
    ) async throws(MessageChannelError) {
        while let arrivals = await queue.next() {
            let answer = await owner.take(arrivals, from: stream.peer)
            // Whoever reads no answers holds no memory with what was answered.
            await queue.release()
            if !answer.isEmpty { try await write(answer) }
        }
    }

    private func send(
        _ owner: any MessageChannelOwner,
        _ writer: MessageWriter
    ) async throws(MessageChannelError) {
        while let bytes = await owner.next(for: writer) { try await write(bytes) }
        do throws(StreamError) { try await stream.closeWrite() } catch { throw .frames(.stream(error)) }
    }

    /// Writes all bytes, with nothing of another task's between them.
    private func write(_ bytes: [UInt8]) async throws(MessageChannelError) {
        guard await turn.take() else { throw .frames(.stream(.cancelled)) }
        let result = await Self.result { () async throws(MessageChannelError) in
            if Task.isCancelled { throw .frames(.stream(.cancelled)) }
            try await write(inPieces: bytes)
        }
        switch result {
        case .success: await turn.giveBack()
        case .failure: await turn.end()
        }
        try result.get()
    }

    /// Writes all bytes in their pieces, each of which has its time.
    private func write(inPieces bytes: [UInt8]) async throws(MessageChannelError) {
        var offset = 0
        while bytes.count - offset > 2 * limits.pieceByteCount {
            try await write(piece: Array(bytes[offset..<offset + limits.pieceByteCount]))
            offset += limits.pieceByteCount
        }
        try await write(piece: offset == 0 ? bytes : Array(bytes[offset...]))
    }

    private func write(piece: [UInt8]) async throws(MessageChannelError) {
        watch.begin()
        do throws(StreamError) { try await stream.write(piece) } catch { throw .frames(.stream(error)) }
        watch.end()
    }
}

/// Why a stream of messages ended before its time.
package enum MessageChannelError: Error, Equatable, Sendable {
    /// The stream could not be opened for want of a connection.
    case dial(DialError)
    /// The stream failed, or what it carries are no frames.
    case frames(FrameError)
    /// The peer took nothing of what was written to it for too long.
    case unread
    /// The peer sent something that no honest peer sends.
    case forged(EnvelopeError)
}
