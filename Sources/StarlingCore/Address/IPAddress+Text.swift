extension IPAddress: LosslessStringConvertible {
    /// The longest text of an address: an IPv6 address with an IPv4 tail.
    private static let characterCountMax = 45

    /// Parses `192.0.2.1`, `2001:db8::1` or `::ffff:192.0.2.1`, without brackets, zone or mask.
    ///
    /// IPv4 octets have no leading zeros, which some programs read as octal.
    /// Spec: RFC 4291, section 2.2; for IPv4, RFC 6943, section 3.1.1, "strict form".
    public init?(_ text: String) {
        guard text.utf8.count <= Self.characterCountMax else { return nil }
        let characters = Array(text.utf8)
        if characters.contains(UInt8(ascii: ":")) {
            guard let groups = Self.groups(characters) else { return nil }
            self.init(groups: groups)
        } else {
            guard let bits = Self.dotted(characters, 0..<characters.count) else { return nil }
            self = .v4(bits)
        }
    }

    /// The address as people write it.
    ///
    /// Spec: RFC 5952, sections 4 and 5 (IPv4-mapped addresses show their IPv4 address).
    public var description: String {
        switch self {
        case .v4(let bits): return Self.dotted(bits)
        case .v6(let high, let low):
            if high == 0, low >> 32 == 0xffff {
                return "::ffff:" + Self.dotted(UInt32(truncatingIfNeeded: low))
            }
            return Self.colonHex(groups)
        }
    }

    /// The address of 4 or 16 octets in network order; `nil` for any other count.
    package init?(octets: Span<UInt8>) {
        switch octets.count {
        case 4: self = .v4(UInt32(truncatingIfNeeded: Self.number(octets, 0..<4)))
        case 16: self = .v6(high: Self.number(octets, 0..<8), low: Self.number(octets, 8..<16))
        default: return nil
        }
    }

    /// The address of 4 or 16 octets in network order; `nil` for any other count.
    package init?(octets: [UInt8]) { self.init(octets: octets.span) }

    /// The octets in network order: 4 or 16 of them.
    package var octets: [UInt8] {
        switch self {
        case .v4(let bits): (0..<4).map { UInt8(truncatingIfNeeded: bits >> UInt32(24 - 8 * $0)) }
        case .v6(let high, let low):
            (0..<16).map { index in
                UInt8(truncatingIfNeeded: (index < 8 ? high : low) >> UInt64(56 - 8 * (index % 8)))
            }
        }
    }

    private static func number(_ octets: Span<UInt8>, _ range: Range<Int>) -> UInt64 {
        var number: UInt64 = 0
        for index in range { number = number << 8 | UInt64(octets[index]) }
        return number
    }

    // MARK: IPv4

    private static func dotted(_ bits: UInt32) -> String {
        "\(bits >> 24).\(bits >> 16 & 0xff).\(bits >> 8 & 0xff).\(bits & 0xff)"
    }

    private static func dotted(_ characters: [UInt8], _ range: Range<Int>) -> UInt32? {
        var bits: UInt32 = 0
        var octet: UInt32?
        var octetCount = 0
        for index in range {
            let character = characters[index]
            if character == UInt8(ascii: ".") {
                guard let value = octet, octetCount < 3 else { return nil }
                bits = bits << 8 | value
                octetCount += 1
                octet = nil
                continue
            }
            guard character >= UInt8(ascii: "0"), character <= UInt8(ascii: "9") else { return nil }
            if octet == 0 { return nil }
            let value = (octet ?? 0) * 10 + UInt32(character - UInt8(ascii: "0"))
            guard value <= 255 else { return nil }
            octet = value
        }
        guard let value = octet, octetCount == 3 else { return nil }
        return bits << 8 | value
    }

    // MARK: IPv6

    private init(groups: [UInt16]) {
        var halves: (UInt64, UInt64) = (0, 0)
        for index in 0..<4 {
            halves.0 = halves.0 << 16 | UInt64(groups[index])
            halves.1 = halves.1 << 16 | UInt64(groups[index + 4])
        }
        self = .v6(high: halves.0, low: halves.1)
    }

    private var groups: [UInt16] {
        guard case .v6(let high, let low) = self else { return [] }
        return (0..<8).map { index in
            UInt16(truncatingIfNeeded: (index < 4 ? high : low) >> UInt64(48 - 16 * (index % 4)))
        }
    }

    /// The eight groups of a text with colons.
    private static func groups(_ characters: [UInt8]) -> [UInt16]? {
        let colon = UInt8(ascii: ":")
        var groups: [UInt16] = []
        var gap: Int?
        var position = 0
        if characters.starts(with: [colon, colon]) {
            gap = 0
            position = 2
        }
        while position < characters.count {
            var end = position
            while end < characters.count, characters[end] != colon { end += 1 }
            if end == characters.count, let bits = dotted(characters, position..<end) {
                groups += [UInt16(truncatingIfNeeded: bits >> 16), UInt16(truncatingIfNeeded: bits)]
                break
            }
            guard let group = group(characters, position..<end), groups.count < 8 else { return nil }
            groups.append(group)
            if end == characters.count { break }
            position = end + 1
            guard position < characters.count else { return nil }
            if characters[position] == colon {
                guard gap == nil else { return nil }
                gap = groups.count
                position += 1
            }
        }
        if let gap {
            // The double colon stands for one group at least.
            guard groups.count < 8 else { return nil }
            groups.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap)
        }
        return groups.count == 8 ? groups : nil
    }

    private static func group(_ characters: [UInt8], _ range: Range<Int>) -> UInt16? {
        guard range.count >= 1, range.count <= 4 else { return nil }
        var group: UInt16 = 0
        for index in range {
            guard let digit = Character(UnicodeScalar(characters[index])).hexDigitValue else { return nil }
            group = group << 4 | UInt16(digit)
        }
        return group
    }

    private static func colonHex(_ groups: [UInt16]) -> String {
        // The leftmost of the longest runs of two or more zero groups becomes the double colon.
        var longest = 0..<0
        var start = 0
        while start < groups.count {
            var end = start
            while end < groups.count, groups[end] == 0 { end += 1 }
            if end - start >= 2, end - start > longest.count { longest = start..<end }
            start = max(end, start + 1)
        }
        func joined(_ range: Range<Int>) -> String {
            range.map { String(groups[$0], radix: 16) }.joined(separator: ":")
        }
        guard !longest.isEmpty else { return joined(0..<8) }
        return joined(0..<longest.lowerBound) + "::" + joined(longest.upperBound..<8)
    }
}
