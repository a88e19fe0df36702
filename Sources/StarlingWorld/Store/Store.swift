/// A device's durable memory: tables of rows, changed in batches that are whole or absent after any crash.
///
/// Completions are called on the loop that the store was opened for, in the order of the calls. A read sees every
/// commit that was called before it. Each row carries a checksum: a row that fails it is never returned, it is
/// quarantined and told in ``StoreReport``.
package protocol Store: Sendable {
    /// What opening found.
    var report: StoreReport { get }

    /// Makes a batch durable: when `completion` hears of success, the changes survive a crash and a power cut.
    ///
    /// Batches of callers at the same time share one sync of the disk. After a failure nothing of the batch is there.
    func commit(_ batch: StoreBatch, _ completion: @escaping @Sendable (StoreError?) -> Void)

    /// The value of one row; `nil` when there is none.
    func read(_ key: StoreKey, _ completion: @escaping @Sendable (Result<[UInt8]?, StoreError>) -> Void)

    /// Rows of a table in the order of their keys.
    func scan(_ scan: StoreScan, _ completion: @escaping @Sendable (Result<[StoreRow], StoreError>) -> Void)

    /// Finishes what was asked for, and closes; every later call fails with ``StoreError/closed``.
    func close(_ completion: @escaping @Sendable () -> Void)
}

/// A table of the store.
///
/// A table's name is its promise to the disk: it is never used again for something else.
package struct StoreTable: Hashable, Sendable {
    package enum Keys: Sendable {
        /// Numbers from 1, in whose order rows are mostly added and removed; values of any size.
        case numbers
        /// Bytes, at most ``StoreKey/nameByteCountMax``; values of some hundred bytes.
        case names
    }

    /// Lower-case letters and underscores.
    package let name: StaticString
    package let keys: Keys

    package init(_ name: StaticString, _ keys: Keys) {
        self.name = name
        self.keys = keys
    }

    package static func == (left: StoreTable, right: StoreTable) -> Bool {
        left.name.description == right.name.description
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(name.description) }
}

/// Where one row is.
package struct StoreKey: Hashable, Sendable {
    package enum Place: Hashable, Sendable {
        case number(UInt64)
        case name([UInt8])
    }

    /// The longest name of a row.
    package static let nameByteCountMax = 128

    package let table: StoreTable
    package let place: Place

    /// - Precondition: the table is one of numbers, and the number is in `1...Int64.max`.
    package init(_ table: StoreTable, _ number: UInt64) {
        precondition(table.keys == .numbers && number >= 1 && number <= UInt64(Int64.max))
        self.table = table
        place = .number(number)
    }

    /// - Precondition: the table is one of names, and the name has 1 to ``nameByteCountMax`` bytes.
    package init(_ table: StoreTable, _ name: [UInt8]) {
        precondition(table.keys == .names && !name.isEmpty && name.count <= Self.nameByteCountMax)
        self.table = table
        place = .name(name)
    }
}

/// One row.
package struct StoreRow: Equatable, Sendable {
    package let key: StoreKey
    package let value: [UInt8]

    package init(key: StoreKey, value: [UInt8]) {
        self.key = key
        self.value = value
    }
}

/// Changes that happen together or not at all, in their order.
package struct StoreBatch: Equatable, Sendable {
    package enum Change: Equatable, Sendable {
        /// Adds a row, or replaces it.
        case put(StoreKey, [UInt8])
        /// Removes a row; nothing happens when there is none.
        case remove(StoreKey)
    }

    package private(set) var changes: [Change] = []

    package init() {}

    package var isEmpty: Bool { changes.isEmpty }

    package mutating func put(_ key: StoreKey, _ value: [UInt8]) { changes.append(.put(key, value)) }

    package mutating func remove(_ key: StoreKey) { changes.append(.remove(key)) }

    package mutating func append(_ other: StoreBatch) { changes += other.changes }
}

/// Which rows of a table are wanted.
package struct StoreScan: Sendable {
    package var table: StoreTable
    /// Only rows past this one; `nil` for the first.
    package var after: StoreKey?
    /// Rows at most.
    package var rowCountMax: Int
    /// Bytes of values at most; the first row counts as within.
    package var byteCountMax: Int

    package init(
        _ table: StoreTable,
        after: StoreKey? = nil,
        rowCountMax: Int = 1024,
        byteCountMax: Int = 4_194_304
    ) {
        self.table = table
        self.after = after
        self.rowCountMax = rowCountMax
        self.byteCountMax = byteCountMax
    }
}
