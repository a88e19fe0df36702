import StarlingCore
import StarlingSimulator
import StarlingStore
import StarlingWorld
import Synchronization

let numbers = StoreTable("numbers", .numbers)
let names = StoreTable("names", .names)

struct FixedClock: WallClock {
    var now: WallTime { WallTime(millisecondsSince1970: 1_777_636_800_000) }
}

/// A store's engine on a simulated disk, called directly.
final class EngineRig {
    static let path = "/store/starling.db"
    static let logPath = path + "-wal"
    static let lockPath = path + "-lock"

    let board = ReportBoard()
    let engine: StoreEngine

    init(_ disk: any StoreDisk, path: String = path, limits: StoreEngine.Limits = .init()) throws(StoreError)
    {
        engine = try StoreEngine(
            place: .init(disk: disk, path: path),
            wallClock: FixedClock(),
            board: board,
            limits: limits
        )
    }

    /// Runs batches as one group, and gives each one's error.
    func commit(_ batches: [StoreBatch]) -> [StoreError?] {
        let outcome = Mutex<[StoreError?]>([])
        run(batches.map { batch in .commit(batch) { error in outcome.withLock { $0.append(error) } } })
        return outcome.withLock { $0 }
    }

    func commit(_ batch: StoreBatch) -> StoreError? { commit([batch])[0] }

    func read(_ key: StoreKey) throws(StoreError) -> [UInt8]? {
        let outcome = Mutex<Result<[UInt8]?, StoreError>>(.failure(.closed))
        run([.read(key) { result in outcome.withLock { $0 = result } }])
        return try outcome.withLock { $0 }.get()
    }

    func rows(of table: StoreTable) throws(StoreError) -> [StoreRow] {
        let outcome = Mutex<Result<[StoreRow], StoreError>>(.failure(.closed))
        let scan = StoreScan(table, rowCountMax: .max, byteCountMax: .max)
        run([.scan(scan) { result in outcome.withLock { $0 = result } }])
        return try outcome.withLock { $0 }.get()
    }

    func all() throws(StoreError) -> [StoreKey: [UInt8]] {
        var all: [StoreKey: [UInt8]] = [:]
        for table in [numbers, names] { for row in try rows(of: table) { all[row.key] = row.value } }
        return all
    }

    private func run(_ calls: [StoreCall]) {
        var rest = calls[...]
        while !rest.isEmpty {
            let group = rest.prefix(engine.groupCount(in: rest))
            rest = rest.dropFirst(group.count)
            for completion in engine.run(group) { completion() }
            engine.mend()
        }
    }
}

extension [StoreKey: [UInt8]] {
    mutating func apply(_ batch: StoreBatch) {
        for change in batch.changes {
            switch change {
            case .put(let key, let value): self[key] = value
            case .remove(let key): self[key] = nil
            }
        }
    }
}

extension StoreBatch {
    /// Some changes to a few hundred keys, with values of up to three pages.
    static func random(using random: inout SplitMix64) -> StoreBatch {
        var batch = StoreBatch()
        for _ in 0...random.number(below: 6) {
            let key =
                random.chance(0.5)
                ? StoreKey(numbers, UInt64(1 + random.number(below: 200)))
                : StoreKey(names, [UInt8(random.number(below: 200)), 7])
            if random.chance(0.3) {
                batch.remove(key)
            } else {
                let byteCount = random.chance(0.1) ? random.number(below: 12_000) : random.number(below: 400)
                let start = random.next()
                batch.put(key, (0..<byteCount).map { UInt8(truncatingIfNeeded: start &+ UInt64($0) &* 7) })
            }
        }
        return batch
    }
}

/// What tells two states of a store apart, in words; `nil` when nothing does.
func difference(_ found: [StoreKey: [UInt8]]?, _ expected: [StoreKey: [UInt8]]) -> String? {
    guard let found else { return "there is no store" }
    if found == expected { return nil }
    let missing = expected.keys.filter { found[$0] == nil }.count
    let added = found.keys.filter { expected[$0] == nil }.count
    let changed = expected.keys.filter { found[$0] != nil && found[$0] != expected[$0] }.count
    return "\(missing) of \(expected.count) rows are missing, \(added) are too many, \(changed) are others"
}
