/// Sizes as people type and read them: `65536`, `64KiB`, `512MB`, `2GiB`.
package enum ByteCountText {
    private static let units: [(name: String, byteCount: Int)] = [
        ("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30), ("tib", 1 << 40),
        ("kb", 1000), ("mb", 1_000_000), ("gb", 1_000_000_000), ("tb", 1_000_000_000_000), ("b", 1),
    ]

    /// Reads a size; a number without unit counts bytes.
    ///
    /// Nil if it is none, or too large to count.
    package static func read(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text.dropFirst(digits.count).lowercased()
        guard let number = Int(digits) else { return nil }
        if unit.isEmpty { return number }
        guard let size = units.first(where: { $0.name == unit })?.byteCount else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: size)
        return overflow ? nil : product
    }

    /// A size in the largest binary unit that fits: `512 B`, `1.5 KiB`, `20 MiB`.
    package static func write(_ byteCount: Int) -> String {
        let ascending = units.prefix(4)
        guard let unit = ascending.last(where: { byteCount >= $0.byteCount }) else { return "\(byteCount) B" }
        let name = unit.name.prefix(1).uppercased() + "iB"
        if byteCount % unit.byteCount == 0 { return "\(byteCount / unit.byteCount) \(name)" }
        let value = Double(byteCount) / Double(unit.byteCount)
        return DecimalText.write(value, fractionDigits: 1) + " " + name
    }
}
