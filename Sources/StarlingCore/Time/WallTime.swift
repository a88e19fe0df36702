/// The time of day in milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// It can jump and can be wrong: fit for records and for people, never for measuring. See ``Instant``.
public struct WallTime: Hashable, Comparable, Sendable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    public var millisecondsSince1970: Int64

    /// The time so many milliseconds after 1970-01-01T00:00:00Z.
    public init(millisecondsSince1970: Int64) {
        self.millisecondsSince1970 = millisecondsSince1970
    }

    /// Orders by time.
    public static func < (lhs: WallTime, rhs: WallTime) -> Bool {
        lhs.millisecondsSince1970 < rhs.millisecondsSince1970
    }

    /// The time so much later, in whole milliseconds; the last one that there is where that would be beyond it.
    package func advanced(by duration: Duration) -> WallTime {
        let (sum, overflow) = millisecondsSince1970.addingReportingOverflow(duration.milliseconds)
        return WallTime(millisecondsSince1970: overflow ? .max : sum)
    }

    /// The time as RFC 3339 writes it, in UTC with milliseconds: `2026-05-01T12:00:00.000Z`.
    public var rfc3339: String {
        let (days, dayMilliseconds) = millisecondsSince1970.flooredDivision(by: 86_400_000)
        let (year, month, day) = Self.civilDate(daysSince1970: days)
        let (hour, minute) = (dayMilliseconds / 3_600_000, dayMilliseconds / 60_000 % 60)
        let (second, millisecond) = (dayMilliseconds / 1000 % 60, dayMilliseconds % 1000)
        return "\(year.padded(4))-\(month.padded(2))-\(day.padded(2))T"
            + "\(hour.padded(2)):\(minute.padded(2)):\(second.padded(2)).\(millisecond.padded(3))Z"
    }

    /// The proleptic Gregorian date of a day, counted in years that begin in March so that leap days come last.
    private static func civilDate(daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = (daysSince1970 + 719_468).flooredDivision(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }
}

extension Int64 {
    fileprivate func flooredDivision(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    fileprivate func padded(_ width: Int) -> String {
        let digits = String(self)
        return String(repeating: "0", count: Swift.max(0, width - digits.count)) + digits
    }
}
