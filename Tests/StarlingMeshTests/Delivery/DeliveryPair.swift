import StarlingCore
import StarlingCrypto
import StarlingMesh

/// Nodes that send one another messages over links that lose, repeat, reorder and break, on disks that fail, with
/// crashes and clocks that jump; all of it from one seed, in virtual time.
struct DeliveryPair {
    enum Event {
        case send(Int)
        case frame(from: Int, to: Int, RigFrame)
        case link(Int, Int)
        case committed(Int, run: Int, isOutbox: Bool)
        case loaded(Int, run: Int, position: UInt64)
        case reach(Int, run: Int, peer: Int)
        case crash(Int)
        case restart(Int)
        case jump(Int)
        case acknowledge(Int, run: Int, position: UInt64)
        case fetched(Int, run: Int, position: UInt64)
        case handOutAgain(Int, run: Int, position: UInt64)
        case replay
        case tick(Int, run: Int, at: Instant)
    }

    struct Faults {
        var lossRatio = 0.1
        var repeatRatio = 0.1
        var commitFailureRatio = 0.03
        var crashes = true
        var jumps = true
        var replays = true
        var linkBreaks = true
        /// Messages with a file, which takes a while to come.
        var fileRatio = 0.0
    }

    private(set) var nodes: [RigNode]
    private var faults: Faults
    private var draws: SeededDraws
    private(set) var now = Instant(nanosecondsSinceOrigin: 0)
    var queue: [(time: Instant, order: UInt64, event: Event)] = []
    private var order: UInt64 = 0
    /// Frames to be sent again long after.
    private var recorded: [(from: Int, to: Int, frame: RigFrame)] = []
    private var scheduledTicks: [Instant?]
    var violations: [String] = []
    private(set) var trace: UInt64 = 0xcbf2_9ce4_8422_2325
    private(set) var steps = 0
    let outboxLimits: Outbox.Limits
    let inboxLimits: Inbox.Limits
    private let hasJumps: Bool

    static func smallOutbox() -> Outbox.Limits {
        var limits = Outbox.Limits()
        limits.messageCountMax = 200
        limits.byteCountMax = 100_000
        limits.emergencyCountMax = 5
        limits.emergencyByteCountMax = 2000
        limits.windowCount = 64
        limits.reservationCount = 8
        limits.settlementCount = 10
        limits.envelopeByteCountMax = 4000
        limits.queues.counts = [2, 3, 4, 5]
        limits.queues.quantumByteCount = 300
        limits.retries.longest = .seconds(20)
        return limits
    }

    static func smallInbox() -> Inbox.Limits {
        var limits = Inbox.Limits()
        limits.entryCountMax = 30
        limits.byteCountMax = 20_000
        limits.emergencyCountMax = 3
        limits.emergencyByteCountMax = 2000
        limits.owedCountMax = 300
        limits.windowCount = 64
        limits.retries.longest = .seconds(20)
        return limits
    }

    init(seed: UInt64, nodeCount: Int = 2, faults: Faults = Faults()) {
        (outboxLimits, inboxLimits) = (Self.smallOutbox(), Self.smallInbox())
        self.faults = faults
        hasJumps = faults.jumps
        draws = SeededDraws(seed: seed)
        nodes = []
        scheduledTicks = [Instant?](repeating: nil, count: nodeCount)
        for index in 0..<nodeCount {
            let key = MessageKit.key(UInt8(index + 1))
            nodes.append(
                RigNode(
                    key: key,
                    outbox: Outbox(own: key.peerID, seed: draws.next(), limits: outboxLimits),
                    inbox: Inbox(own: key.peerID, seed: draws.next(), limits: inboxLimits)
                )
            )
        }
    }

    // MARK: Running

    mutating func run(faultsFor duration: Duration, messageCount: Int) {
        for node in nodes.indices {
            for _ in 0..<messageCount { schedule(.send(node), in: draw(upTo: duration)) }
            if faults.crashes {
                for _ in 0..<3 { schedule(.crash(node), in: draw(upTo: duration)) }
            }
            if faults.jumps {
                for _ in 0..<3 { schedule(.jump(node), in: draw(upTo: duration)) }
            }
        }
        if faults.replays {
            for _ in 0..<messageCount { schedule(.replay, in: draw(upTo: duration)) }
        }
        for first in nodes.indices {
            for second in nodes.indices where second > first {
                schedule(.link(first, second), in: draw(upTo: .seconds(2)))
            }
        }
        let end = now + duration
        while let event = popEvent(through: end) { step(event) }
        now = end
        stopFaults()
    }

