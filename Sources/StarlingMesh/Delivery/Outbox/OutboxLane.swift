internal import StarlingCore

/// The numbers of one series that are not settled, and the message behind each.
///
/// It holds what is alive and a few more, however far apart the numbers are.
struct LaneNumbers: Sendable {
    /// The number is promised to a message that is being made.
    static let promised: Int32 = -2

    /// The number that has not been given yet.
    private(set) var next: UInt64
    private var slots: [UInt64: Int32] = [:]
    /// Numbers in their order: those in ``slots``, and some that are settled.
    private var order = RingQueue<UInt64>()

    init(from first: UInt64) { next = first }

    /// The lowest number that is not settled; the next one when all are.
    var floor: UInt64 { order.first ?? next }

    var isEmpty: Bool { slots.isEmpty }

    /// The slot of the lowest number that is not settled.
    var firstSlot: Int? { slots[floor].flatMap { $0 >= 0 ? Int($0) : nil } }

    /// Gives the next number.
    mutating func append(_ slot: Int32) {
        slots[next] = slot
        order.append(next)
        next += 1
    }

    /// Gives numbers up to this one without a message.
    mutating func skip(to number: UInt64) { next = max(next, number) }

    /// Says which message a number went to.
    mutating func set(_ number: UInt64, to slot: Int) { slots[number] = Int32(slot) }

    mutating func settle(_ number: UInt64) {
        guard slots.removeValue(forKey: number) != nil else { return }
        while let first = order.first, slots[first] == nil { _ = order.popFirst() }
        guard order.count > 64, order.count > 2 * slots.count else { return }
        var kept = RingQueue<UInt64>()
        while let number = order.popFirst() {
            if slots[number] != nil { kept.append(number) }
        }
        order = kept
    }

    /// Settled numbers above the floor and below a limit, in ranges, the lowest first.
    func settledRanges(below limit: UInt64, countMax: Int) -> [ClosedRange<UInt64>] {
        var ranges: [ClosedRange<UInt64>] = []
        let end = min(next, limit)
        var expected = floor
        for position in 0..<order.count {
            let number = order[position]
            guard number < end else { break }
            guard slots[number] != nil else { continue }
            if number > expected { ranges.append(expected...number - 1) }
            if ranges.count == countMax { return ranges }
            expected = number + 1
        }
        if expected < end { ranges.append(expected...end - 1) }
        return ranges
    }
}

/// A list through the slots of messages.
struct SlotList: Sendable {
    var first: Int32 = -1
    var last: Int32 = -1
    var count = 0
}

/// Which of a recipient's counts a message belongs to.
///
/// Messages with files count apart: their numbers are open for as long as a file is on its way, and nobody else's window
/// waits for them.
struct LaneName: Hashable, Sendable {
    var priority: MessagePriority
    var hasFiles: Bool

    /// All of them, the most urgent first, those without files before those with.
    static let all = MessagePriority.allCases.flatMap { priority in
        [LaneName(priority: priority, hasFiles: false), LaneName(priority: priority, hasFiles: true)]
    }

    init(priority: MessagePriority, hasFiles: Bool) {
        self.priority = priority
        self.hasFiles = hasFiles
    }

    /// The name by its number; `nil` when there is none.
    init?(code: UInt8) {
        let count = UInt8(MessagePriority.allCases.count)
        guard let priority = MessagePriority(rawValue: code % count), code < 2 * count else { return nil }
        self.init(priority: priority, hasFiles: code >= count)
    }

    /// Its number, from 0.
    var code: UInt8 { priority.rawValue + (hasFiles ? UInt8(MessagePriority.allCases.count) : 0) }
    /// ``code``, as an index.
    var index: Int { Int(code) }
}

