internal import StarlingCore
internal import StarlingWorld

/// One direction of a stream: the writer's queue, the bytes on the way, and the reader's buffer.
///
/// It stands in the event heap at most once for what happens next: the arrival of its first segment, the
/// repetition of a lost one, or the acknowledgement that a blocked writer waits for. Acknowledgements that
/// nobody waits for cost no event.
final class StreamPipe: EventSource {
    enum Kind {
        case request
        case acceptance
        case refusal
        case bytes
        case end
        case reset
    }

    private struct Segment {
        var arrival: Int64
        var kind: Kind
        var bytes: BufferSlice?
    }

    /// Bytes whose acknowledgement reaches the writer at a time.
    private struct Credit {
        var time: Int64
        var byteCount: Int
    }

    private let fabric: NetworkFabric
    private let scheduler: Scheduler
    private unowned(unsafe) let senderHost: SimulatedHost?
    private unowned(unsafe) let receiverHost: SimulatedHost?
    /// The connection and its ends; `nil` once it is over.
    private(set) var connection: StreamConnection?
    private var sender: StreamEndpoint?
    private var receiver: StreamEndpoint?

    // The writer's side.
    private var written = RingQueue<BufferSlice>()
    private(set) var queuedByteCount = 0
    private var shallEnd = false
    private var hasEnded = false
    private var hasReset = false
    /// Whether a write could not finish and its drain is owed.
    private var owesDrain = false
    /// Bytes taken from the writer and, as far as it knows, not read.
    private var unacknowledgedByteCount = 0
    private var credits = RingQueue<Credit>()
    /// Packets that were sent, and those of them that repeated a lost one.
    private(set) var sentCount: UInt64 = 0
    private(set) var repeatedCount: UInt64 = 0

    // The way.
    private var segments = RingQueue<Segment>()
    private var lastArrival: Int64 = 0
    private var stallStart: Int64?
    private var retryTime: Int64 = 0
    private var retryDelay: Int64 = 0

    // The reader's side.
    private var received = RingQueue<BufferSlice>()
    private var hasReceivedEnd = false
    private var hasDeliveredEnd = false
    /// Whether a reset came.
    private(set) var isBroken = false
    private var shallTellOfBreakage = false

    // The entry in the heap.
    private var entryTime: Int64?
    private var entrySequence: UInt64 = 0

    init(fabric: NetworkFabric, senderHost: SimulatedHost?, receiverHost: SimulatedHost?) {
        self.fabric = fabric
        scheduler = fabric.scheduler
        self.senderHost = senderHost
        self.receiverHost = receiverHost
    }

    /// The kernel goes on, but nobody takes from it.
    override var stalledUntil: Int64 { receiverHost?.stalledUntil ?? 0 }

    func attach(_ connection: StreamConnection, sender: StreamEndpoint?, receiver: StreamEndpoint?) {
        self.connection = connection
        self.sender = sender
        self.receiver = receiver
    }

    /// What the way takes in a second, where that is limited.
    var bytesPerSecond: Int64? {
        guard let senderHost, let receiverHost else { return nil }
        return fabric.timing(senderHost, receiverHost).profile.bytesPerSecond.map(Int64.init)
    }

    // MARK: Writing

    func write(_ slices: inout RingQueue<BufferSlice>) {
        let isClosing = shallEnd || hasReset
        while let slice = slices.popFirst() {
            if isClosing || slice.isEmpty { continue }
            queuedByteCount += slice.count
            written.append(slice)
        }
        guard sender?.isEstablished == true else {
            owesDrain = owesDrain || queuedByteCount > 0
            return
        }
        takeCredits()
        takeWritten()
        if queuedByteCount > 0 {
            owesDrain = true
            rearm()
        }
    }

    /// Ends the direction after what was written.
    func end() {
        shallEnd = true
        if sender?.isEstablished == true { takeWritten() }
    }

    /// Ends the direction and drops what the kernel has not taken.
    func endAtOnce() {
        dropWritten()
        shallEnd = true
        takeWritten()
    }

    /// Tells the reader that the stream is gone, after what is on the way.
    func reset() {
        dropWritten()
        if hasReset { return }
        hasReset = true
        send(.reset)
    }

    /// Breaks the direction from outside: what is on the way is lost.
    func breakNow() {
        dropAll()
        hasReset = true
        guard receiver != nil else { return }
        isBroken = true
        arm(at: scheduler.now)
    }

