import StarlingCore
import StarlingCrypto
import StarlingMesh

/// Reproducible numbers: SplitMix64.
struct SeededDraws: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ count: Int) -> Int { Int(next() % UInt64(count)) }

    mutating func happens(_ ratio: Double) -> Bool { Double(next() >> 11) / Double(1 << 53) < ratio }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
}

/// What survives a crash: the rows of the batches that were committed.
struct RigDisk {
    private(set) var rows: [StoreTable: [StoreKey: [UInt8]]] = [:]
    /// Positions under which each message was ever an inbox entry.
    private(set) var entries: [MessageID: Set<UInt64>] = [:]

    mutating func apply(_ batch: StoreBatch) {
        for change in batch.changes {
            switch change {
            case .put(let key, let value):
                rows[key.table, default: [:]][key] = value
                guard key.table == DeliveryTables.inbox, case .number(let position) = key.place,
                    let row = try? InboxRow(value.span, position: position)
                else { continue }
                entries[row.entry.id, default: []].insert(position)
            case .remove(let key): rows[key.table]?[key] = nil
            }
        }
    }

    /// Loses all rows of a table.
    mutating func drop(_ table: StoreTable) { rows[table] = nil }

    func rows(of table: StoreTable) -> [StoreRow] {
        (rows[table] ?? [:]).map { StoreRow(key: $0.key, value: $0.value) }.sorted {
            switch ($0.key.place, $1.key.place) {
            case (.number(let left), .number(let right)): left < right
            case (.name(let left), .name(let right)): left.lexicographicallyPrecedes(right)
            default: false
            }
        }
    }
}

/// One node of the rig: its machines, its disk, and what its application has seen.
struct RigNode {
    let key: IdentityKey
    var disk = RigDisk()
    var outbox: Outbox
    var inbox: Inbox
    var isRunning = true
    /// Counts restarts, so that what was asked of an earlier run is dropped.
    var run = 0
    var wallOffset: Int64 = 0
    var outboxBatch: StoreBatch?
    var inboxBatch: StoreBatch?
    /// Messages that `send` said yes to.
    var accepted: Set<MessageID> = []
    /// The end that the application was told of.
    var ended: [MessageID: OutboxMessage.State] = [:]
    /// When each message's lifetime ends.
    var lifetimes: [MessageID: Instant] = [:]
    /// The last attempt that was seen for each entry.
    var attempts: [UInt64: Int] = [:]
    var links: Set<Int> = []
}

enum RigFrame {
    case envelope([UInt8])
    case receipt([Receipt.Entry])
    case settlement([Settlement.Series])
}