/// The messages of one priority to one recipient, those with files apart from those without.
struct OutboxLane: Sendable {
    let peer: Int
    let name: LaneName
    let series: UInt64
    var numbers: LaneNumbers
    /// Numbers up to this one are never given again after a restart.
    var reserved: UInt64
    /// The same, as the disk has it: what is beyond may be given again after a crash, and is not called settled.
    var reservedOnDisk: UInt64
    /// Messages that wait to be fed to the link.
    var waiting = SlotList()
    /// Messages that were fed to it.
    var active = SlotList()
    /// Messages that may not cross as many links as the shortest known way to their recipient.
    var far = SlotList()
    /// The last floor that the peer was told on this link; 1 when none was.
    var toldFloor: UInt64 = 1
    /// Whether there is something to tell.
    var isSettlementDue = false
    /// Since when nothing has moved.
    var lastProgress: Instant
    var isStallTold = false

    var priority: MessagePriority { name.priority }

    enum List {
        case waiting
        case active
        case far
    }

    var liveCount: Int { waiting.count + active.count + far.count }

    /// The highest floor that can be told.
    var tellableFloor: UInt64 { min(numbers.floor, reservedOnDisk + 1) }

    subscript(list: List) -> SlotList {
        get {
            switch list {
            case .waiting: waiting
            case .active: active
            case .far: far
            }
        }
        set {
            switch list {
            case .waiting: waiting = newValue
            case .active: active = newValue
            case .far: far = newValue
            }
        }
    }
}

/// One recipient.
struct OutboxPeer: Sendable {
    let id: PeerID
    /// The lane of each name, by its index; -1 for none.
    var lanes = [Int](repeating: -1, count: LaneName.all.count)
    var isUp = false
    /// Links that the shortest known way to it crosses, while it is up.
    var linkCount = 1
    var queues: SendQueues
    /// Waits between attempts to connect.
    var reaching = RetrySchedule()
    /// Whether the driver is trying to connect.
    var isReaching = false
    /// When to try to connect again.
    var reachAt: Instant?
    /// What is held back from a recipient that was full; EMERGENCY for itself, since it has places of its own there.
    var (hold, emergencyHold) = (OutboxHold(), OutboxHold())
    /// When to tell a settlement.
    var settleAt: Instant?
    var isSettleTold = false
    /// Settled since the last settlement.
    var settledCount = 0
    /// The priorities of which the driver knows that there is something to send.
    var toldPriorities: PrioritySet = []
    /// Bytes of envelopes of its messages in memory, with those being read.
    var envelopeByteCount = 0
    /// Whether it waits until envelopes of others have left memory.
    var isStarved = false

    init(id: PeerID, queues: SendQueues) {
        self.id = id
        self.queues = queues
    }

    /// What holds messages of a priority back.
    subscript(holdOf priority: MessagePriority) -> OutboxHold {
        get { priority == .emergency ? emergencyHold : hold }
        set { if priority == .emergency { emergencyHold = newValue } else { hold = newValue } }
    }
}

/// How a recipient that was full is offered messages again.
struct OutboxHold: Sendable {
    /// Waits between offers.
    var offering = RetrySchedule()
    /// Until when nothing is offered.
    var until: Instant?

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
        /// It waits for a shorter way.
        case far
        /// Its row is being read.
        case loading
        /// In line for the link.
        case queued(place: Int32)
        case sent
        /// The recipient holds it back, or fetches its file; it is offered again later.
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
    /// Links that it may cross.
    var hopLimit = OutboxRequest.hopLimitIfNone
    var expires: Instant
    var attempts = 0
    /// When it was last sent.
    var sent: WallTime?
    /// When its receipt came, while that is on its way to the disk.
    var delivered: WallTime?
    var retrying = RetrySchedule()
    /// Whether it was sent on this link and had no answer in its time.
    var isOverdue = false
    var lastRefusal: Receipt.Outcome?
    /// The blob that belongs to the message.
    var file: BlobID?
    /// Whether the recipient has said on this link that it fetches the file.
    var isFetching = false
    var key: [UInt8]?
    /// The encoded envelope, while it is kept in memory.
    var envelope: [UInt8]?
    /// Mailboxes that keep a copy.
    var copies: [OutboxCopy] = []
    /// The way that it took, where that is asked for.
    var path: [MessageHop]?
    /// The neighbours in the lane's list.
    var previous: Int32 = -1
    var next: Int32 = -1
}
