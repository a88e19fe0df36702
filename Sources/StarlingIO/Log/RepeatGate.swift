internal import StarlingCore
internal import StarlingWorld

/// Lets the first few lines of one message and level through and counts the rest.
///
/// Values do not count: a flood has another peer or address in each of its lines.
struct RepeatGate {
    /// Lines of one message let through within ``window``.
    static let lineCountMax = 5
    static let window = Duration.seconds(10)
    /// Different messages watched at a time.
    ///
    /// When there are more, the oldest is forgotten, and its count told.
    static let keyCountMax = 256

    struct Key: Hashable {
        var level: LogLevel
        var message: String
    }

    private struct Entry {
        var key: Key
        var end: Instant
        var lineCount: Int
    }

    /// In the order their windows end.
    private var entries: [Entry] = []

    /// Whether a line may be written now.
    mutating func admits(_ key: Key, now: Instant) -> Bool {
        if let index = entries.firstIndex(where: { $0.key == key }) {
            entries[index].lineCount += 1
            return entries[index].lineCount <= Self.lineCountMax
        }
        entries.append(Entry(key: key, end: now + Self.window, lineCount: 1))
        return true
    }

    /// The next line whose window is over, and how many of it were held back.
    ///
    /// Pull until `nil`.
    mutating func nextReport(now: Instant) -> (key: Key, heldBackCount: Int)? {
        while let first = entries.first, first.end <= now || entries.count > Self.keyCountMax {
            entries.removeFirst()
            if first.lineCount > Self.lineCountMax { return (first.key, first.lineCount - Self.lineCountMax) }
        }
        return nil
    }

    /// The same for every line, before the log ends.
    mutating func nextReport() -> (key: Key, heldBackCount: Int)? {
        nextReport(now: Instant(nanosecondsSinceOrigin: .max))
    }
}
