internal import CSQLite
internal import StarlingWorld

/// One open SQLite database, used by one thread at a time.
///
/// Nothing in it decides anything: settings, schema and recovery are its owner's.
final class SQLiteConnection {
    let handle: OpaquePointer
    /// Frames of the write-ahead log up to the last commit.
    ///
    /// Set by whoever opens; commits and ``checkpoint()`` keep it right.
    private(set) var committedFrameCount = 0

    /// Opens or creates a database file, through a VFS by its name or the system's.
    init(path: String, vfsName: String?) throws(StoreError) {
        var opened: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
        let status = sqlite3_open_v2(path, &opened, flags, vfsName)
        guard let opened else { throw StoreError(sqlite: status, path: path) }
        handle = opened
        sqlite3_extended_result_codes(opened, 1)
        guard status == SQLITE_OK else {
            let failure = StoreError(connection: opened, status: status, path: path)
            sqlite3_close_v2(opened)
            throw failure
        }
        _ = csqlite_keep_wal_at_close(opened)
        _ = csqlite_distrust_schema(opened)
    }

    /// Statements that still live keep the file open: drop them first.
    deinit { sqlite3_close_v2(handle) }

    /// Begins to count; a pragma that sets automatic checkpoints ends it.
    func countCommittedFrames() {
        sqlite3_wal_hook(
            handle,
            { context, _, _, frameCount in
                guard let context else { return SQLITE_OK }
                let connection = Unmanaged<SQLiteConnection>.fromOpaque(context).takeUnretainedValue()
                connection.committedFrameCount = Int(frameCount)
                return SQLITE_OK
            },
            Unmanaged.passUnretained(self).toOpaque()
        )
    }

    /// Runs statements without results.
    func execute(_ sql: String) throws(StoreError) {
        try check(sqlite3_exec(handle, sql, nil, nil, nil))
    }

    /// Prepares one statement.
    func prepare(_ sql: String, isKept: Bool = false) throws(StoreError) -> SQLiteStatement {
        var statement: OpaquePointer?
        let flags = isKept ? UInt32(SQLITE_PREPARE_PERSISTENT) : 0
        try check(sqlite3_prepare_v3(handle, sql, -1, flags, &statement, nil))
        guard let statement else { throw .other(name: "SQLITE_MISUSE") }
        return SQLiteStatement(statement, of: self)
    }

    /// The first column of a statement's first row, as a number.
    func number(_ sql: String) throws(StoreError) -> Int64? {
        let statement = try prepare(sql)
        return try statement.step() ? statement.number(0) : nil
    }

    /// The first column of each row, as text.
    func texts(_ sql: String) throws(StoreError) -> [String] {
        let statement = try prepare(sql)
        var texts: [String] = []
        while try statement.step() { texts.append(statement.text(0)) }
        return texts
    }

    /// Rows that the last statement changed.
    var changedRowCount: Int { Int(sqlite3_changes64(handle)) }

    /// Whether SQLite refuses to write what it may write.
    var isReadOnly: Bool { sqlite3_db_readonly(handle, "main") != 0 }

    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// Moves the whole write-ahead log into the database and syncs that.
    ///
    /// With `truncates` the log's file is left empty; else the next commit begins at its front.
    func checkpoint(truncates: Bool = false) throws(StoreError) {
        var (logCount, movedCount): (Int32, Int32) = (0, 0)
        let mode = truncates ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_RESTART
        try check(sqlite3_wal_checkpoint_v2(handle, nil, mode, &logCount, &movedCount))
        committedFrameCount = 0
    }

    func assumeCommittedFrameCount(_ count: Int) { committedFrameCount = count }

    /// Gives back cached pages.
    func releaseMemory() { sqlite3_db_release_memory(handle) }

    func check(_ status: Int32) throws(StoreError) {
        guard status == SQLITE_OK else { throw error(status) }
    }

    func error(_ status: Int32) -> StoreError { StoreError(connection: handle, status: status) }
}
