internal import StarlingCore
internal import StarlingWorld

/// One table of the database, with its statements, which are prepared when first needed and kept.
final class TableStatements {
    let table: StoreTable
    let checksum: RowChecksum
    private let connection: SQLiteConnection
    private var putting: SQLiteStatement?
    private var removing: SQLiteStatement?
    private var reading: SQLiteStatement?
    private var scanning: SQLiteStatement?

    init(_ table: StoreTable, of connection: SQLiteConnection) {
        self.table = table
        self.connection = connection
        checksum = RowChecksum(table: table.name)
    }

    /// The statement that makes the table.
    static func creation(of table: StoreTable) -> String {
        switch table.keys {
        case .numbers:
            "CREATE TABLE \"\(table.name)\" (key INTEGER PRIMARY KEY, sum INTEGER, value BLOB)"
        case .names:
            "CREATE TABLE \"\(table.name)\" (key BLOB PRIMARY KEY, sum INTEGER, value BLOB) WITHOUT ROWID"
        }
    }

    // MARK: Changes

    func put(_ place: StoreKey.Place, _ value: [UInt8]) throws(StoreError) {
        let statement = try kept(
            &putting,
            "INSERT OR REPLACE INTO \"\(table.name)\" (key, sum, value) VALUES (?1, ?2, ?3)"
        )
        try statement.bind(2, Int64(bitPattern: checksum.of(place, value)))
        try statement.withBound(3, value) { () throws(StoreError) in try run(statement, at: place) }
    }

    func remove(_ place: StoreKey.Place) throws(StoreError) {
        let statement = try kept(&removing, "DELETE FROM \"\(table.name)\" WHERE key = ?1")
        try run(statement, at: place)
    }

    private func run(_ statement: SQLiteStatement, at place: StoreKey.Place) throws(StoreError) {
        defer { statement.reset() }
        try withBound(statement, place) { () throws(StoreError) in _ = try statement.step() }
    }

    /// Puts a row, as it stands there, away into the table of damaged ones; `false` when it cannot be reached.
    func quarantine(_ place: StoreKey.Place, at time: Int64) throws(StoreError) -> Bool {
        let copying = try connection.prepare(
            """
            INSERT INTO _quarantine (found_ms, origin, key, sum, value)
            SELECT ?2, ?3, key, sum, value FROM "\(table.name)" WHERE key = ?1
            """
        )
        try copying.bind(2, time)
        try copying.bind(3, table.name)
        try run(copying, at: place)
        try remove(place)
        return connection.changedRowCount > 0
    }

    // MARK: Rows

    /// A row as it was found.
    enum Found {
        case sound(StoreRow)
        /// Its place, as far as that can be told.
        case damaged(StoreKey.Place?)
    }

    func read(_ place: StoreKey.Place) throws(StoreError) -> Found? {
        let statement = try kept(&reading, "SELECT key, sum, value FROM \"\(table.name)\" WHERE key = ?1")
        defer { statement.reset() }
        return try withBound(statement, place) { () throws(StoreError) -> Found? in
            try statement.step() ? row(statement) : nil
        }
    }

    /// Checks all rows that SQLite finds, also those at places where no row can be.
    ///
    /// - Parameter body: gets each row's place, as far as that can be told, and whether its checksum is right.
    func checkAll(_ body: (StoreKey.Place?, Bool) throws(StoreError) -> Void) throws(StoreError) {
        let statement = try connection.prepare("SELECT key, sum, value FROM \"\(table.name)\"")
        while try statement.step() {
            let place = place(statement)
            try body(place, place.map { isSound(statement, $0) } ?? false)
        }
    }

    private func isSound(_ statement: SQLiteStatement, _ place: StoreKey.Place) -> Bool {
        guard statement.isInteger(1), statement.isBlob(2) else { return false }
        return statement.withBytes(2) { checksum.of(place, $0) } == UInt64(bitPattern: statement.number(1))
    }

    /// Walks rows in the order of their keys, until `body` says that it is enough.
    func walk(after place: StoreKey.Place?, _ body: (Found) -> Bool) throws(StoreError) {
        let statement = try kept(
            &scanning,
            "SELECT key, sum, value FROM \"\(table.name)\" WHERE key > ?1 ORDER BY key"
        )
        defer { statement.reset() }
        let start = place ?? (table.keys == .numbers ? .number(0) : .name([]))
        try withBound(statement, start) { () throws(StoreError) in
            while try statement.step(), body(row(statement)) {}
        }
    }

    private func row(_ statement: SQLiteStatement) -> Found {
        guard let place = place(statement) else { return .damaged(nil) }
        guard isSound(statement, place) else { return .damaged(place) }
        return .sound(StoreRow(key: StoreKey(table, place), value: statement.bytes(2)))
    }

    private func place(_ statement: SQLiteStatement) -> StoreKey.Place? {
        switch table.keys {
        case .numbers:
            guard statement.isInteger(0), statement.number(0) >= 1 else { return nil }
            return .number(UInt64(statement.number(0)))
        case .names:
            guard statement.isBlob(0), 1...StoreKey.nameByteCountMax ~= statement.byteCount(0) else {
                return nil
            }
            return .name(statement.bytes(0))
        }
    }

    // MARK: Parts

    private func withBound<Value>(
        _ statement: SQLiteStatement,
        _ place: StoreKey.Place,
        _ body: () throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        switch place {
        case .number(let number):
            try statement.bind(1, Int64(truncatingIfNeeded: number))
            return try body()
        case .name(let name):
            return try statement.withBound(1, name, body)
        }
    }

    private func kept(
        _ statement: inout SQLiteStatement?,
        _ sql: @autoclosure () -> String
    ) throws(StoreError) -> SQLiteStatement {
        if let statement { return statement }
        let prepared = try connection.prepare(sql(), isKept: true)
        statement = prepared
        return prepared
    }
}
