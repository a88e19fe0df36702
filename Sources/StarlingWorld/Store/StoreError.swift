/// Why the store did not do what it was asked.
package enum StoreError: Error, Equatable, Sendable {
    /// The disk, or the user's share of it, is full: make room; what was accepted before is safe.
    case noSpace
    /// The disk or the file cannot be written: mount it writable, or mend its mode and owner.
    case readOnly
    /// Another process has the store open: end it, or use another home.
    case inUse
    /// The file was written by a newer Starling: start that one, or use another home.
    case tooNew(version: Int, known: Int)
    /// The file cannot be read and was not salvaged, by SQLite's words.
    case damaged(reason: String)
    /// The file or its folder cannot be opened.
    case notFound(path: String)
    /// A value is longer than ``StoreLimits/valueByteCountMax``: cut it into several rows.
    case tooLarge
    /// The store was closed before.
    case closed
    /// Anything else, by the library's own name for it, such as `SQLITE_IOERR_FSYNC`.
    case other(name: String)
}

/// What opening a store found, and what was found damaged since.
package struct StoreReport: Equatable, Sendable {
    /// A row that was there and failed its checksum, or a part of the file that could not be read.
    package struct Quarantined: Equatable, Sendable {
        /// The table, or `nil` when it is not known.
        package var table: String?
        /// How many rows, or `nil` when they cannot be counted.
        package var rowCount: Int?
        package var reason: String

        package init(table: String?, rowCount: Int?, reason: String) {
            self.table = table
            self.rowCount = rowCount
            self.reason = reason
        }
    }

    /// One entry for each table and reason.
    package private(set) var quarantined: [Quarantined] = []
    /// Where damaged files were put aside, in the order of their discovery.
    package var asidePaths: [String] = []

    package init() {}

    package var isClean: Bool { quarantined.isEmpty && asidePaths.isEmpty }

    /// Adds to what is told of a table; counts of the same reason are summed.
    package mutating func note(_ found: Quarantined) {
        let known = quarantined.firstIndex { $0.table == found.table && $0.reason == found.reason }
        guard let known else { return quarantined.append(found) }
        guard let before = quarantined[known].rowCount, let more = found.rowCount else {
            quarantined[known].rowCount = nil
            return
        }
        quarantined[known].rowCount = before + more
    }
}
