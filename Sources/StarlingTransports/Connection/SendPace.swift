package import StarlingCore

/// How fast a socket takes what is written to it, and so how long a record may be.
///
/// Nothing overtakes a record that is sealed: on a slow link a short one leaves sooner, and what it costs there is
/// nothing. A socket that keeps up gets full records.
package struct SendPace: Sendable {
    /// How long the link may be busy with one record.
    private static let recordTime: Duration = .milliseconds(10)
    /// A record's overhead of 18 to 30 bytes stays below one in a hundred.
    private static let recordByteCountMin = 4096

    /// When the socket last became empty; moved on by the time in which nothing was there to write.
    private var start: Instant?
    /// Since when nothing is there to write.
    private var pausedAt: Instant?
    /// What the socket was given since ``start``, in bytes.
    private var byteCount = 0
    /// The most content that the next record should have, in bytes.
    package private(set) var recordByteCountMax = Int.max

    package init() {}

    /// The socket is given bytes.
    package mutating func wrote(_ byteCount: Int, now: @autoclosure () -> Instant) {
        if let pausedAt {
            start = start.map { $0 + pausedAt.duration(to: now()) }
            self.pausedAt = nil
        }
        self.byteCount += byteCount
    }

    /// The socket has taken all that it was given.
    package mutating func drained(at now: Instant) {
        if let start {
            let elapsed = max(1, start.duration(to: now).nanosecondsClamped)
            let share = Double(byteCount) * Double(Self.recordTime.nanosecondsClamped) / Double(elapsed)
            recordByteCountMax = max(Self.recordByteCountMin, Int(min(share, 1e9)))
        }
        start = now
        pausedAt = nil
        byteCount = 0
    }

    /// Nothing is left to write, and the socket has taken all: the pause that follows is not its own.
    package mutating func paused(at now: Instant) {
        if start != nil, pausedAt == nil { pausedAt = now }
    }
}
