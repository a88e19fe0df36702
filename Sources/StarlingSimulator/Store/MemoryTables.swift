internal import StarlingCore
internal import StarlingStore
internal import StarlingWorld

/// The rows of a simulated host's disk, without a disk: for runs with more hosts than SQLite has room for.
///
/// Outlives the host's processes. It never fails and nothing in it rots; what a crash may do to a group of batches,
/// it does too.
package final class MemoryTables: @unchecked Sendable {  // tidy-ok: one thread
    fileprivate struct Table {
        var values: [StoreKey.Place: [UInt8]] = [:]
        /// The places in their order; `nil` after a change of which there are.
        var order: [StoreKey.Place]?

        var heldByteCount: Int {
            let place = MemoryLayout<StoreKey.Place>.stride
            let slots = values.capacity * (place + MemoryLayout<[UInt8]>.stride)
            return values.values.reduce(slots + (order?.capacity ?? 0) * place) { $0 + $1.capacity }
        }
    }

    private var tables: [String: Table] = [:]

    package init() {}

    /// How many rows there are.
    package var rowCount: Int { tables.values.reduce(0) { $0 + $1.values.count } }

    /// Bytes of this process that the rows take, without what names of places do.
    package var heldByteCount: Int { tables.values.reduce(0) { $0 + $1.heldByteCount } }

    fileprivate func apply(_ change: StoreBatch.Change) {
        switch change {
        case .put(let key, let value):
            if tables[key.table.name, default: Table()].values.updateValue(value, forKey: key.place) == nil {
                tables[key.table.name]?.append(key.place)
            }
        case .remove(let key):
            if tables[key.table.name]?.values.removeValue(forKey: key.place) != nil {
                tables[key.table.name]?.order = nil
            }
        }
    }

    fileprivate func read(_ key: StoreKey) -> [UInt8]? { tables[key.table.name]?.values[key.place] }

    fileprivate func rows(_ scan: StoreScan) -> [StoreRow] {
        guard let order = tables[scan.table.name]?.sorted() else { return [] }
        var index = scan.after.map { Self.firstIndex(in: order, after: $0.place) } ?? 0
        var (rows, byteCount): ([StoreRow], Int) = ([], 0)
        while index < order.count, rows.count < scan.rowCountMax {
            guard let value = tables[scan.table.name]?.values[order[index]] else { break }
            byteCount += value.count
            if byteCount > scan.byteCountMax, !rows.isEmpty { break }
            rows.append(StoreRow(key: StoreKey(scan.table, order[index]), value: value))
            index += 1
        }
        return rows
    }

    private static func firstIndex(in order: [StoreKey.Place], after place: StoreKey.Place) -> Int {
        var (low, high) = (0, order.count)
        while low < high {
            let middle = (low + high) / 2
            if isBefore(place, order[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    fileprivate static func isBefore(_ left: StoreKey.Place, _ right: StoreKey.Place) -> Bool {
        switch (left, right) {
        case (.number(let left), .number(let right)): left < right
        case (.name(let left), .name(let right)): left.lexicographicallyPrecedes(right)
        case (.number, .name): true
        case (.name, .number): false
        }
    }
}

extension MemoryTables.Table {
    /// Notes a place that is there for the first time; numbers mostly come in their order.
    fileprivate mutating func append(_ place: StoreKey.Place) {
        guard let last = order?.last else {
            order = values.count == 1 ? [place] : nil
            return
        }
        if MemoryTables.isBefore(last, place) { order?.append(place) } else { order = nil }
    }

    fileprivate mutating func sorted() -> [StoreKey.Place] {
        if let order { return order }
        let sorted = values.keys.sorted(by: MemoryTables.isBefore)
        order = sorted
        return sorted
    }
}

/// One process's use of ``MemoryTables``.
final class MemoryStoreBackend: SimulatedStoreBackend {
    private let tables: MemoryTables

    init(tables: MemoryTables) { self.tables = tables }

    var report: StoreReport { StoreReport() }

    func groupCount(in calls: ArraySlice<StoreCall>) -> Int {
        let close = calls.firstIndex { if case .close = $0 { true } else { false } }
        return max(1, (close ?? calls.endIndex) - calls.startIndex)
    }

    func run(_ calls: ArraySlice<StoreCall>) -> [@Sendable () -> Void] {
        calls.map { call in
            switch call {
            case .commit(let batch, let completion):
                let isTooLarge = batch.changes.contains {
                    if case .put(_, let value) = $0 {
                        value.count > StoreLimits.valueByteCountMax
                    } else {
                        false
                    }
                }
                if !isTooLarge { for change in batch.changes { tables.apply(change) } }
                return { completion(isTooLarge ? .tooLarge : nil) }
            case .read(let key, let completion):
                let value = tables.read(key)
                return { completion(.success(value)) }
            case .scan(let scan, let completion):
                let rows = tables.rows(scan)
                return { completion(.success(rows)) }
            case .close(let completion):
                return completion
            }
        }
    }

    func mend() {}

    func crash(_ crash: SimulatedHost.Crash, during group: [StoreCall], using random: inout SplitMix64) {
        // The sync had come through, or it had not.
        if random.chance(0.5) { _ = run(group[...]) }
    }
}
