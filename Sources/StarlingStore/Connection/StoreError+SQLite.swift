internal import CSQLite
internal import StarlingWorld

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

extension StoreError {
    /// What a status of SQLite means, with the system's own error at hand.
    init(connection: OpaquePointer, status: Int32, path: String = "") {
        switch Self.systemError(connection, status) {
        case ENOSPC, EDQUOT: self = .noSpace
        case EROFS: self = .readOnly
        default:
            let known = StoreError(sqlite: status, path: path)
            if case .damaged = known, let message = sqlite3_errmsg(connection) {
                self = .damaged(reason: String(cString: message))
            } else {
                self = known
            }
        }
    }

    /// The number of the system call that failed, where it was one.
    ///
    /// A commit leaves it with the file that it wrote to, not with the connection.
    private static func systemError(_ connection: OpaquePointer, _ status: Int32) -> Int32 {
        guard [SQLITE_IOERR, SQLITE_CANTOPEN].contains(status & 0xff) else { return 0 }
        let known = sqlite3_system_errno(connection)
        if known != 0 { return known }
        var log: UnsafeMutablePointer<sqlite3_file>?
        var number: Int32 = 0
        let found = sqlite3_file_control(connection, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log)
        if found == SQLITE_OK, let log, let methods = log.pointee.pMethods {
            _ = methods.pointee.xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &number)
        }
        if number == 0 { sqlite3_file_control(connection, "main", SQLITE_FCNTL_LAST_ERRNO, &number) }
        return number
    }

    /// What a status of SQLite means, by itself.
    init(sqlite status: Int32, path: String = "") {
        switch status & 0xff {
        case SQLITE_FULL: self = .noSpace
        case SQLITE_READONLY, SQLITE_PERM: self = .readOnly
        case SQLITE_BUSY, SQLITE_LOCKED: self = .inUse
        case SQLITE_CORRUPT: self = .damaged(reason: "database disk image is malformed")
        case SQLITE_NOTADB: self = .damaged(reason: "file is not a database")
        case SQLITE_TOOBIG: self = .tooLarge
        case SQLITE_CANTOPEN where !path.isEmpty: self = .notFound(path: path)
        default: self = .other(name: Self.name(ofSQLite: status))
        }
    }

    /// A system call's error.
    init(errno code: Int32, path: String) {
        switch code {
        case ENOSPC, EDQUOT: self = .noSpace
        case EROFS, EACCES, EPERM: self = .readOnly
        case ENOENT, ENOTDIR, EISDIR: self = .notFound(path: path)
        default: self = .other(name: String(cString: strerror(code)))
        }
    }

    /// The library's name for a status: it has no function for that.
    private static func name(ofSQLite status: Int32) -> String {
        switch status {
        case SQLITE_ERROR: "SQLITE_ERROR"
        case SQLITE_INTERNAL: "SQLITE_INTERNAL"
        case SQLITE_ABORT: "SQLITE_ABORT"
        case SQLITE_NOMEM: "SQLITE_NOMEM"
        case SQLITE_INTERRUPT: "SQLITE_INTERRUPT"
        case SQLITE_CANTOPEN: "SQLITE_CANTOPEN"
        case SQLITE_SCHEMA: "SQLITE_SCHEMA"
        case SQLITE_CONSTRAINT: "SQLITE_CONSTRAINT"
        case SQLITE_MISMATCH: "SQLITE_MISMATCH"
        case SQLITE_MISUSE: "SQLITE_MISUSE"
        case SQLITE_NOLFS: "SQLITE_NOLFS"
        case SQLITE_RANGE: "SQLITE_RANGE"
        default: IOStatus.name(of: status) ?? "SQLite's status \(status)"
        }
    }
}