    /// Without faults, everything comes to its end.
    private mutating func stopFaults() {
        faults = Faults(
            lossRatio: 0,
            repeatRatio: 0,
            commitFailureRatio: 0,
            crashes: false,
            jumps: false,
            replays: false,
            linkBreaks: false
        )
        for node in nodes.indices where !nodes[node].isRunning { schedule(.restart(node), in: .zero) }
        for first in nodes.indices {
            for second in nodes.indices where second > first {
                schedule(.link(first, second), in: .seconds(1))
            }
        }
        let end = now + .seconds(3 * 3600)
        while let event = popEvent(through: end) { step(event) }
        checkEnd()
    }

    private mutating func step(_ event: Event) {
        steps += 1
        handle(event)
        for node in nodes.indices where nodes[node].isRunning { pull(node) }
        check()
    }

    private mutating func popEvent(through end: Instant) -> Event? {
        guard !queue.isEmpty else { return nil }
        var first = 0
        for index in 1..<queue.count {
            let (time, least) = (queue[index].time, queue[first].time)
            if time < least || (time == least && queue[index].order < queue[first].order) { first = index }
        }
        guard queue[first].time <= end else { return nil }
        let entry = queue[first]
        queue.swapAt(first, queue.count - 1)
        queue.removeLast()
        now = max(now, entry.time)
        return entry.event
    }

    private mutating func schedule(_ event: Event, in delay: Duration) {
        order += 1
        queue.append((now + delay, order, event))
    }

    private mutating func draw(upTo duration: Duration) -> Duration {
        .nanoseconds(Int64(draws.next() % UInt64(max(duration.nanosecondsClamped, 1))))
    }

    private func wall(_ node: Int) -> WallTime {
        WallTime(
            millisecondsSince1970: MessageKit.created.millisecondsSince1970 + now.nanosecondsSinceOrigin
                / 1_000_000
                + nodes[node].wallOffset
        )
    }

    // MARK: Events

    private mutating func handle(_ event: Event) {
        switch event {
        case .send(let node): send(node)
        case .frame(let from, let to, let frame): receive(frame, from: from, at: to)
        case .link(let first, let second): toggle(first, second)
        case .committed(let node, let run, let isOutbox):
            guard nodes[node].isRunning, nodes[node].run == run else { return }
            commit(node, isOutbox)
        case .loaded(let node, let run, let position):
            guard nodes[node].isRunning, nodes[node].run == run else { return }
            let key = StoreKey(DeliveryTables.outbox, position)
            let row = nodes[node].disk.rows[DeliveryTables.outbox]?[key]
            nodes[node].outbox.loaded(position: position, row: row, now: now, wallNow: wall(node))
        case .reach(let node, let run, let peer):
            guard nodes[node].isRunning, nodes[node].run == run, !nodes[node].links.contains(peer) else {
                return
            }
            if nodes[peer].isRunning, !draws.happens(faults.lossRatio) {
                connect(node, peer)
            } else {
                nodes[node].outbox.unreachable(nodes[peer].key.peerID, now: now)
            }
        case .crash(let node): crash(node)
        case .restart(let node): restart(node)
        case .jump(let node): nodes[node].wallOffset += Int64(draws.below(1_200_001)) - 600_000
        case .acknowledge(let node, let run, let position):
            guard nodes[node].isRunning, nodes[node].run == run else { return }
            _ = nodes[node].inbox.acknowledge(position)
        case .fetched(let node, let run, let position):
            guard nodes[node].isRunning, nodes[node].run == run else { return }
            fetched(position, at: node)
        case .handOutAgain(let node, let run, let position):
            guard nodes[node].isRunning, nodes[node].run == run else { return }
            _ = nodes[node].inbox.handOut(position)
        case .replay:
            guard !recorded.isEmpty else { return }
            let old = recorded[draws.below(recorded.count)]
            schedule(.frame(from: old.from, to: old.to, old.frame), in: .zero)
        case .tick(let node, let run, let time):
            if scheduledTicks[node] == time { scheduledTicks[node] = nil }
            guard nodes[node].isRunning, nodes[node].run == run else { return }
            nodes[node].outbox.advance(to: now, wallNow: wall(node))
            nodes[node].inbox.advance(to: now)
        }
    }

