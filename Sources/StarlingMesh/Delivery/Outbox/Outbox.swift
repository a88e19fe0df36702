package import StarlingCore

/// What this node owes others: numbered, kept until each recipient's receipt, tried again until the lifetime ends.
///
/// The driver numbers a message with ``begin(_:id:seriesDraw:now:wallNow:)``, makes its envelope, and hands it in with
/// ``accept(_:now:)``. What has to be on the disk comes out of ``takeBatch()``; nothing is accepted, sent or settled before
/// ``stored(now:)``. One batch is on its way at a time, so that rows change in the order in which they were decided.
///
/// A receipt is told at once, since what it says is on the recipient's disk; its row follows with the next batch. Where a
/// crash comes before that, the message is sent again, and the receipt is repeated.
///
/// A message is in the outbox until it is settled, and in the history for a while after that. Queues to links hold
/// references; a message leaves the outbox by its settlement only.
///
/// Time within a run is the loop's: jumps of the wall clock change nothing but what is restored.
package struct Outbox: Sendable {
    package struct Limits: Sendable {
        /// Messages that are not settled; more are not accepted.
        package var messageCountMax = 10_000
        /// Bytes of their bodies; more are not accepted.
        package var byteCountMax = 1_073_741_824
        /// EMERGENCY messages beyond both, so that a flood of others does not keep them out; more are not accepted.
        package var emergencyCountMax = 64
        /// Bytes of their bodies, and of their envelopes beyond ``envelopeByteCountMax``.
        package var emergencyByteCountMax = 16_777_216
        /// Settled messages that are remembered; the oldest is forgotten.
        package var historyCountMax = 10_000
        /// How long they are.
        package var historyDuration: Duration = .seconds(7 * 86_400)
        /// Bytes of the ways that they took, where that was asked for; the oldest message's is forgotten.
        ///
        /// A tenth of what all of them may take: the ways of 400 messages over ten links, or of 2,000 over two.
        package var historyPathByteCountMax = 524_288
        /// Rows of forgotten messages that wait for another batch; with so many they are one of their own.
        package var forgottenCountMax = 256
        /// The longest idempotency key.
        package var keyByteCountMax = 64
        /// Numbers from a told floor on that may be sent: recipients keep track of so many.
        package var windowCount: UInt64 = 4096
        /// Numbers that are reserved at once: a restart skips at most so many, and rows are written so seldom.
        package var reservationCount: UInt64 = 256
        /// Series that are remembered; beyond it the one that has been idle for longest begins anew.
        package var laneCountMax = 16_384
        /// Bytes of new messages that are written together, the most urgent first; the first one counts as within.
        ///
        /// An urgent message waits for one batch that is on its way, however many are accepted at once.
        package var batchByteCount = 1_048_576
        /// Bytes of envelopes kept in memory until they are sent; others are read from the disk when it is their turn.
        ///
        /// Peers that have none there get half as much beyond it, one each: who takes nothing does not keep others from theirs.
        package var envelopeByteCountMax = 16_777_216
        /// How long the row of a receipt waits for others to be written with.
        package var receiptDelay: Duration = .milliseconds(10)
        /// Receipts whose rows wait so; with more they are written.
        package var receiptCountMax = 256
        /// Settled messages after which a settlement is told.
        package var settlementCount = 256
        /// How long a settlement waits for more.
        package var settlementDelay: Duration = .milliseconds(100)
        /// How long nothing may move before that is told.
        package var stallDuration: Duration = .seconds(60)
        package var retries = RetrySchedule.Limits()
        /// Bytes per second of the slowest link on which a message is not sent again while it is on its way.
        package var linkBytesPerSecond: Int64 = 125_000
        package var queues = SendQueues.Limits()
        package var settlement = Settlement.Limits()

        package init() {}
    }

    /// What ``begin(_:id:seriesDraw:now:wallNow:)`` says.
    package enum Beginning: Equatable, Sendable {
        /// Make the envelope of this header, then call ``Outbox/accept(_:now:)`` or ``Outbox/abandon(_:)``.
        case make(MessageHeader)
        /// The key names this message, which was accepted before.
        case known(MessageID)
    }

    /// A message that was accepted and is not on its way to the disk.
    struct Unwritten: Sendable {
        var slot: Int
        var row: [UInt8]
    }

    struct Promise: Sendable {
        var lane: Int
        var header: MessageHeader
        var byteCount: Int
        var key: [UInt8]?
        var file: BlobID?
        var expires: Instant
    }

    /// A settled message, as it is remembered.
    struct Ended: Sendable {
        var message: OutboxMessage
        var key: [UInt8]?
    }

    struct RestoredNumber: Hashable, Sendable {
        var lane: Int
        var number: UInt64
    }

    /// What a batch on its way to the disk will change here.
    struct Batch: Sendable {
        /// Rows of what has happened: written again when the batch fails.
        var bookkeeping = StoreBatch()
        /// Slots whose rows are new: not accepted when the batch fails.
        var accepted: [Int] = []
        /// Slots that are settled, and what was told of their end.
        var ended: [(slot: Int, message: OutboxMessage)] = []
        /// Numbers that it reserves; a lane may be another one's by the time it is written, a series is not.
        var reserved: [(lane: Int, series: UInt64, through: UInt64)] = []
        /// Positions of settled messages that are remembered no longer.
        var forgotten: [UInt64] = []
        /// Whether there is more to write than receipts.
        var isUrgent = false

        var isEmpty: Bool { bookkeeping.isEmpty && accepted.isEmpty && ended.isEmpty }
    }

    let own: PeerID
    let limits: Limits
    var jitter: DeliveryJitter

    var slots: [OutboxSlot] = []
    var freeSlots: [Int] = []
    var index: [MessageID: Int] = [:]
    var promises: [MessageID: Promise] = [:]
    var keys: [[UInt8]: MessageID] = [:]
    var positions: [UInt64: Int] = [:]
    var nextPosition: UInt64 = 1

    var lanes: [OutboxLane] = []
    var freeLanes: [Int] = []
    /// Lanes in the order of their use, for when there are too many.
    var laneOrder = RingQueue<Int>()
    var peers: [OutboxPeer] = []
    var freePeers: [Int] = []
    var peerIndex: [PeerID: Int] = [:]

    var history: [MessageID: Ended] = [:]
    var historyOrder = RingQueue<MessageID>()
    /// Those of them whose ways are known, and the bytes of these.
    var historyPathOrder = RingQueue<MessageID>()
    var historyPathByteCount = 0
    /// Positions of settled messages whose rows go with the next batch: after a crash they are forgotten again.
    var forgotten: [UInt64] = []

    /// Messages whose numbers are put in order at the end of a restoration.
    var restored: [(lane: Int, number: UInt64, slot: Int)] = []
    var restoredNumbers: Set<RestoredNumber> = []

    /// When a sent message is sent again, by slot.
    var retryTimers = DeadlineHeap()
    /// When a message's lifetime ends, by slot.
    var lifetimes = DeadlineHeap()
    /// What a peer waits for: to be reached, offered to or told a settlement.
    var peerTimers = DeadlineHeap()
    /// When a lane is looked at, by lane.
    var stallTimers = DeadlineHeap()

    var pending = Batch()
    /// New messages for the batches to come, by priority.
    var unwritten = [RingQueue<Unwritten>](repeating: RingQueue(), count: MessagePriority.allCases.count)
    var inFlight: Batch?
    var isWriteTold = false
    /// When receipts are written at the latest; `nil` while none waits for that.
    var writeReceiptsAt: Instant?
    var actions = RingQueue<OutboxAction>()

    /// Messages that are not settled, with those being made.
    package var count: Int = 0
    /// The bytes of their bodies.
    package var byteCount: Int = 0
    /// Bytes of envelopes in memory, with those being read.
    var envelopeByteCount = 0
    /// Messages that wait with their envelopes in memory, the last of them at the end; some may wait no longer.
    var spares: [Int32] = []
    /// With so many those are looked through.
    var spareCountMax = Self.spareCountMin
    /// Peers that wait for room in memory, in order.
    var starved = RingQueue<Int>()
    /// Messages of a run that were found stuck, for the metrics.
    package var stallCount = 0

    /// - Parameters:
    ///   - own: Whose messages these are.
    ///   - seed: Eight random bytes, which spread the retries.
    package init(own: PeerID, seed: UInt64, limits: Limits = Limits()) {
        self.own = own
        self.limits = limits
        jitter = DeliveryJitter(seed: seed)
    }

    // MARK: Accepting

    /// Numbers a message, and says what header it has.
    ///
    /// The message counts from here on. Nothing is written yet.
    ///
    /// - Parameters:
    ///   - id: 16 random bytes.
    ///   - seriesDraw: 8 random bytes, used when this is the first message to the recipient of its priority.
    package mutating func begin(
        _ request: OutboxRequest,
        id: MessageID,
        seriesDraw: UInt64,
        now: Instant,
        wallNow: WallTime
    ) throws(AcceptError) -> Beginning {
        if let key = request.key {
            guard (1...limits.keyByteCountMax).contains(key.count) else { throw .invalidKey }
            if let known = keys[key] {
                guard recipient(of: known) == request.to else { throw .keyTaken(by: known) }
                return .known(known)
            }
        }
        guard index[id] == nil, promises[id] == nil, history[id] == nil else { throw .idTaken }
        let lifetime = request.lifetime.milliseconds
        guard lifetime >= 1, request.lifetime <= MessageHeader.lifetimeMax else { throw .lifetimeOutOfRange }
        guard OutboxRequest.hopLimits.contains(request.hopLimit) else { throw .hopLimitOutOfRange }
        let isEmergency = request.priority == .emergency
        let countMax = limits.messageCountMax + (isEmergency ? limits.emergencyCountMax : 0)
        guard count < countMax else { throw .tooManyMessages(countMax: countMax) }
        let byteCountMax = limits.byteCountMax + (isEmergency ? limits.emergencyByteCountMax : 0)
        guard byteCount + request.byteCount <= byteCountMax else {
            throw .tooManyBytes(byteCountMax: byteCountMax)
        }
        let name = LaneName(priority: request.priority, hasFiles: request.file != nil)
        let lane = lane(to: request.to, name, seriesDraw: seriesDraw, now: now)
        let number = lanes[lane].numbers.next
        lanes[lane].numbers.append(LaneNumbers.promised)
        var header = MessageHeader(
            id: id,
            from: own,
            to: request.to,
            created: wallNow,
            lifetimeMilliseconds: lifetime,
            place: .init(series: lanes[lane].series, number: number, floor: lanes[lane].numbers.floor)
        )
        header.priority = request.priority
        header.privacy = request.privacy
        header.recipientKeyID = request.recipientKeyID
        header.hopLimit = request.hopLimit
        header.recordsPath = request.recordsPath
        promises[id] = Promise(
            lane: lane,
            header: header,
            byteCount: request.byteCount,
            key: request.key,
            file: request.file,
            expires: now + request.lifetime
        )
        if let key = request.key { keys[key] = id }
        count += 1
        byteCount += request.byteCount
        return .make(header)
    }

    /// Takes the envelope of a message that was begun, to be written.
    ///
    /// - Precondition: the message was begun, and neither accepted nor abandoned.
    package mutating func accept(_ envelope: Envelope, now: Instant) {
        guard let promise = promises.removeValue(forKey: envelope.header.id),
            let place = promise.header.place,
            envelope.header == promise.header
        else { preconditionFailure("no such message was begun") }
        byteCount += envelope.body.count - promise.byteCount
        let lane = promise.lane
        reserve(place.number, lane)
        let encoded = envelope.encoded
        let slot = newSlot(id: promise.header.id, now: now)
        slots[slot].state = .storing
        slots[slot].lane = lane
        slots[slot].number = place.number
        slots[slot].position = nextPosition
        slots[slot].byteCount = envelope.body.count
        slots[slot].created = promise.header.created
        slots[slot].lifetimeMilliseconds = promise.header.lifetimeMilliseconds
        slots[slot].privacy = promise.header.privacy
        slots[slot].hopLimit = promise.header.hopLimit
        slots[slot].path = promise.header.recordsPath ? [] : nil
        slots[slot].expires = promise.expires
        slots[slot].key = promise.key
        slots[slot].file = promise.file
        index[promise.header.id] = slot
        positions[nextPosition] = slot
        lanes[lane].numbers.set(place.number, to: slot)
        let row = OutboxRow.live(envelope: encoded, key: promise.key, file: promise.file)
        unwritten[lanes[lane].priority.index].append(Unwritten(slot: slot, row: row.encoded))
        nextPosition += 1
        // Who can be sent to soon need not read it back.
        if peers[lanes[lane].peer].isUp, !isTooFar(slot) { keep(encoded, slot) }
        tellWrite()
    }

    /// Gives up a message that was begun and could not be made.
    package mutating func abandon(_ id: MessageID) {
        guard let promise = promises.removeValue(forKey: id), let place = promise.header.place else { return }
        lanes[promise.lane].numbers.settle(place.number)
        if let key = promise.key { keys[key] = nil }
        count -= 1
        byteCount -= promise.byteCount
    }

    // MARK: Writing

    /// What is to be written next; `nil` when there is nothing, or when the last batch is still on its way.
    package mutating func takeBatch() -> StoreBatch? {
        isWriteTold = false
        guard inFlight == nil, hasPending else { return nil }
        writeReceiptsAt = nil
        // What reserves numbers stands before what has them.
        var batch = pending.bookkeeping
        var room = limits.batchByteCount
        for priority in MessagePriority.allCases where room > 0 {
            while let next = unwritten[priority.index].first,
                next.row.count <= room || pending.accepted.isEmpty
            {
                _ = unwritten[priority.index].popFirst()
                batch.put(StoreKey(DeliveryTables.outbox, slots[next.slot].position), next.row)
                pending.accepted.append(next.slot)
                room -= next.row.count
            }
            // Where the next one has no room, nothing less urgent takes it.
            if !unwritten[priority.index].isEmpty { break }
        }
        for position in forgotten { batch.remove(StoreKey(DeliveryTables.outbox, position)) }
        (pending.forgotten, forgotten) = (forgotten, [])
        inFlight = pending
        pending = Batch()
        return batch
    }

    /// Accepted messages that no batch has yet.
    package var unwrittenCount: Int { unwritten.reduce(0) { $0 + $1.count } }

    /// Whether there is something to write.
    var hasPending: Bool {
        !pending.isEmpty || forgotten.count >= limits.forgottenCountMax || unwritten.contains { !$0.isEmpty }
    }

    /// Whether all that there is to write are receipts that can wait.
    var canWait: Bool {
        writeReceiptsAt != nil && !pending.isUrgent && pending.ended.count < limits.receiptCountMax
            && forgotten.count < limits.forgottenCountMax && unwritten.allSatisfy(\.isEmpty)
    }

    /// The batch is on the disk.
    package mutating func stored(now: Instant, wallNow: WallTime) {
        guard let batch = inFlight else { return }
        inFlight = nil
        for (lane, series, through) in batch.reserved where lanes[lane].series == series {
            lanes[lane].reservedOnDisk = max(lanes[lane].reservedOnDisk, through)
        }
        for slot in batch.accepted {
            slots[slot].state = .waiting
            lifetimes.set(slot, to: slots[slot].expires)
            let lane = slots[slot].lane
            if lanes[lane].liveCount == 0 { lanes[lane].lastProgress = now }
            append(slot, to: .waiting)
        }
        for (slot, message) in batch.ended { finish(slot, message, now: now) }
        trimHistory(wallNow: wallNow)
        var woken = -1
        for slot in batch.accepted where slots[slot].lane >= 0 {
            let peer = lanes[slots[slot].lane].peer
            if peer != woken { wake(peer, now: now) }
            woken = peer
        }
        for slot in batch.accepted { spare(slot) }
        feedStarved(now: now)
        // The messages are on their way before those who wait for their acceptance go on.
        for slot in batch.accepted { actions.append(.accepted(slots[slot].id)) }
        tellWrite()
    }

    /// The batch was not written, and nothing of it is on the disk.
    package mutating func storeFailed(now: Instant) {
        guard let batch = inFlight else { return }
        inFlight = nil
        for slot in batch.accepted {
            let id = slots[slot].id
            // The number is not given again: the disk may yet have the row after a crash.
            lanes[slots[slot].lane].numbers.settle(slots[slot].number)
            if let key = slots[slot].key { keys[key] = nil }
            index[id] = nil
            count -= 1
            byteCount -= slots[slot].byteCount
            freeSlot(slot)
            actions.append(.notAccepted(id))
        }
        feedStarved(now: now)
        var bookkeeping = batch.bookkeeping
        bookkeeping.append(pending.bookkeeping)
        pending.bookkeeping = bookkeeping
        pending.isUrgent = true
        pending.ended = batch.ended + pending.ended
        pending.reserved = batch.reserved + pending.reserved
        forgotten = batch.forgotten + forgotten
        tellWrite()
    }

    /// What to do next; pull until `nil` after every call.
    package mutating func nextAction() -> OutboxAction? { actions.popFirst() }

    /// When ``advance(to:wallNow:)`` must next be called.
    package var nextDeadline: Instant? {
        .earlier(
            .earlier(.earlier(retryTimers.first, lifetimes.first), writeReceiptsAt),
            .earlier(peerTimers.first, stallTimers.first)
        )
    }
}
