package import StarlingCore

/// Carries frames towards peers that are not neighbours: chooses the neighbour that each goes to, and keeps it until
/// that neighbour's stream takes it.
///
/// Nothing here is durable. The sender keeps its message until the recipient's receipt is there: what is dropped on the
/// way is sent again.
package struct Forwarder: ~Copyable, Sendable {
    package struct Limits: Sendable {
        /// Bytes that wait for one neighbour; a frame that finds more waits where it is.
        package var queueByteCountMax = 4_194_304
        /// Those of one origin: nobody fills a queue alone.
        package var originByteCountMax = 2_097_152
        /// Bytes that wait for the best neighbour before frames go to the one of the others for which the least waits.
        package var spreadByteCountMin = 262_144
        /// How long frames for a neighbour that takes nothing are dropped at once, after one that had waited for room in vain.
        package var stuckDuration: Duration = .seconds(1)
        /// Frames that one neighbour may hand over in a second, and at once after a pause.
        package var framesPerSecond = 20_000
        /// Neighbours that have gone and whose pace is remembered; the one that went first is forgotten.
        package var goneCountMax = 256
        /// Destinations whose way back is remembered.
        package var traceCountMax = 1024
        /// How long a way back is taken for one where no route is known.
        package var traceDuration: Duration = .seconds(60)
        /// How long receipts go back the way that their messages came, whatever the routes say: who lies about these has not
        /// carried the message.
        package var reverseDuration: Duration = .seconds(5)
        /// How long they do not, after one that went back like that did not arrive: a neighbour becomes the way back to a peer by
        /// frames that nobody has checked.
        package var barDuration: Duration = .seconds(60)
        /// Pairs of peers of which the last receipt is remembered that went from one to the other.
        package var receiptCountMax = 2048
        /// The largest receipt that is remembered, in bytes; a larger one counts as none.
        package var receiptByteCountMax = 4096
        /// Between two times that the way to a destination is doubted: what comes again together counts once.
        package var doubtInterval: Duration = .seconds(1)
        /// Messages of others that are recognised when they come again.
        package var seenCountMax = 8192
        /// For how long: a sender tries again after a second at the earliest, and that one shall pass.
        package var seenDuration: Duration = .milliseconds(500)

        package init() {}
    }

    /// What becomes of a frame.
    package enum Verdict: Equatable, Sendable {
        /// It waits for the stream to this neighbour.
        case queued(PeerID)
        case dropped(Drop)
        /// There is no room for it now: offer it again when there is, and read nothing of its neighbour until then.
        case full
        /// The neighbour hands over too much: offer it again then.
        case tooFast(until: Instant)
    }

    /// Why a frame is not carried on.
    package enum Drop: Hashable, Sendable {
        case noRoute, hopLimit, repeated, expired, noRoom
        /// With what is noted on the way it would be longer than the next one reads.
        case tooLong
    }

    /// Who handed a frame over: a neighbour, or this node itself.
    package enum Origin: Hashable, Sendable {
        case own
        case neighbour(PeerID)
        /// It is to everybody.
        case flood
    }

    struct Waiting: Sendable {
        let frame: TransitFrame
        let origin: Origin
    }

    struct Neighbour: Sendable {
        /// By priority.
        var queues = [RingQueue<Waiting>](repeating: RingQueue(), count: MessagePriority.allCases.count)
        var byteCount = 0
        /// Those of each origin.
        var originByteCounts: [Origin: Int] = [:]
        /// Until when nothing waits for room among its frames.
        var stuckUntil: Instant?
    }

    /// The way that a frame of a peer came.
    struct Trace: Sendable {
        var via: PeerID
        var at: Instant
        /// When it became this way.
        var since: Instant
    }

    /// The last time that a frame was carried on.
    private struct Passage {
        var at: Instant
        var hopCount: UInt32
        /// The neighbour that it went to.
        var via: PeerID
    }

    /// A way to a neighbour that is better than its link.
    struct Detour {
        /// Links that it crosses.
        let linkCount: UInt32
        /// Whether what goes over the link takes as long as finding out that it was lost.
        let isLinkLost: Bool

        /// In microseconds: that of a link to a neighbour which is silent.
        static let lostMetric: UInt32 = 1_000_000
    }

    /// From whom to whom.
    private struct Course: Hashable {
        var from: PeerID
        var to: PeerID
    }

    /// The last receipt that went from one peer to another.
    private struct Answer {
        var at: Instant
        /// The neighbour that it went to.
        var via: PeerID
        let proof: ReceiptProof
        /// Whether its signature was found to hold.
        var isProven = false
    }

    /// Why a message comes again.
    private enum Recurrence {
        /// No receipt of its recipient has come by since it went to a neighbour.
        case unanswered(via: PeerID)
        /// One has, and its sender did not get it from the neighbour that it went to.
        case answerLost(via: PeerID)
    }

    /// What went to a peer over a neighbour, a message or its receipt, seems not to have arrived.
    package struct Doubt: Equatable, Sendable {
        package let to: PeerID
        package let via: PeerID
    }

    package let own: PeerID
    package let limits: Limits
    var neighbours: [PeerID: Neighbour] = [:]
    /// What each of them may still hand over.
    private var allowances: NeighbourAllowances
    var routes = RouteBook()
    /// The ways to neighbours that are better than their links.
    var detours: [PeerID: Detour] = [:]
    var traces: RecentTable<PeerID, Trace>
    private var seen: RecentTable<MessageFingerprint, Passage>
    private var receipts: RecentTable<Course, Answer>
    /// When receipts to peers were last found not to arrive the way that frames of these come.
    var barred: RecentTable<PeerID, Instant>
    /// When the ways to destinations were last doubted.
    private var doubted: RecentTable<PeerID, Instant>
    private var doubts = RingQueue<Doubt>()
    /// Frames that were carried on.
    package private(set) var forwardedCount: UInt64 = 0
    /// Frames that were not, by the reason.
    package private(set) var droppedCounts: [Drop: UInt64] = [:]

    package init(own: PeerID, limits: Limits = Limits()) {
        self.own = own
        self.limits = limits
        allowances = NeighbourAllowances(
            interval: .nanoseconds(1_000_000_000 / limits.framesPerSecond),
            atOnce: limits.framesPerSecond,
            goneCountMax: limits.goneCountMax
        )
        traces = RecentTable(countMax: limits.traceCountMax)
        seen = RecentTable(countMax: limits.seenCountMax)
        receipts = RecentTable(countMax: limits.receiptCountMax)
        barred = RecentTable(countMax: limits.traceCountMax)
        doubted = RecentTable(countMax: limits.traceCountMax)
    }

    // MARK: Neighbours

    /// A neighbour is connected.
    package mutating func linkUp(_ neighbour: PeerID, now: Instant) {
        guard neighbours[neighbour] == nil else { return }
        neighbours[neighbour] = Neighbour()
        allowances.came(neighbour, now: now)
    }

    /// The last connection to a neighbour is gone: what waits for it takes other ways, where there are some.
    package mutating func linkDown(_ neighbour: PeerID, wallNow: WallTime) {
        detours[neighbour] = nil
        guard var gone = neighbours.removeValue(forKey: neighbour) else { return }
        allowances.left(neighbour)
        for priority in MessagePriority.allCases {
            while let waiting = gone.queues[priority.index].popFirst() {
                let (to, left) = (waiting.frame.to, waiting.frame.linkCountLeft)
                guard let next = knownWay(to: to, from: waiting.origin, linkCountMax: left) else {
                    drop(.noRoute)
                    continue
                }
                guard hasRoom(for: next, from: waiting.origin) else {
                    drop(.noRoom)
                    continue
                }
                enqueue(waiting, to: next)
            }
        }
    }

    // MARK: Frames

    /// Takes a frame that has to go on.
    ///
    /// Each one counts for the neighbour that hands it over, also when it is dropped; not while there is no room for it.
    package mutating func offer(
        _ frame: TransitFrame,
        from origin: Origin,
        now: Instant,
        wallNow: WallTime
    ) -> Verdict {
        guard case .neighbour(let neighbour) = origin else {
            return place(frame, from: origin, now: now, wallNow: wallNow)
        }
        if let until = allowances.pause(of: neighbour, now: now) { return .tooFast(until: until) }
        let verdict = place(frame, from: origin, now: now, wallNow: wallNow)
        if verdict != .full { allowances.spend(neighbour, now: now) }
        return verdict
    }

    /// Puts a frame among those that wait for a neighbour, or says why not.
    private mutating func place(
        _ frame: TransitFrame,
        from origin: Origin,
        now: Instant,
        wallNow: WallTime
    ) -> Verdict {
        guard frame.hopCount < frame.hopLimit else { return drop(.hopLimit) }
        guard frame.wire.count <= MessageFrame.wireByteCountMax else { return drop(.tooLong) }
        if let expires = frame.expires, expires < wallNow { return drop(.expired) }
        if origin != .own, isRepeated(frame, now: now) { return drop(.repeated) }
        let recurrence = origin == .own ? nil : recurrence(of: frame, now: now)
        let lost: PeerID? = if case .unanswered(let via) = recurrence { via } else { nil }
        guard let best = way(of: frame, from: origin, besides: lost, now: now) else { return drop(.noRoute) }
        let next = spread(frame, from: origin, best: best, besides: lost)
        guard hasRoom(for: next, from: origin) else {
            guard isStuck(next, now: now) else { return .full }
            doubt(frame.to, via: next, now: now)
            return drop(.noRoom)
        }
        if case .neighbour(let neighbour) = origin {
            heard(of: frame.from, via: neighbour, now: now)
            remember(frame, via: next, now: now)
        }
        switch recurrence {
        case .unanswered(let via): doubt(frame.to, via: via, now: now)
        case .answerLost(let via):
            barred.set(now, for: frame.from)
            doubt(frame.from, via: via, now: now)
        case nil: break
        }
        recognize(frame, via: next, now: now)
        enqueue(Waiting(frame: frame, origin: origin), to: next)
        return .queued(next)
    }

    /// Whether a frame to a peer would find room now, or be dropped.
    package func takes(to peer: PeerID, from origin: Origin, now: Instant) -> Bool {
        guard let next = way(to: peer, from: origin, now: now) else { return true }
        if hasRoom(for: next, from: origin) { return true }
        return next != peer
            && routes.first(to: peer) { isOpen($0, from: origin) && hasRoom(for: $0, from: origin) } != nil
    }

    private func isStuck(_ neighbour: PeerID, now: Instant) -> Bool {
        neighbours[neighbour]?.stuckUntil.map { $0 > now } ?? false
    }

    func hasRoom(for neighbour: PeerID, from origin: Origin) -> Bool {
        guard let entry = neighbours[neighbour] else { return true }
        return entry.byteCount < limits.queueByteCountMax
            && entry.originByteCounts[origin, default: 0] < limits.originByteCountMax
    }

    /// A frame was dropped that had found no room for long: its way is doubted, and others for the same neighbour do not wait.
    package mutating func gaveUp(_ frame: TransitFrame, from origin: Origin, now: Instant) {
        drop(.noRoom)
        if case .neighbour(let neighbour) = origin { allowances.spend(neighbour, now: now) }
        guard let next = way(of: frame, from: origin, besides: nil, now: now),
            !hasRoom(for: next, from: origin)
        else { return }
        neighbours[next]?.stuckUntil = now + limits.stuckDuration
        doubt(frame.to, via: next, now: now)
    }

    /// Whether a neighbour's frame went a moment ago, or is this node's own.
    ///
    /// One that has come over fewer links goes again: whoever has the message could otherwise hand it on as one that has come too
    /// far, and it would take the place of the one that goes all the way. What runs in a circle has come over more.
    private func isRepeated(_ frame: TransitFrame, now: Instant) -> Bool {
        if frame.from == own { return true }
        guard let fingerprint = frame.fingerprint, let last = seen[fingerprint] else { return false }
        return last.at + limits.seenDuration > now && last.hopCount <= frame.hopCount
    }

    private mutating func recognize(_ frame: TransitFrame, via neighbour: PeerID, now: Instant) {
        guard let fingerprint = frame.fingerprint else { return }
        seen.set(Passage(at: now, hopCount: frame.hopCount, via: neighbour), for: fingerprint)
    }

    // MARK: Doubts

    private mutating func remember(_ frame: TransitFrame, via neighbour: PeerID, now: Instant) {
        guard let proof = frame.proof, proof.bodyBytes.count <= limits.receiptByteCountMax else { return }
        receipts.set(
            Answer(at: now, via: neighbour, proof: proof),
            for: Course(from: frame.from, to: frame.to)
        )
    }

    /// Why a message comes again whose sender has had the time to get a receipt; `nil` where it does not.
    private mutating func recurrence(of frame: TransitFrame, now: Instant) -> Recurrence? {
        guard !frame.isAnswer, let fingerprint = frame.fingerprint, let last = seen[fingerprint],
            last.at + limits.seenDuration <= now
        else { return nil }
        let course = Course(from: frame.to, to: frame.from)
        guard var answer = receipts[course], answer.at >= last.at else { return .unanswered(via: last.via) }
        if !answer.isProven {
            // Anybody can make one up, and have signatures checked: no more of them than doubts are told.
            guard !isDoubted(frame.to, now: now), answer.proof.isSound else {
                return .unanswered(via: last.via)
            }
            answer.isProven = true
            receipts.set(answer, for: course)
        }
        // A moment ago: the two have met on their way.
        guard answer.at + limits.seenDuration <= now else { return nil }
        return .answerLost(via: answer.via)
    }

    private func isDoubted(_ peer: PeerID, now: Instant) -> Bool {
        doubted[peer].map { $0 + limits.doubtInterval > now } ?? false
    }

    private mutating func doubt(_ peer: PeerID, via neighbour: PeerID, now: Instant) {
        if isDoubted(peer, now: now) { return }
        doubted.set(now, for: peer)
        doubts.append(Doubt(to: peer, via: neighbour))
    }

    /// What is to be told to whoever chooses the ways; pull until `nil` after each frame.
    package mutating func nextDoubt() -> Doubt? { doubts.popFirst() }

    @discardableResult
    private mutating func drop(_ reason: Drop) -> Verdict {
        droppedCounts[reason, default: 0] += 1
        return .dropped(reason)
    }

    // MARK: Queues

    private mutating func enqueue(_ waiting: Waiting, to neighbour: PeerID) {
        neighbours[neighbour]?.queues[waiting.frame.priority.index].append(waiting)
        neighbours[neighbour]?.byteCount += waiting.frame.wire.count
        neighbours[neighbour]?.originByteCounts[waiting.origin, default: 0] += waiting.frame.wire.count
    }

    /// The priorities of which frames wait for a neighbour.
    package func waitingPriorities(for neighbour: PeerID) -> PrioritySet {
        var waiting: PrioritySet = []
        guard let entry = neighbours[neighbour] else { return waiting }
        for priority in MessagePriority.allCases where !entry.queues[priority.index].isEmpty {
            waiting.insert(PrioritySet(priority))
        }
        return waiting
    }

    /// Appends frames for a neighbour to what its stream of a priority writes next, until that has so many bytes; those that have
    /// become useless while they waited are dropped.
    ///
    /// - Returns: Whether there is room that was not there before.
    package mutating func take(
        for neighbour: PeerID,
        _ priority: MessagePriority,
        into wire: inout [UInt8],
        byteCountMax: Int,
        wallNow: WallTime
    ) -> Bool {
        var hasTaken = false
        while wire.count < byteCountMax,
            let waiting = neighbours[neighbour]?.queues[priority.index].popFirst()
        {
            neighbours[neighbour]?.byteCount -= waiting.frame.wire.count
            let left =
                (neighbours[neighbour]?.originByteCounts[waiting.origin] ?? 0) - waiting.frame.wire.count
            neighbours[neighbour]?.originByteCounts[waiting.origin] = left > 0 ? left : nil
            hasTaken = true
            if let expires = waiting.frame.expires, expires < wallNow {
                drop(.expired)
                continue
            }
            wire += waiting.frame.wire
            forwardedCount += 1
        }
        return hasTaken
    }

    /// The tables that have a limit.
    package var tableFills: [TableFill] {
        [
            // The last frame has room where any is left.
            TableFill(
                "forwarder queue bytes",
                neighbours.values.reduce(0) { max($0, $1.byteCount) },
                of: limits.queueByteCountMax + MessageFrame.wireByteCountMax
            ),
            allowances.tableFill("forwarder gone neighbours"),
            TableFill("forwarder traces", traces.count, of: limits.traceCountMax),
            TableFill("forwarder seen", seen.count, of: limits.seenCountMax),
            TableFill("forwarder receipts", receipts.count, of: limits.receiptCountMax),
            TableFill("forwarder barred", barred.count, of: limits.traceCountMax),
            TableFill("forwarder doubted", doubted.count, of: limits.traceCountMax),
        ]
    }
}
