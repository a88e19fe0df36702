package import StarlingCore
package import StarlingMesh
internal import StarlingTransports
package import StarlingWorld
internal import Synchronization

/// Asks for the ways that messages take, hop by hop, and answers those who ask.
package actor TraceDriver {
    package struct Limits: Sendable {
        /// Questions of one peer that are dealt with at once.
        package var streamCountMaxPerPeer = 4
        /// Questions of all peers that are passed on at once: each holds two streams.
        package var passedCountMax = 64
        /// What each link that may still be crossed has as its time to answer: those who are nearer to whoever asked wait
        /// longer, so that the one before a silent peer is the one who tells.
        package var timePerLink: Duration = .seconds(1)

        package init() {}
    }

    private let swarm: Swarm
    private let delivery: DeliveryDriver
    private let own: PeerID
    private let limits: Limits
    package nonisolated let loop: any EventLoop
    private var passedCount = 0

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    package init(swarm: Swarm, delivery: DeliveryDriver, limits: Limits = Limits()) {
        self.swarm = swarm
        self.delivery = delivery
        self.limits = limits
        own = swarm.peerID
        loop = swarm.world.loops[0]
    }

    package func start() {
        swarm.protocols.set(
            TraceAsk.protocolID,
            streamCountMaxPerPeer: limits.streamCountMaxPerPeer
        ) { [weak self] stream in await self?.serve(stream) }
    }

    package func stop() { swarm.protocols.set(TraceAsk.protocolID, nil) }

    /// The tables that have a limit.
    package var tableFills: [TableFill] {
        [TableFill("traces passed on", passedCount, of: limits.passedCountMax)]
    }

    // MARK: Asking

    /// The way that messages to a peer take from here.
    ///
    /// A hop's time is from the question to its answer's arrival: the round trip to it and what the question waited on the way.
    ///
    /// - Parameter hopLimit: Links that the question may cross, 1 to ``TraceAsk/hopLimitMax``.
    /// - Returns: `nil` where there is no neighbour to ask: no link and no route.
    package func trace(to peer: PeerID, hopLimit: Int = TraceAsk.hopLimitMax) async -> TraceReport? {
        guard let first = await delivery.way(to: peer, from: nil) else { return nil }
        let (log, loop, start) = (TraceLog(), loop, loop.now)
        await pass(TraceAsk(to: peer, hopLimit: hopLimit - 1, path: [own]), on: first) { hop in
            log.append(TraceReport.Hop(hop, roundTrip: start.duration(to: loop.now)))
        }
        return TraceReport(peerID: peer, hops: log.hops)
    }

    /// Asks a neighbour, and hands what comes back to `take`, an end in each case.
    private func pass<Failure: Error>(
        _ ask: TraceAsk,
        on next: PeerID,
        _ take: @escaping @Sendable (TraceHop) async throws(Failure) -> Void
    ) async throws(Failure) {
        let deadline = loop.now + limits.timePerLink * (ask.hopLimit + 1)
        let isOver = try await loop.withDeadline(deadline) { [swarm] () async throws(Failure) in
            guard
                let stream = try? await swarm.openStream(to: next, [TraceAsk.protocolID], priority: .high)
            else { return false }
            do throws(Failure) {
                let isOver = try await Self.read(ask, stream, take)
                await stream.reset()
                return isOver
            } catch {
                await stream.reset()
                throw error
            }
        }
        if isOver != true { try await take(TraceHop(peer: own, standing: .unanswered(by: next))) }
    }

    /// Reads what a neighbour answers, until the end.
    ///
    /// - Returns: Whether an end came.
    /// - Throws: What `take` throws.
    private static func read<Failure: Error>(
        _ ask: TraceAsk,
        _ stream: Stream,
        _ take: @Sendable (TraceHop) async throws(Failure) -> Void
    ) async throws(Failure) -> Bool {
        do throws(StreamError) { try await stream.write(ask.encoded) } catch { return false }
        var frames = FrameStream(stream, frameByteCountMax: TraceHop.byteCountMax)
        // Each peer on the way says one thing, and a second one when the next one is silent.
        for _ in 0..<(ask.hopLimit + 1) * 2 {
            guard let bytes = try? await frames.next(), let hop = try? TraceHop(parsing: bytes.span) else {
                return false
            }
            try await take(hop)
            if hop.standing.isEnd { return true }
        }
        return false
    }

    // MARK: Answering

    private nonisolated func serve(_ stream: Stream) async {
        let deadline = loop.now + limits.timePerLink
        let bytes = try? await loop.withDeadline(deadline) { () async throws(FrameError) in
            var frames = FrameStream(stream, frameByteCountMax: TraceAsk.byteCountMax)
            return try await frames.next()
        }
        guard let bytes = bytes ?? nil, let ask = try? TraceAsk(parsing: bytes.span) else {
            return await stream.reset()
        }
        do throws(StreamError) {
            try await answer(ask, on: stream)
            try await stream.closeWrite()
        } catch {
            // Whoever asked has gone.
            await stream.reset()
        }
    }

    private func answer(_ ask: TraceAsk, on stream: Stream) async throws(StreamError) {
        let next = await delivery.way(to: ask.to, from: stream.peer)
        let (hop, further) = ask.answer(of: own, next: next)
        guard let further, let next else { return try await stream.write(hop.encoded) }
        guard passedCount < limits.passedCountMax else {
            return try await stream.write(TraceHop(peer: own, standing: .busy).encoded)
        }
        passedCount += 1
        defer { passedCount -= 1 }
        try await stream.write(hop.encoded)
        try await pass(further, on: next) { hop throws(StreamError) in try await stream.write(hop.encoded) }
    }
}

/// Hops as they come.
private final class TraceLog: Sendable {
    private let log = Mutex<[TraceReport.Hop]>([])

    func append(_ hop: TraceReport.Hop) { log.withLock { $0.append(hop) } }

    var hops: [TraceReport.Hop] { log.withLock { $0 } }
}
