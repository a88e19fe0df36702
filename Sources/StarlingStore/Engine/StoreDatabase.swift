internal import StarlingCore
internal import StarlingWorld

/// An open database with its settings and tables.
///
/// Dropping it closes the file and leaves the write-ahead log where it is.
final class StoreDatabase {
    /// What SQLite may use of memory and disk.
    enum Limits {
        /// Pages kept in memory between transactions.
        static let cacheKibibyteCount = 1024
        /// What is left of the write-ahead log's file when it begins anew.
        static let restartedLogByteCount = 16_777_216
    }

    static let pageByteCount = 4096

    let connection: SQLiteConnection
    private var tables: [String: TableStatements] = [:]
    /// The tables that stand in the schema.
    private var present: Set<String> = []

    /// Opens a file, or with `nil` a database in memory.
    init(path: String?, vfsName: String?) throws(StoreError) {
        connection = try SQLiteConnection(path: path ?? ":memory:", vfsName: path == nil ? nil : vfsName)
        // In this order: the page size holds before the first page is written, and with the exclusive mode the log's
        // index lies in memory, not in a shared file.
        let settings = [
            "page_size = \(Self.pageByteCount)", "locking_mode = EXCLUSIVE", "cell_size_check = ON",
            "temp_store = MEMORY", "mmap_size = 0", "cache_size = -\(Limits.cacheKibibyteCount)",
            // What is not committed never reaches the log.
            "cache_spill = OFF",
            "synchronous = FULL", "fullfsync = ON", "checkpoint_fullfsync = ON", "wal_autocheckpoint = 0",
            "journal_size_limit = \(Limits.restartedLogByteCount)",
        ]
        for setting in settings { _ = try connection.texts("PRAGMA \(setting)") }
        connection.countCommittedFrames()
        if path != nil {
            let mode = try connection.texts("PRAGMA journal_mode = WAL").first
            guard mode == "wal" else { throw .other(name: "journal mode \(mode ?? "unknown")") }
        }
        try readSchema()
    }

    /// The statements of a table that is there.
    func statements(of table: StoreTable) -> TableStatements {
        if let known = tables[table.name] {
            precondition(known.table.keys == table.keys, "one table with two kinds of keys")
            return known
        }
        let made = TableStatements(table, of: connection)
        tables[table.name] = made
        return made
    }

    func has(_ table: StoreTable) -> Bool { present.contains(table.name) }

    /// The callers' tables, by their names.
    var callersTables: [StoreTable] {
        get throws(StoreError) {
            var found: [StoreTable] = []
            for name in present.sorted() where StoreTable.isName(name) {
                let isNames = try connection.number(
                    "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = '\(name)'"
                )
                found.append(StoreTable(onDisk: name, isNames == 1 ? .names : .numbers))
            }
            return found
        }
    }

    // MARK: Changes

    /// Runs `body` as one transaction: all of it is committed, or nothing.
    func transaction(_ body: () throws(StoreError) -> Void) throws(StoreError) {
        try connection.execute("BEGIN IMMEDIATE")
        do throws(StoreError) {
            try body()
            try connection.execute("COMMIT")
        } catch {
            rollBack()
            throw error
        }
    }

    func apply(_ change: StoreBatch.Change) throws(StoreError) {
        switch change {
        case .put(let key, let value):
            if !has(key.table) {
                try connection.execute(TableStatements.creation(of: key.table))
                present.insert(key.table.name)
                try register(key.table)
            }
            try statements(of: key.table).put(key.place, value)
        case .remove(let key):
            if has(key.table) { try statements(of: key.table).remove(key.place) }
        }
    }

    private func register(_ table: StoreTable) throws(StoreError) {
        let (place, value) = StoreSchema.registration(of: table)
        try statements(of: StoreSchema.meta).put(place, value)
    }

    // MARK: Check

    /// Looks at every page and every row.
    ///
    /// - Parameter onDamage: hears of each row that fails its checksum.
    /// - Throws: ``StoreError/damaged(reason:)`` when pages or the order of rows are not right.
    func check(_ onDamage: (StoreKey) -> Void) throws(StoreError) {
        let findings = try connection.texts("PRAGMA quick_check(3)")
        guard findings == ["ok"] else {
            let text = findings.joined(separator: "; ").split(separator: "\n").joined(separator: " ")
            throw .damaged(reason: text)
        }
        let tables = try callersTables
        for table in [StoreSchema.meta] + tables {
            var last: StoreKey.Place?
            try statements(of: table).checkAll { place, isSound throws(StoreError) in
                guard let place, last.map({ $0.precedes(place) }) ?? true else {
                    throw .damaged(reason: "a row of \(table.name) stands at a wrong place")
                }
                if !isSound { onDamage(StoreKey(table, place)) }
                last = place
            }
        }
        // A table whose registration is gone gets another.
        for table in tables {
            let place = StoreSchema.registration(of: table).place
            if try statements(of: StoreSchema.meta).read(place) == nil { try register(table) }
        }
    }

    // MARK: Undoing

    /// Undoes the transaction, if there still is one, and forgets tables that it made.
    func rollBack() {
        tables = [:]
        if connection.isInTransaction { try? connection.execute("ROLLBACK") }
        try? readSchema()
    }

    private func readSchema() throws(StoreError) {
        present = Set(try connection.texts("SELECT name FROM sqlite_schema WHERE type = 'table'"))
    }
}

extension StoreKey.Place {
    /// Whether this place comes before another of the same table.
    func precedes(_ other: StoreKey.Place) -> Bool {
        switch (self, other) {
        case (.number(let left), .number(let right)): left < right
        case (.name(let left), .name(let right)): left.lexicographicallyPrecedes(right)
        case (.number, .name), (.name, .number): false
        }
    }
}
