extension IPAddress {
    /// The IPv4 address behind an IPv4-mapped IPv6 address; any other address as it is.
    package var unmapped: IPAddress {
        guard case .v6(0, let low) = self, low >> 32 == 0xffff else { return self }
        return .v4(UInt32(truncatingIfNeeded: low))
    }

    /// Whether the address is an IPv4 one; an IPv4-mapped address is not.
    package var isIPv4: Bool {
        if case .v4 = self { true } else { false }
    }

    /// Whether the address is an IPv6 one, IPv4-mapped ones included.
    package var isIPv6: Bool { !isIPv4 }

    /// `0.0.0.0` or `::`: no address, or all of the machine's when listening.
    public var isUnspecified: Bool { matches(v4: (0, 32)) || matches(v6: (0, 0, 128)) }

    /// `127.0.0.0/8` or `::1`: the machine itself.
    public var isLoopback: Bool { matches(v4: (0x7f00_0000, 8)) || matches(v6: (0, 1, 128)) }

    /// An address for use inside one organisation: RFC 1918, or unique local (`fc00::/7`, RFC 4193).
    public var isPrivate: Bool {
        matches(v4: (0x0a00_0000, 8)) || matches(v4: (0xac10_0000, 12)) || matches(v4: (0xc0a8_0000, 16))
            || matches(v6: (0xfc00 << 48, 0, 7))
    }

    /// An address that is good on one link only: `169.254.0.0/16` or `fe80::/10`.
    public var isLinkLocal: Bool { matches(v4: (0xa9fe_0000, 16)) || matches(v6: (0xfe80 << 48, 0, 10)) }

    /// A group: `224.0.0.0/4` or `ff00::/8`.
    public var isMulticast: Bool { matches(v4: (0xe000_0000, 4)) || matches(v6: (0xff00 << 48, 0, 8)) }

    /// Whether the address can be reached from anywhere on the internet.
    ///
    /// Spec: IANA's special-purpose address registries (RFC 6890). Of IPv6, what is allocated for global
    /// unicast (`2000::/3`) and the NAT64 prefix.
    public var isGlobal: Bool {
        switch unmapped {
        case .v4:
            let others: [(UInt32, Int)] = [
                (0x0000_0000, 8),  // this network
                (0x6440_0000, 10),  // shared by carriers' NATs
                (0xc000_0000, 24),  // protocol assignments
                (0xc000_0200, 24), (0xc633_6400, 24), (0xcb00_7100, 24),  // documentation
                (0xc612_0000, 15),  // benchmarks
                (0xf000_0000, 4),  // reserved, and broadcast
            ]
            return !(isLoopback || isPrivate || isLinkLocal || isMulticast)
                && !others.contains { matches(v4: $0) }
        case .v6:
            let isDocumentation =
                matches(v6: (0x2001_0db8 << 32, 0, 32)) || matches(v6: (0x3fff << 48, 0, 20))
            return matches(v6: (0x0064_ff9b << 32, 0, 96))
                || matches(v6: (0x2000 << 48, 0, 3)) && !isDocumentation
        }
    }

    private func matches(v4 prefix: (bits: UInt32, length: Int)) -> Bool {
        guard case .v4(let bits) = unmapped else { return false }
        return (bits ^ prefix.bits) >> UInt32(32 - prefix.length) == 0
    }

    private func matches(v6 prefix: (high: UInt64, low: UInt64, length: Int)) -> Bool {
        guard case .v6(let high, let low) = unmapped else { return false }
        if prefix.length <= 64 { return (high ^ prefix.high) >> UInt64(64 - prefix.length) == 0 }
        return high == prefix.high && (low ^ prefix.low) >> UInt64(128 - prefix.length) == 0
    }
}

extension SocketAddress: CustomStringConvertible {
    /// `192.0.2.1:80`, `[fe80::1%2]:80` or `unix:/path`.
    package var description: String {
        switch self {
        case .ip(let address, let port, let zone):
            if address.isIPv4 { return "\(address):\(port)" }
            return zone == 0 ? "[\(address)]:\(port)" : "[\(address)%\(zone)]:\(port)"
        case .unix(let path): return "unix:\(path)"
        }
    }
}