    private mutating func send(_ node: Int) {
        guard nodes[node].isRunning else { return }
        for _ in 0..<(1 + draws.below(4)) {
            var peer = draws.below(nodes.count - 1)
            if peer >= node { peer += 1 }
            let payload = draws.bytes(draws.below(600))
            var request = OutboxRequest(to: nodes[peer].key.peerID, byteCount: payload.count + 20)
            request.privacy = .standard
            request.priority = MessagePriority.allCases[draws.below(4)]
            request.lifetime = draws.happens(0.2) ? .seconds(1 + draws.below(60)) : .seconds(3600)
            if faults.fileRatio > 0, draws.happens(faults.fileRatio) {
                request.file = BlobID(root: draws.bytes(32), byteCount: 9000, chunkByteCount: 4096)
            }
            let id = MessageID(random: draws.bytes(16))
            let beginning = try? nodes[node].outbox.begin(
                request,
                id: id,
                seriesDraw: draws.next(),
                now: now,
                wallNow: wall(node)
            )
            guard case .make(let header)? = beginning else { continue }
            if draws.happens(0.05) {
                nodes[node].outbox.abandon(id)
                continue
            }
            var content = MessageContent(type: .data, payload: payload)
            if let file = request.file, let attachment = BlobAttachment(id: file, name: "a.txt", key: nil) {
                content.attachment = attachment.encoded
            }
            guard let envelope = try? Envelope(header, content: content, from: nodes[node].key) else {
                violations.append("no envelope for \(header)")
                continue
            }
            nodes[node].lifetimes[id] = now + request.lifetime
            nodes[node].outbox.accept(envelope, now: now)
        }
    }

    private mutating func receive(_ frame: RigFrame, from: Int, at node: Int) {
        guard nodes[node].isRunning else { return }
        let peer = nodes[from].key.peerID
        switch frame {
        case .envelope(let bytes):
            guard let envelope = try? Envelope(parsing: bytes.span) else {
                violations.append("what was sent is no envelope")
                return
            }
            let verdict = nodes[node].inbox.offer(
                envelope.header,
                byteCount: envelope.body.count,
                now: now,
                wallNow: wall(node)
            )
            guard case .take(let ticket) = verdict else { return }
            if draws.happens(0.03) { return nodes[node].inbox.abandon(ticket) }
            if draws.happens(0.03) { return nodes[node].inbox.refuse(ticket, .unreadable, now: now) }
            guard let content = try? envelope.content() else {
                violations.append("no content")
                return
            }
            if let file = try? BlobAttachment(parsing: content.attachment.span) {
                let wallNow = wall(node)
                return nodes[node].inbox.hold(
                    ticket,
                    content,
                    file,
                    storeByteCountMax: 1 << 40,
                    now: now,
                    wallNow: wallNow
                )
            }
            _ = nodes[node].inbox.add(
                ticket,
                content,
                handsOut: draws.happens(0.5),
                now: now,
                wallNow: wall(node)
            )
        case .receipt(let entries):
            let receipt = Receipt(
                for: entries,
                to: nodes[node].key.peerID,
                created: wall(from),
                from: nodes[from].key
            )
            nodes[node].outbox.receipt(receipt, now: now, wallNow: wall(node))
        case .settlement(let series):
            guard !series.isEmpty else { return }
            let settlement = Settlement(
                of: series,
                to: nodes[node].key.peerID,
                created: wall(from),
                from: nodes[from].key
            )
            nodes[node].inbox.settlement(settlement, now: now, wallNow: wall(node))
        }
        _ = peer
    }

    /// The file of a message is here, or there is no room for it yet, or there never will be.
    private mutating func fetched(_ position: UInt64, at node: Int) {
        guard nodes[node].inbox.heldMessage(at: position) != nil else { return }
        if faults.lossRatio > 0, draws.happens(0.2) {
            nodes[node].inbox.tellHeld(position, draws.happens(0.5) ? .refusedNoSpace : .fetching)
            return schedule(.fetched(node, run: nodes[node].run, position: position), in: .seconds(5))
        }
        if draws.happens(0.05) { return nodes[node].inbox.refuseHeld(position, .refusedTooLarge, now: now) }
        let key = StoreKey(DeliveryTables.held, position)
        guard let bytes = nodes[node].disk.rows[DeliveryTables.held]?[key],
            let content = try? HeldRow(bytes.span).parse().0
        else {
            violations.append("a message that waits for its file has no row")
            return
        }
        let handsOut = draws.happens(0.5)
        _ = nodes[node].inbox.release(
            position,
            content,
            handsOut: handsOut,
            now: now,
            wallNow: wall(node)
        )
    }