    /// Puts a segment on the way.
    func send(_ kind: Kind, _ bytes: BufferSlice? = nil) {
        var arrival = scheduler.now
        if let senderHost, let receiverHost {
            let timing = fabric.timing(senderHost, receiverHost)
            let byteCount = (bytes?.count ?? 0) + 40
            let (time, lossCount) = fabric.arrival(from: senderHost, byteCount: byteCount, timing: timing)
            // Each repetition waits for twice as long as the one before.
            let wait = 2 * timing.latency + fabric.limits.retransmissionDelay.nanosecondsClamped
            arrival = time + wait * Int64(1 << lossCount - 1)
            sentCount += UInt64(1 + byteCount / 1460 + lossCount)
            repeatedCount += UInt64(lossCount)
        }
        arrival = max(arrival, lastArrival)
        lastArrival = arrival
        segments.append(Segment(arrival: arrival, kind: kind, bytes: bytes))
        if segments.count == 1 { arm(at: arrival) }
    }

    private func takeCredits() {
        let now = scheduler.now
        while let credit = credits.first, credit.time <= now {
            _ = credits.popFirst()
            unacknowledgedByteCount -= credit.byteCount
        }
    }

    /// Moves what fits from the writer's queue onto the way.
    private func takeWritten() {
        while queuedByteCount > 0 {
            let room = fabric.limits.streamByteCountMax - unacknowledgedByteCount
            let byteCount = min(room, queuedByteCount, fabric.limits.segmentByteCountMax)
            guard byteCount > 0 else { return }
            let segment = scheduler.arena.take(byteCount: byteCount)
            fill(segment)
            queuedByteCount -= byteCount
            unacknowledgedByteCount += byteCount
            send(.bytes, segment)
        }
        if shallEnd, !hasEnded, !hasReset {
            hasEnded = true
            send(.end)
        }
    }

    /// Copies the head of the queue: whoever wrote it may reuse its blocks, and the reader may write into its.
    private func fill(_ segment: BufferSlice) {
        var offset = segment.range.lowerBound
        while offset < segment.range.upperBound, var slice = written.popFirst() {
            let part = slice.removePrefix(min(slice.count, segment.range.upperBound - offset))
            part.withSpan { segment.buffer.write($0, at: offset) }
            offset += part.count
            if !slice.isEmpty { written.prepend(slice) }
        }
    }

    // MARK: Reading

    var hasUnreadBytes: Bool { !received.isEmpty }

    func readerIsReady() {
        if !received.isEmpty || isBroken || hasReceivedEnd && !hasDeliveredEnd { arm(at: scheduler.now) }
    }

    func tellOfBreakage() {
        shallTellOfBreakage = true
        if receiver?.isReading != true { received.removeAll() }
        arm(at: scheduler.now)
    }

    private func deliver() {
        while let receiver, receiver.isReading, let bytes = nextRead() {
            scheduler.trace.record(
                .read,
                at: scheduler.now,
                from: senderHost?.id ?? -1,
                to: receiver.host.id,
                value: bytes.count
            )
            scheduler.trace.record(bytes: bytes)
            if let senderHost, let receiverHost {
                fabric.countLoad(from: senderHost, to: receiverHost, byteCount: bytes.count)
                let latency = fabric.timing(senderHost, receiverHost).latency
                credits.append(Credit(time: scheduler.now + latency, byteCount: bytes.count))
            }
            receiver.didRead(bytes)
            if case .seeded = fabric.chunking, !received.isEmpty { return arm(at: scheduler.now) }
        }
        guard let receiver, received.isEmpty, receiver.isReading || shallTellOfBreakage else { return }
        if hasReceivedEnd, !hasDeliveredEnd, receiver.isReading {
            hasDeliveredEnd = true
            record(.end)
            receiver.didEnd()
        }
        if isBroken, !receiver.isClosed {
            record(.reset)
            receiver.fail(.reset)
        }
    }

    private func nextRead() -> BufferSlice? {
        guard case .seeded(let byteCountMax) = fabric.chunking else { return received.popFirst() }
        if received.count > 1, fabric.random.chance(0.5) { joinReceived() }
        guard var first = received.popFirst() else { return nil }
        let byteCount = 1 + fabric.random.number(below: min(max(byteCountMax, 1), first.count))
        let chunk = first.removePrefix(byteCount)
        if !first.isEmpty { received.prepend(first) }
        return chunk
    }

