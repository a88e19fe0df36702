internal import StarlingCore
internal import StarlingWorld

/// What stands in the database besides the callers' tables, and how older ones are brought up to date.
///
/// The tables of callers need no migration: they come into being when first used, and a change of what their rows
/// mean is another table's name.
enum StoreSchema {
    /// The version that this code writes; it is kept in `PRAGMA user_version`, and with a checksum in ``meta``.
    static var version: Int { migrations.count }

    /// Facts about the database itself.
    static let meta = StoreTable(onDisk: "_meta", .names)
    static let versionName = Array("version".utf8)

    /// The statements from each version to the next, the first from an empty database.
    private static let migrations: [[String]] = [
        [
            TableStatements.creation(of: meta),
            // Rows that failed their checksum, as they were found.
            "CREATE TABLE _quarantine (id INTEGER PRIMARY KEY, found_ms, origin, key, sum, value)",
        ]
    ]

    /// Brings the database to this version, or refuses it.
    ///
    /// - Throws: ``StoreError/tooNew(version:known:)``, or ``StoreError/damaged(reason:)`` where there is something
    ///   that is no store.
    static func prepare(_ database: StoreDatabase) throws(StoreError) {
        let current = try version(of: database)
        guard current <= version else { throw .tooNew(version: current, known: version) }
        guard current < version else { return }
        try database.transaction { () throws(StoreError) in
            for statement in migrations[current...].joined() { try database.connection.execute(statement) }
            try write(version, to: database)
        }
    }

    /// The row of ``meta`` that says that there is a table: a damaged schema loses its rows' table, but not its name.
    static func registration(of table: StoreTable) -> (place: StoreKey.Place, value: [UInt8]) {
        (.name(Array("table:\(table.name)".utf8)), [table.keys == .names ? 1 : 0])
    }

    /// The table that such a row tells of.
    static func registered(_ row: StoreRow) -> StoreTable? {
        guard case .name(let bytes) = row.key.place, row.value.count == 1 else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.hasPrefix("table:"), StoreTable.isName(String(text.dropFirst(6))) else { return nil }
        return StoreTable(onDisk: String(text.dropFirst(6)), row.value[0] == 1 ? .names : .numbers)
    }

    private static func write(_ version: Int, to database: StoreDatabase) throws(StoreError) {
        let value = withUnsafeBytes(of: UInt64(version).littleEndian) { Array($0) }
        try database.statements(of: meta).put(.name(versionName), value)
        try database.connection.execute("PRAGMA user_version = \(version)")
    }

    /// The version that the database has, 0 for an empty one.
    ///
    /// The number in the header has no checksum: where the other place contradicts it, that one is right.
    private static func version(of database: StoreDatabase) throws(StoreError) -> Int {
        if try database.connection.number("SELECT count(*) FROM sqlite_schema") == 0 { return 0 }
        guard database.has(meta) else { throw .damaged(reason: "the table of versions is missing") }
        guard case .sound(let row) = try database.statements(of: meta).read(.name(versionName)),
            row.value.count == 8
        else { throw .damaged(reason: "the schema's version cannot be read") }
        let version = row.value.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        if try database.connection.number("PRAGMA user_version") != Int64(clamping: version),
            version <= Self.version
        {
            try database.connection.execute("PRAGMA user_version = \(version)")
        }
        return Int(clamping: version)
    }
}
