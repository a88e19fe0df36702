internal import StarlingCore
internal import StarlingMesh
internal import StarlingTransports
internal import StarlingWorld

/// Runs one ``BlobOffer`` over one stream and a store.
///
/// Lives on the stream's loop.
actor BlobOfferSession {
    private enum Outgoing {
        case bytes([UInt8])
        case chunks(Range<Int>, BlobBytes)
        case end
    }

    /// How long a peer that was told all may take to end its direction.
    private static let lingerTimeout: Duration = .seconds(10)

    private let stream: Stream
    private let store: any BlobStore
    private let offers: BlobOffers
    private nonisolated let loop: any EventLoop
    private let report: @Sendable (BlobTransfer) -> Void
    private let reportInterval: Duration

    private var machine: BlobOffer
    private var outgoing = RingQueue<Outgoing>()
    private var writer: Task<Void, Never>?
    private var timer: (any LoopTimer)?
    private var isOver = false
    private var waiter: Waiter<Void>?
    /// The blob that is served, and counted in the offers.
    private var served: BlobID?
    /// Bytes before the first chunk that was asked for, and those that were sent.
    private var sentByteCount: UInt64?
    private var rate: TransferRate
    private var lastReport: Instant

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    init(
        _ stream: Stream,
        _ store: any BlobStore,
        _ offers: BlobOffers,
        limits: BlobOffer.Limits,
        reportInterval: Duration,
        report: @escaping @Sendable (BlobTransfer) -> Void
    ) {
        self.stream = stream
        self.store = store
        self.offers = offers
        self.report = report
        self.reportInterval = reportInterval
        loop = stream.connection.loop
        machine = BlobOffer(limits: limits, now: loop.now)
        rate = TransferRate(now: loop.now)
        lastReport = loop.now
    }

    /// Serves until the peer has what it wants, or broke a rule, or is gone.
    func run() async {
        timer = loop.makeTimer { [weak self] in self?.enter { $0.fire() } }
        perform()
        await readAll()
        await Waiter.suspend { waiter in
            if isOver { waiter.resume() } else { self.waiter = waiter }
        }
        await writer?.value
        timer = nil
        guard let served else { return }
        if offers.end(for: stream.peer) { store.perform({ $0.trim() }) { _ in } }
        tell(served, .finished)
    }

    private func readAll() async {
        while !isOver {
            do throws(StreamError) {
                guard let bytes = try await stream.read() else {
                    machine.receiveEnd()
                    return perform()
                }
                let now = loop.now
                bytes.withSpan { machine.receive($0, now: now) }
                perform()
            } catch {
                return end()
            }
        }
    }

    // MARK: Actions

    private func perform() {
        while !isOver, let action = machine.nextAction() {
            switch action {
            case .open(let id, let wantsLeaves): open(id, wantsLeaves)
            case .read(let run): read(run)
            case .send(let bytes): write(.bytes(bytes))
            case .sendChunks(let run, let bytes): write(.chunks(run, bytes))
            case .end: write(.end)
            case .fail: end()
            }
        }
        if !isOver, let deadline = machine.nextDeadline { timer?.arm(at: deadline) }
    }

    private func open(_ id: BlobID, _ wantsLeaves: Bool) {
        if let refusal = offers.begin(id, for: stream.peer) { return machine.refuse(refusal) }
        served = id
        ask({ folder throws(BlobError) -> [UInt8] in
            guard folder.holding(id)?.isFinished == true else { throw .notFound }
            return wantsLeaves ? try folder.leaves(of: id) : []
        }) { session, result in
            switch result {
            case .success(let leaves): session.machine.accept(leaves: leaves, now: session.loop.now)
            case .failure(.notFound): session.machine.refuse(.unknown)
            case .failure: session.machine.refuse(.unreadable)
            }
        }
    }

    private func read(_ run: Range<Int>) {
        guard let id = served else { return }
        sentByteCount = sentByteCount ?? id.offset(ofChunk: run.lowerBound)
        ask({ folder throws(BlobError) in
            try folder.read(id, run.map { ($0, BlobAnswer.chunk($0).encoded) })
        }) { session, result in
            switch result {
            case .success(let bytes): session.machine.read(run, BlobBytes(bytes))
            case .failure: session.machine.refuse(.unreadable)
            }
        }
    }

    /// Has the store do something, and goes on with `then` on this loop.
    private func ask<Value: Sendable>(
        _ work: @escaping @Sendable (BlobFolder) throws(BlobError) -> Value,
        then: @escaping @Sendable (isolated BlobOfferSession, Result<Value, BlobError>) -> Void
    ) {
        store.perform(work) { result in
            self.onLoop { session in
                guard !session.isOver else { return }
                then(session, result)
                session.perform()
            }
        }
    }

    private nonisolated func onLoop(_ body: @escaping @Sendable (isolated BlobOfferSession) -> Void) {
        if loop.isCurrent {
            assumeIsolated { body($0) }
        } else {
            loop.startTask { await self.apply(body) }
        }
    }

    private func apply(_ body: @Sendable (isolated BlobOfferSession) -> Void) { body(self) }

    private func write(_ item: Outgoing) {
        outgoing.append(item)
        if writer == nil { writer = loop.startTask { await self.writeOut() } }
    }

    private func writeOut() async {
        do throws(StreamError) {
            while !isOver, let item = outgoing.popFirst() {
                switch item {
                case .bytes(let bytes):
                    try await stream.write(bytes)
                    machine.sentFrame(now: loop.now)
                case .chunks(let run, let bytes):
                    try await stream.write(bytes.bytes)
                    machine.sent(now: loop.now)
                    noteSent(run)
                    perform()
                case .end:
                    try await stream.closeWrite()
                    finish()
                }
            }
        } catch {
            end()
        }
        writer = nil
    }

    private func fire() {
        guard !isOver else {
            // All was said, and the peer neither ends nor resets: it gets no more patience.
            loop.startTask { [stream] in await stream.reset() }
            return
        }
        machine.advance(to: loop.now)
        perform()
    }

    /// Ends what went wrong.
    private func end() {
        guard !isOver else { return }
        finish()
        // Whoever waits in a read or a write of the stream is woken by its end.
        loop.startTask { [stream] in await stream.reset() }
    }

    private func finish() {
        guard !isOver else { return }
        isOver = true
        outgoing.removeAll()
        timer?.arm(at: loop.now + Self.lingerTimeout)
        waiter.take()?.resume()
    }

    // MARK: Progress

    private func noteSent(_ run: Range<Int>) {
        guard let served else { return }
        let byteCount = run.reduce(0) { $0 + UInt64(served.byteCount(ofChunk: $1)) }
        sentByteCount = (sentByteCount ?? 0) + byteCount
        rate.add(byteCount, now: loop.now)
        guard lastReport + reportInterval <= loop.now else { return }
        lastReport = loop.now
        tell(served, .running)
    }

    private func tell(_ id: BlobID, _ state: BlobTransfer.State) {
        report(
            BlobTransfer(
                id: id,
                peer: stream.peer,
                course: .sending,
                state: state,
                byteCount: min(sentByteCount ?? 0, id.byteCount),
                bytesPerSecond: rate.bytesPerSecond
            )
        )
    }
}