    // MARK: Links

    private mutating func toggle(_ first: Int, _ second: Int) {
        if nodes[first].links.contains(second) {
            if faults.linkBreaks { disconnect(first, second) }
        } else if nodes[first].isRunning, nodes[second].isRunning {
            connect(first, second)
        }
        if faults.linkBreaks { schedule(.link(first, second), in: draw(upTo: .seconds(60))) }
    }

    private mutating func connect(_ first: Int, _ second: Int) {
        for (node, peer) in [(first, second), (second, first)] where !nodes[node].links.contains(peer) {
            nodes[node].links.insert(peer)
            nodes[node].outbox.linkUp(nodes[peer].key.peerID, now: now)
            nodes[node].inbox.linkUp(nodes[peer].key.peerID, now: now)
        }
    }

    private mutating func disconnect(_ first: Int, _ second: Int) {
        for (node, peer) in [(first, second), (second, first)] where nodes[node].links.contains(peer) {
            nodes[node].links.remove(peer)
            guard nodes[node].isRunning else { continue }
            nodes[node].outbox.linkDown(nodes[peer].key.peerID, now: now)
            nodes[node].inbox.linkDown(nodes[peer].key.peerID)
        }
    }

    private mutating func transmit(_ frame: RigFrame, from: Int, to: Int) {
        recorded.append((from, to, frame))
        if draws.happens(faults.lossRatio) { return }
        repeat {
            schedule(.frame(from: from, to: to, frame), in: .milliseconds(1) + draw(upTo: .milliseconds(80)))
        } while draws.happens(faults.repeatRatio)
    }

    // MARK: Crashes

    private mutating func crash(_ node: Int) {
        guard nodes[node].isRunning else { return }
        for peer in nodes.indices where nodes[node].links.contains(peer) { disconnect(node, peer) }
        // What was on its way to the disk is there, or not.
        if let batch = nodes[node].outboxBatch, draws.happens(0.5) { nodes[node].disk.apply(batch) }
        if let batch = nodes[node].inboxBatch, draws.happens(0.5) { nodes[node].disk.apply(batch) }
        (nodes[node].outboxBatch, nodes[node].inboxBatch) = (nil, nil)
        nodes[node].isRunning = false
        nodes[node].run += 1
        schedule(.restart(node), in: draw(upTo: .seconds(90)))
    }

    private mutating func restart(_ node: Int) {
        guard !nodes[node].isRunning else { return }
        nodes[node].isRunning = true
        scheduledTicks[node] = nil
        let own = nodes[node].key.peerID
        nodes[node].outbox = Outbox(own: own, seed: draws.next(), limits: outboxLimits)
        nodes[node].inbox = Inbox(own: own, seed: draws.next(), limits: inboxLimits)
        do throws(DeliveryRowError) {
            for table in DeliveryTables.ofOutbox {
                for row in nodes[node].disk.rows(of: table) {
                    try nodes[node].outbox.restore(row, now: now, wallNow: wall(node))
                }
            }
            for table in DeliveryTables.ofInbox {
                for row in nodes[node].disk.rows(of: table) {
                    try nodes[node].inbox.restore(row, now: now, wallNow: wall(node))
                }
            }
        } catch {
            violations.append("a row was not restored: \(error)")
        }
        nodes[node].outbox.finishRestoring(now: now, wallNow: wall(node))
        nodes[node].inbox.finishRestoring()
        for entry in nodes[node].inbox.entries() { _ = nodes[node].inbox.handOut(entry.position) }
    }

    // MARK: Actions

    private mutating func commit(_ node: Int, _ isOutbox: Bool) {
        let batch = isOutbox ? nodes[node].outboxBatch : nodes[node].inboxBatch
        if isOutbox { nodes[node].outboxBatch = nil } else { nodes[node].inboxBatch = nil }
        guard let batch else { return }
        if draws.happens(faults.commitFailureRatio) {
            if isOutbox {
                nodes[node].outbox.storeFailed(now: now)
            } else {
                nodes[node].inbox.storeFailed(now: now)
            }
            return
        }
        nodes[node].disk.apply(batch)
        if isOutbox {
            nodes[node].outbox.stored(now: now, wallNow: wall(node))
        } else {
            nodes[node].inbox.stored(now: now, wallNow: wall(node))
        }
    }

