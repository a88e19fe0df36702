internal import CSQLite
internal import StarlingWorld

/// One prepared statement.
///
/// Parameters count from 1 and columns from 0, as everywhere in SQLite.
final class SQLiteStatement {
    private let statement: OpaquePointer
    private let connection: SQLiteConnection

    init(_ statement: OpaquePointer, of connection: SQLiteConnection) {
        self.statement = statement
        self.connection = connection
    }

    deinit { sqlite3_finalize(statement) }

    /// Goes to the next row; `false` when there is none.
    func step() throws(StoreError) -> Bool {
        switch sqlite3_step(statement) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let status: throw connection.error(status)
        }
    }

    /// Makes the statement ready to be run again.
    func reset() { sqlite3_reset(statement) }

    // MARK: Parameters

    func bind(_ index: Int32, _ number: Int64) throws(StoreError) {
        try connection.check(sqlite3_bind_int64(statement, index, number))
    }

    func bind(_ index: Int32, _ text: String) throws(StoreError) {
        // SQLITE_TRANSIENT: the library copies.
        let copies = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        try connection.check(sqlite3_bind_text(statement, index, text, -1, copies))
    }

    /// Binds bytes for as long as `body` runs: the library does not copy them.
    func withBound<Value>(
        _ index: Int32,
        _ bytes: [UInt8],
        _ body: () throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        try bytes.withUnsafeBufferPointer { bytes throws(StoreError) -> Value in
            // No address would bind NULL.
            let status =
                bytes.isEmpty
                ? sqlite3_bind_zeroblob(statement, index, 0)
                : sqlite3_bind_blob64(statement, index, bytes.baseAddress, UInt64(bytes.count), nil)
            try connection.check(status)
            defer { sqlite3_bind_null(statement, index) }
            return try body()
        }
    }

    // MARK: Columns

    func isInteger(_ column: Int32) -> Bool { sqlite3_column_type(statement, column) == SQLITE_INTEGER }

    func isBlob(_ column: Int32) -> Bool { sqlite3_column_type(statement, column) == SQLITE_BLOB }

    func number(_ column: Int32) -> Int64 { sqlite3_column_int64(statement, column) }

    func text(_ column: Int32) -> String {
        guard let text = sqlite3_column_text(statement, column) else { return "" }
        return String(cString: text)
    }

    func bytes(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(statement, column) else { return [] }
        return Array(
            UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column)))
        )
    }

    /// A column's bytes as they stand in the library's memory, until the next step.
    func withBytes<Value>(_ column: Int32, _ body: (Span<UInt8>) -> Value) -> Value {
        let start = sqlite3_column_blob(statement, column)
        let count = start == nil ? 0 : Int(sqlite3_column_bytes(statement, column))
        let bytes = UnsafeRawBufferPointer(start: start, count: count)
        return body(bytes.bindMemory(to: UInt8.self).span)
    }

    /// How long a column is, without a copy of it.
    func byteCount(_ column: Int32) -> Int { Int(sqlite3_column_bytes(statement, column)) }
}
