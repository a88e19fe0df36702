internal import StarlingCore
internal import StarlingMesh
internal import StarlingTransports
internal import StarlingWorld

/// Runs one ``BlobFetch`` over one stream and a store.
///
/// Lives on the stream's loop.
actor BlobFetchSession {
    private let stream: Stream
    private let store: any BlobStore
    private let id: BlobID
    private nonisolated let loop: any EventLoop
    private let report: @Sendable (_ byteCount: UInt64, _ bytesPerSecond: Double) -> Void
    private let reportInterval: Duration

    private var machine: BlobFetch
    private var outgoing: [UInt8] = []
    private var writer: Task<Void, Never>?
    private var timer: (any LoopTimer)?
    /// How it ended: with all of the blob, or why not.
    private var outcome: Result<Void, BlobFailure>?
    private var waiter: Waiter<Void>?
    /// Operations that the store has not ended.
    private var operationCount = 0
    private var idleWaiter: Waiter<Void>?
    private var rate: TransferRate
    private var reportedByteCount: UInt64
    private var lastReport: Instant

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    init(
        _ stream: Stream,
        _ store: any BlobStore,
        _ id: BlobID,
        held: ChunkSet?,
        limits: BlobFetch.Limits,
        reportInterval: Duration,
        report: @escaping @Sendable (UInt64, Double) -> Void
    ) {
        self.stream = stream
        self.store = store
        self.id = id
        self.report = report
        self.reportInterval = reportInterval
        loop = stream.connection.loop
        let now = loop.now
        machine = BlobFetch(id, held: held, limits: limits, now: now)
        rate = TransferRate(now: now)
        reportedByteCount = id.byteCount(of: machine.written)
        lastReport = now
    }

    /// Fetches, and returns when the blob is finished in the store, or when it cannot go on.
    ///
    /// Nothing that it asked of the store is under way then.
    ///
    /// Cancellation: throws ``BlobFailure/cancelled``; the stream is reset, and what was written stays.
    func run() async throws(BlobFailure) {
        timer = loop.makeTimer { [weak self] in self?.enter { $0.fire() } }
        perform()
        await readAll()
        await Waiter.suspend { waiter in
            if outcome != nil { waiter.resume() } else { self.waiter = waiter }
        }
        timer = nil
        let result = outcome ?? .failure(.cancelled)
        if case .success = result {
            await writer?.value
            // The peer waits for nothing more; where it has gone meanwhile, there is nobody to tell.
            try? await stream.closeWrite()
        } else {
            await stream.reset()
            await writer?.value
        }
        await Waiter.suspend { waiter in
            if operationCount == 0 { waiter.resume() } else { idleWaiter = waiter }
        }
        try result.get()
    }

    /// Ends the attempt in favour of a better way; ``run()`` throws.
    func leave() { giveUp(.stream(.closed)) }

    /// Ends the attempt in favour of others, as soon as that loses nothing; ``run()`` throws, unless it has all by then.
    func yield() {
        guard outcome == nil else { return }
        machine.yield(now: loop.now)
        perform()
    }

    private func readAll() async {
        while outcome == nil, machine.wantsBytes {
            do throws(StreamError) {
                guard let bytes = try await stream.read() else {
                    machine.receiveEnd()
                    return perform()
                }
                let now = loop.now
                bytes.withSpan { machine.receive($0, now: now) }
                perform()
            } catch {
                return giveUp(error == .cancelled ? .cancelled : .stream(error))
            }
        }
    }

    // MARK: Actions

    private func perform() {
        while outcome == nil, let action = machine.nextAction() {
            switch action {
            case .send(let bytes):
                outgoing += bytes
                startWriting()
            case .begin(let leaves):
                ask({ [id] folder throws(BlobError) in try folder.begin(id, leaves: leaves) }) { session in
                    session.machine.begun(now: session.loop.now)
                }
            case .write(let arrivals):
                ask({ [id] folder throws(BlobError) in
                    try folder.write(id, arrivals.map { ($0.index, $0.chunk.bytes) })
                }) { session in
                    let now = session.loop.now
                    for arrival in arrivals { session.machine.wrote(arrival.index, now: now) }
                    session.tell(now)
                }
            case .sync:
                ask({ [id] folder throws(BlobError) in try folder.sync(id) }) { session in
                    session.machine.synced(now: session.loop.now)
                }
            case .finish:
                ask({ [id] folder throws(BlobError) in try folder.finish(id) }) { session in
                    session.end(.success(()))
                }
            case .fail(let error): end(.failure(.fetch(error)))
            }
        }
        if outcome == nil, let deadline = machine.nextDeadline { timer?.arm(at: deadline) }
    }

    /// Has the store do something, and goes on with `then`, on this loop, if it went well.
    private func ask<Value: Sendable>(
        _ work: @escaping @Sendable (BlobFolder) throws(BlobError) -> Value,
        then: @escaping @Sendable (isolated BlobFetchSession) -> Void
    ) {
        operationCount += 1
        store.perform(work) { result in
            self.onLoop { session in
                session.operationCount -= 1
                if session.operationCount == 0 { session.idleWaiter.take()?.resume() }
                guard session.outcome == nil else { return }
                switch result {
                case .success: then(session)
                case .failure(let error): session.end(.failure(.store(error)))
                }
                session.perform()
            }
        }
    }

    private nonisolated func onLoop(_ body: @escaping @Sendable (isolated BlobFetchSession) -> Void) {
        if loop.isCurrent {
            assumeIsolated { body($0) }
        } else {
            loop.startTask { await self.apply(body) }
        }
    }

    private func apply(_ body: @Sendable (isolated BlobFetchSession) -> Void) { body(self) }

    private func startWriting() {
        guard writer == nil else { return }
        writer = loop.startTask { await self.writeOut() }
    }

    private func writeOut() async {
        while !outgoing.isEmpty, outcome == nil {
            let bytes = outgoing
            outgoing = []
            do throws(StreamError) { try await stream.write(bytes) } catch { giveUp(.stream(error)) }
        }
        writer = nil
    }

    private func fire() {
        guard outcome == nil else { return }
        machine.advance(to: loop.now)
        perform()
    }

    /// Ends the attempt, and has written what has arrived whole.
    private func giveUp(_ failure: BlobFailure) {
        guard outcome == nil else { return }
        machine.giveUp()
        perform()
        end(.failure(failure))
    }

    private func end(_ outcome: Result<Void, BlobFailure>) {
        guard self.outcome == nil else { return }
        self.outcome = outcome
        machine.stop()
        timer?.disarm()
        waiter.take()?.resume()
        if case .failure = outcome {
            // Whoever waits in a read or a write of the stream is woken by its end.
            loop.startTask { [stream] in await stream.reset() }
        }
    }

    // MARK: Progress

    private func tell(_ now: Instant) {
        guard lastReport + reportInterval <= now || machine.written.isComplete else { return }
        let byteCount = id.byteCount(of: machine.written)
        rate.add(byteCount - reportedByteCount, now: now)
        reportedByteCount = byteCount
        lastReport = now
        report(byteCount, rate.bytesPerSecond)
    }
}
