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
        // The number of the last failed system call explains input and output errors only.
        let isSystem = [SQLITE_IOERR, SQLITE_CANTOPEN].contains(status & 0xff)
        switch isSystem ? sqlite3_system_errno(connection) : 0 {
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
        default: ioName(status) ?? "SQLite's status \(status)"
        }
    }

    private static func ioName(_ status: Int32) -> String? {
        guard status & 0xff == SQLITE_IOERR else { return nil }
        return switch status >> 8 {
        case 1: "SQLITE_IOERR_READ"
        case 2: "SQLITE_IOERR_SHORT_READ"
        case 3: "SQLITE_IOERR_WRITE"
        case 4: "SQLITE_IOERR_FSYNC"
        case 5: "SQLITE_IOERR_DIR_FSYNC"
        case 6: "SQLITE_IOERR_TRUNCATE"
        case 7: "SQLITE_IOERR_FSTAT"
        case 10: "SQLITE_IOERR_DELETE"
        case 12: "SQLITE_IOERR_NOMEM"
        case 13: "SQLITE_IOERR_ACCESS"
        case 15: "SQLITE_IOERR_LOCK"
        case 16: "SQLITE_IOERR_CLOSE"
        case 22: "SQLITE_IOERR_SEEK"
        default: "SQLITE_IOERR \(status >> 8)"
        }
    }
}
