internal import StarlingCore

/// The numbers of one series from its floor on, and the message behind each.
struct LaneNumbers: Sendable {
    /// The number's message is settled, or the number was never used.
    static let settled: Int32 = -1
    /// The number is promised to a message that is being made.
    static let promised: Int32 = -2

    /// The lowest number that is not settled; the next one when all are.
    private(set) var floor: UInt64
    private var slots = RingQueue<Int32>()

    init(from first: UInt64) { floor = first }

    /// The number that has not been given yet.
    var next: UInt64 { floor + UInt64(slots.count) }

    /// Gives the next number.
    mutating func append(_ slot: Int32) {
        slots.append(slot)
        advance()
    }

    /// The slot of a number; ``settled`` outside.
    subscript(number: UInt64) -> Int32 {
        get { number >= floor && number < next ? slots[Int(number - floor)] : Self.settled }
        set {
            guard number >= floor, number < next else { return }
            slots[Int(number - floor)] = newValue
            advance()
        }
    }

    /// Settled numbers above the floor and below a limit, in ranges, the lowest first.
    func settledRanges(below limit: UInt64, countMax: Int) -> [ClosedRange<UInt64>] {
        var ranges: [ClosedRange<UInt64>] = []
        var start: UInt64?
        let end = min(next, limit)
        var number = floor
        while number < end {
            if slots[Int(number - floor)] == Self.settled {
                if start == nil { start = number }
            } else if let first = start {
                ranges.append(first...number - 1)
                if ranges.count == countMax { return ranges }
                start = nil
            }
            number += 1
        }
        if let start { ranges.append(start...end - 1) }
        return ranges
    }

    private mutating func advance() {
        while slots.first == Self.settled {
            _ = slots.popFirst()
            floor += 1
        }
    }
}

/// A list through the slots of messages.
struct SlotList: Sendable {
    var first: Int32 = -1
    var last: Int32 = -1
    var count = 0
}

/// The messages of one priority to one recipient.
struct OutboxLane: Sendable {
    let peer: Int
    let priority: MessagePriority
    let series: UInt64
    var numbers: LaneNumbers
    /// Numbers up to this one are never given again after a restart.
    var reserved: UInt64
    /// Messages that wait to be fed to the link.
    var waiting = SlotList()
    /// Messages that were fed to it.
    var active = SlotList()
    /// The last floor that the peer was told on this link; 1 when none was.
    var toldFloor: UInt64 = 1
    /// Whether there is something to tell.
    var isSettlementDue = false
    /// Since when nothing has moved.
    var lastProgress: Instant
    var isStallTold = false

    enum List {
        case waiting
        case active
    }

    var liveCount: Int { waiting.count + active.count }

    subscript(list: List) -> SlotList {
        get { list == .waiting ? waiting : active }
        set { if list == .waiting { waiting = newValue } else { active = newValue } }
    }
}

/// One recipient.
struct OutboxPeer: Sendable {
    let id: PeerID
    /// The lane of each priority; -1 for none.
    var lanes: [Int] = [-1, -1, -1, -1]
    var isUp = false
    var queues: SendQueues
    /// Waits between attempts to connect.
    var reaching = RetrySchedule()
    /// Whether the driver is trying to connect.
    var isReaching = false
    /// When to try to connect again.
    var reachAt: Instant?
    /// Waits between offers to a recipient that is full.
    var offering = RetrySchedule()
    /// Until when nothing is offered.
    var holdUntil: Instant?
    /// When to tell a settlement.
    var settleAt: Instant?
    var isSettleTold = false
    /// Settled since the last settlement.
    var settledCount = 0
    /// Whether the driver knows that there is something to send.
    var isTransmitTold = false
    /// Whether it waits until envelopes of others have left memory.
    var isStarved = false

    init(id: PeerID, queues: SendQueues) {
        self.id = id
        self.queues = queues
    }

    /// Whether the recipient was full, and gets one message at a time until it takes one.
    var isProbing: Bool { offering.count > 0 }
}

/// One message that is not settled.
struct OutboxSlot: Sendable {
    enum State: Sendable {
        case free
        /// Its row is on its way to the disk.
        case storing
        case waiting
        /// Its row is being read.
        case loading
        /// In line for the link.
        case queued(place: Int32)
        case sent
        /// The recipient holds it back; it is offered again later.
        case resting
        /// Its end is on its way to the disk.
        case ending
    }

    var state = State.free
    var id: MessageID
    var lane = -1
    var number: UInt64 = 0
    var position: UInt64 = 0
    var byteCount = 0
    var created: WallTime
    var lifetimeMilliseconds: Int64 = 0
    var privacy = MessageHeader.Privacy.standard
    var expires: Instant
    var attempts = 0
    var retrying = RetrySchedule()
    var lastRefusal: Receipt.Outcome?
    var key: [UInt8]?
    /// The encoded envelope, while it is kept in memory.
    var envelope: [UInt8]?
    /// The neighbours in the lane's list.
    var previous: Int32 = -1
    var next: Int32 = -1
}
