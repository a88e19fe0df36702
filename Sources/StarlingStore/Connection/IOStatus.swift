internal import CSQLite

/// SQLite's statuses of failed input and output: its own names for them are macros that Swift does not see.
enum IOStatus: Int32 {
    case read = 1
    case shortRead = 2
    case write = 3
    case fsync = 4
    case dirFsync = 5
    case truncate = 6
    case fstat = 7
    case delete = 10
    case noMemory = 12
    case access = 13
    case lock = 15
    case close = 16
    case seek = 22
    case deleteNoEntry = 23

    var status: Int32 { SQLITE_IOERR | rawValue << 8 }

    /// The name in SQLite's documentation, or `nil` for a status that is none of these.
    static func name(of status: Int32) -> String? {
        guard status & 0xff == SQLITE_IOERR else { return nil }
        return switch IOStatus(rawValue: status >> 8) {
        case .read: "SQLITE_IOERR_READ"
        case .shortRead: "SQLITE_IOERR_SHORT_READ"
        case .write: "SQLITE_IOERR_WRITE"
        case .fsync: "SQLITE_IOERR_FSYNC"
        case .dirFsync: "SQLITE_IOERR_DIR_FSYNC"
        case .truncate: "SQLITE_IOERR_TRUNCATE"
        case .fstat: "SQLITE_IOERR_FSTAT"
        case .delete: "SQLITE_IOERR_DELETE"
        case .noMemory: "SQLITE_IOERR_NOMEM"
        case .access: "SQLITE_IOERR_ACCESS"
        case .lock: "SQLITE_IOERR_LOCK"
        case .close: "SQLITE_IOERR_CLOSE"
        case .seek: "SQLITE_IOERR_SEEK"
        case .deleteNoEntry: "SQLITE_IOERR_DELETE_NOENT"
        case nil: "SQLITE_IOERR \(status >> 8)"
        }
    }
}