    /// Makes one piece of all that waits, as far as a segment holds it.
    private func joinReceived() {
        var byteCount = 0
        var pieces: [BufferSlice] = []
        while let piece = received.first, byteCount + piece.count <= fabric.limits.segmentByteCountMax {
            _ = received.popFirst()
            byteCount += piece.count
            pieces.append(piece)
        }
        guard byteCount > 0 else { return }
        let joined = scheduler.arena.take(byteCount: byteCount)
        var offset = joined.range.lowerBound
        for piece in pieces {
            piece.withSpan { joined.buffer.write($0, at: offset) }
            offset += piece.count
        }
        received.prepend(joined)
    }

    // MARK: Events

    override func fire(_ sequence: UInt64) {
        guard entryTime != nil, sequence == entrySequence else { return }
        entryTime = nil
        while let segment = segments.first, max(segment.arrival, retryTime) <= scheduler.now {
            guard let senderHost, let receiverHost, fabric.canPass(from: senderHost, to: receiverHost) else {
                stall(segment.kind)
                break
            }
            stallStart = nil
            retryTime = 0
            _ = segments.popFirst()
            take(segment, at: receiverHost)
        }
        deliver()
        refill()
        rearm()
    }

    private func take(_ segment: Segment, at host: SimulatedHost) {
        switch segment.kind {
        case .request:
            connection?.requestArrived(at: host)
        case .acceptance:
            record(.connect)
            receiver?.didConnect()
            receiver?.outgoing.refill()
        case .refusal:
            record(.refuse)
            receiver?.fail(.refused)
        case .bytes:
            guard let receiver, let bytes = segment.bytes else { return }
            if receiver.isClosed { receiver.outgoing.reset() } else { received.append(bytes) }
        case .end:
            hasReceivedEnd = true
        case .reset:
            guard let receiver, !receiver.isClosed else { return }
            isBroken = true
            // A writer that waits for room learns it at once.
            if receiver.outgoing.queuedByteCount > 0 { shallTellOfBreakage = true }
            if shallTellOfBreakage, !receiver.isReading { received.removeAll() }
        }
    }

    /// Gives a blocked writer the room that was acknowledged.
    private func refill() {
        guard let sender, sender.isEstablished, queuedByteCount > 0 || owesDrain else { return }
        takeCredits()
        takeWritten()
        if queuedByteCount == 0, owesDrain {
            owesDrain = false
            sender.didDrain()
        }
        rearm()
    }

    /// The first segment did not get through: repeats it later, or gives up.
    private func stall(_ kind: Kind) {
        let now = scheduler.now
        let limits = fabric.limits
        let isConnecting = kind == .request || kind == .acceptance || kind == .refusal
        let patience = isConnecting ? limits.connectTimeout : limits.retransmissionTimeout
        let start = stallStart ?? now
        if stallStart == nil {
            stallStart = now
            retryDelay = limits.retransmissionDelay.nanosecondsClamped
        }
        let end = start + patience.nanosecondsClamped
        guard now < end else { return giveUp(kind) }
        retryTime = min(now + retryDelay, end)
        retryDelay = min(retryDelay * 2, limits.retransmissionDelayMax.nanosecondsClamped)
    }

    private func giveUp(_ kind: Kind) {
        record(.timeout)
        let (sender, receiver) = (sender, receiver)
        dropAll()
        sender?.fail(.timedOut)
        if kind == .acceptance || kind == .refusal { receiver?.fail(.timedOut) }
    }

    private func rearm() {
        if let segment = segments.first { arm(at: max(segment.arrival, retryTime)) }
        if queuedByteCount > 0, let credit = credits.first { arm(at: credit.time) }
    }

    private func arm(at time: Int64) {
        let time = max(time, scheduler.now)
        if let entryTime, entryTime <= time { return }
        entryTime = time
        entrySequence = scheduler.schedule(self, at: time)
    }

    private func record(_ kind: SimulationTrace.Kind) {
        scheduler.trace.record(
            kind,
            at: scheduler.now,
            from: senderHost?.id ?? -1,
            to: receiverHost?.id ?? -1,
            value: connection?.id ?? 0
        )
    }

    // MARK: The end

    private func dropWritten() {
        written.removeAll()
        queuedByteCount = 0
        owesDrain = false
    }

    /// Drops what was written and what is on the way.
    func dropAll() {
        dropWritten()
        segments.removeAll()
        stallStart = nil
        retryTime = 0
    }

    func dropReceived() { received.removeAll() }

    /// The connection is over: lets go of its ends.
    func forget() {
        dropAll()
        dropReceived()
        credits.removeAll()
        connection = nil
        sender = nil
        receiver = nil
        entryTime = nil
    }
}