    private mutating func pull(_ node: Int) {
        while let action = nodes[node].outbox.nextAction() { perform(action, node) }
        while let action = nodes[node].inbox.nextAction() { perform(action, node) }
        let deadlines = [nodes[node].outbox.nextDeadline, nodes[node].inbox.nextDeadline].compactMap(\.self)
        guard let next = deadlines.min() else { return }
        if let scheduled = scheduledTicks[node], scheduled <= next { return }
        scheduledTicks[node] = next
        schedule(.tick(node, run: nodes[node].run, at: next), in: max(.zero, now.duration(to: next)))
    }

    private mutating func perform(_ action: OutboxAction, _ node: Int) {
        note("\(node) \(action)")
        let run = nodes[node].run
        switch action {
        case .accepted(let id): nodes[node].accepted.insert(id)
        case .notAccepted, .delivered: break
        case .write:
            guard let batch = nodes[node].outbox.takeBatch() else { return }
            nodes[node].outboxBatch = batch
            schedule(.committed(node, run: run, isOutbox: true), in: commitDuration())
        case .reach(let id):
            guard let peer = nodes.firstIndex(where: { $0.key.peerID == id }) else { return }
            schedule(.reach(node, run: run, peer: peer), in: draw(upTo: .seconds(1)))
        case .load(let position):
            schedule(.loaded(node, run: run, position: position), in: draw(upTo: .milliseconds(3)))
        case .settle(let id):
            guard let peer = nodes.firstIndex(where: { $0.key.peerID == id }),
                let series = nodes[node].outbox.takeSettlement(for: id, now: now)
            else { return }
            transmit(.settlement(series), from: node, to: peer)
        case .transmit(let id):
            guard let peer = nodes.firstIndex(where: { $0.key.peerID == id }) else { return }
            while let next = nodes[node].outbox.nextTransmission(
                to: id,
                now: now,
                wallNow: wall(node)
            ) {
                transmit(.envelope(next.envelope), from: node, to: peer)
            }
        case .ended(let message):
            if let before = nodes[node].ended[message.id], before != message.state {
                violations.append("\(message.id) ended as \(before) and as \(message.state)")
            }
            nodes[node].ended[message.id] = message.state
            // With clocks that agree, nothing is given up, and no number called settled, before its time.
            if !hasJumps, message.state == .expired, let end = nodes[node].lifetimes[message.id],
                now + .milliseconds(2) < end
            {
                violations.append("\(message.id) expired too early")
            }
        case .displaced, .stalled: break
        }
    }

    private mutating func perform(_ action: InboxAction, _ node: Int) {
        note("\(node) \(action)")
        let run = nodes[node].run
        switch action {
        case .write:
            guard let batch = nodes[node].inbox.takeBatch() else { return }
            nodes[node].inboxBatch = batch
            schedule(.committed(node, run: run, isOutbox: false), in: commitDuration())
        case .arrived(let position):
            schedule(.handOutAgain(node, run: run, position: position), in: draw(upTo: .seconds(20)))
        case .handOut(let position, let attempt):
            if attempt <= nodes[node].attempts[position] ?? 0 {
                violations.append("entry \(position) was handed out as attempt \(attempt) again")
            }
            nodes[node].attempts[position] = attempt
            let delay = draw(upTo: .seconds(20))
            if draws.happens(0.1) {
                schedule(.handOutAgain(node, run: run, position: position), in: delay)
            } else {
                schedule(.acknowledge(node, run: run, position: position), in: delay)
            }
        case .lost, .withdrawn, .unheld, .forgotten: break
        case .held(let position):
            schedule(.fetched(node, run: run, position: position), in: draw(upTo: .seconds(40)))
        case .answer(let id):
            guard let peer = nodes.firstIndex(where: { $0.key.peerID == id }) else { return }
            while let entries = nodes[node].inbox.takeReceipts(for: id, now: now) {
                transmit(.receipt(entries), from: node, to: peer)
            }
        }
    }

    /// Now and then a disk is busy with something else.
    private mutating func commitDuration() -> Duration {
        draw(upTo: draws.happens(0.05) ? .seconds(2) : .milliseconds(5))
    }

    private mutating func note(_ text: String) {
        for byte in text.utf8 { trace = (trace ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
}
