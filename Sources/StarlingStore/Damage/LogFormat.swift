/// The layout of SQLite's write-ahead log.
///
/// Source: SQLite, "Database File Format", section 4, "The Write-Ahead Log".
enum LogFormat {
    static let headerByteCount = 32
    static let frameHeaderByteCount = 24

    /// How long a log of so many frames is.
    static func byteCount(ofFrames count: Int) -> Int {
        headerByteCount + count * (frameHeaderByteCount + StoreDatabase.pageByteCount)
    }
}
