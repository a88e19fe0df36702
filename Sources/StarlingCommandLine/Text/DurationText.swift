/// Durations as people type and read them: `250ms`, `5s`, `1m30s`, `2h`, `7d`.
package enum DurationText {
    private static let nanosecondsPerUnit: [(unit: String, nanoseconds: Int64)] = [
        ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1000), ("µs", 1000), ("ns", 1),
    ]

    /// Reads a duration: numbers with units, the larger first.
    ///
    /// Nil if it is none, or longer than 292 years.
    ///
    /// A number may have a decimal part (`1.5s`). There is no number without a unit.
    package static func read(_ text: String) -> Duration? {
        var rest = Substring(text)
        var sum: Int64 = 0
        var unitLast = -1
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(number.count)
            let unit = rest.prefix { !($0.isASCII && ($0.isNumber || $0 == ".")) }
            rest = rest.dropFirst(unit.count)
            guard let place = nanosecondsPerUnit.firstIndex(where: { $0.unit == unit }), place > unitLast,
                let nanoseconds = read(number, times: nanosecondsPerUnit[place].nanoseconds)
            else { return nil }
            unitLast = place
            let (added, overflow) = sum.addingReportingOverflow(nanoseconds)
            guard !overflow else { return nil }
            sum = added
        }
        return .nanoseconds(sum)
    }

    /// A decimal number times a unit, exact as long as the result is whole nanoseconds.
    private static func read(_ number: Substring, times unit: Int64) -> Int64? {
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = Int64(parts[0]), whole >= 0 else { return nil }
        let (scaled, overflow) = whole.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        guard parts.count == 2 else { return scaled }
        guard !parts[1].isEmpty, parts[1].count <= 9, let digits = Int64(parts[1]) else { return nil }
        var power: Int64 = 1
        for _ in parts[1] { power *= 10 }
        let (product, productOverflow) = digits.multipliedReportingOverflow(by: unit)
        let fraction = productOverflow ? digits * (unit / power) : product / power
        let (sum, sumOverflow) = scaled.addingReportingOverflow(fraction)
        return sumOverflow ? nil : sum
    }

    /// A duration in the unit that leaves one to three digits before the point: `87 µs`, `1.32 ms`, `12.0 s`.
    package static func write(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let nanoseconds = Double(seconds) * 1e9 + Double(attoseconds) / 1e9
        switch abs(nanoseconds) {
        case ..<1e3: return "\(Int(nanoseconds.rounded())) ns"
        case ..<1e6: return DecimalText.write(nanoseconds / 1e3, significantDigits: 3) + " µs"
        case ..<1e9: return DecimalText.write(nanoseconds / 1e6, significantDigits: 3) + " ms"
        default: return DecimalText.write(nanoseconds / 1e9, significantDigits: 3) + " s"
        }
    }

    /// How long ago or how long since, in at most two units: `3s`, `4m 10s`, `2h 5m`, `3d 4h`.
    package static func writeAge(_ duration: Duration) -> String {
        let seconds = max(0, duration.components.seconds)
        if seconds < 60 { return "\(seconds)s" }
        if seconds < 3600 { return "\(seconds / 60)m \(seconds % 60)s" }
        if seconds < 86_400 { return "\(seconds / 3600)h \(seconds / 60 % 60)m" }
        return "\(seconds / 86_400)d \(seconds / 3600 % 24)h"
    }

    /// A limit, as a user would write it, without what is less than a second: `30d`, `1h30m`.
    package static func writeLimit(_ duration: Duration) -> String {
        var seconds = max(0, duration.components.seconds)
        var text = ""
        let units: [(name: String, seconds: Int64)] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)]
        for unit in units where seconds >= unit.seconds {
            text += "\(seconds / unit.seconds)\(unit.name)"
            seconds %= unit.seconds
        }
        return text.isEmpty ? "0s" : text
    }
}

/// Numbers with a decimal point, without the C library's formats.
package enum DecimalText {
    /// A number with `count` digits after the point, rounded half away from zero.
    ///
    /// - Precondition: `count` is 0 to 9.
    package static func write(_ value: Double, fractionDigits count: Int) -> String {
        precondition((0...9).contains(count))
        var power = 1.0
        for _ in 0..<count { power *= 10 }
        let scaled = (abs(value) * power).rounded()
        guard scaled < 9e18 else { return "\(value)" }
        let digits = String(Int64(scaled))
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard count > 0 else { return sign + digits }
        let padded = String(repeating: "0", count: max(0, count + 1 - digits.count)) + digits
        return sign + padded.dropLast(count) + "." + padded.suffix(count)
    }

    /// A number with about `count` digits in all, none of them an exponent: 1.32, 13.2, 132, 1320.
    package static func write(_ value: Double, significantDigits count: Int) -> String {
        var wholeDigits = 1
        var bound = 10.0
        while abs(value) >= bound, wholeDigits < 18 {
            bound *= 10
            wholeDigits += 1
        }
        return write(value, fractionDigits: max(0, min(9, count - wholeDigits)))
    }
}
