/// A moment on the node's monotonic clock, in nanoseconds since that clock's origin.
///
/// The origin is arbitrary and differs between processes: an `Instant` is never stored, never sent to a
/// peer and never compared with one of another node. For the time of day, which can jump, see ``WallTime``.
@usableFromInline package struct Instant: InstantProtocol, Sendable {
    @usableFromInline package var nanosecondsSinceOrigin: Int64

    @inlinable package init(nanosecondsSinceOrigin: Int64) {
        self.nanosecondsSinceOrigin = nanosecondsSinceOrigin
    }

    @inlinable package func advanced(by duration: Duration) -> Instant {
        let (sum, overflow) = nanosecondsSinceOrigin.addingReportingOverflow(duration.nanosecondsClamped)
        let limit = duration < .zero ? Int64.min : Int64.max
        return Instant(nanosecondsSinceOrigin: overflow ? limit : sum)
    }

    @inlinable package func duration(to other: Instant) -> Duration {
        let (distance, overflow) = other.nanosecondsSinceOrigin
            .subtractingReportingOverflow(nanosecondsSinceOrigin)
        return .nanoseconds(overflow ? (self < other ? .max : .min) : distance)
    }

    @inlinable package static func < (lhs: Instant, rhs: Instant) -> Bool {
        lhs.nanosecondsSinceOrigin < rhs.nanosecondsSinceOrigin
    }

    /// The earlier of two moments, where there is one at all.
    @inlinable package static func earlier(_ one: Instant?, _ other: Instant?) -> Instant? {
        guard let one else { return other }
        guard let other else { return one }
        return min(one, other)
    }

    @inlinable package static func + (instant: Instant, duration: Duration) -> Instant {
        instant.advanced(by: duration)
    }

    @inlinable package static func - (instant: Instant, duration: Duration) -> Instant {
        let nanoseconds = duration.nanosecondsClamped
        let (difference, overflow) = instant.nanosecondsSinceOrigin.subtractingReportingOverflow(nanoseconds)
        return Instant(nanosecondsSinceOrigin: overflow ? (nanoseconds < 0 ? .max : .min) : difference)
    }
}

extension Duration {
    /// The duration in whole nanoseconds, held within what 64 bits can say (292 years either way).
    @inlinable package var nanosecondsClamped: Int64 {
        // Not by `components`, whose seconds trap beyond 64 bits.
        Int64(clamping: attoseconds / 1_000_000_000)
    }

    /// The whole milliseconds of ``nanosecondsClamped``, as wire formats count them.
    package var milliseconds: Int64 { nanosecondsClamped / 1_000_000 }

    /// The duration in seconds, for figures that people read.
    package var inSeconds: Double { Double(nanosecondsClamped) / 1e9 }
}
