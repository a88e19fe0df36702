extension Multiaddr {
    /// The machine that an address begins with.
    package enum Host: Hashable, Sendable {
        /// `zone` is the interface of a link-local address, by number or name.
        case ip(IPAddress, zone: String? = nil)
        /// A name to look up.
        case dns(String, NameKind)

        /// What a name may resolve to.
        package enum NameKind: Hashable, Sendable {
            case any
            case ipv4
            case ipv6
            /// Further multiaddrs, in TXT records.
            case dnsaddr
        }
    }

    /// Which transport understands an address as a whole.
    package enum TransportKind: Hashable, Sendable, CaseIterable {
        case tcp
        case quic
        case webSocket
        case secureWebSocket
        case webTransport
        case webRTCDirect
        case unix
        case memory
        /// Through a relay.
        case circuit
    }

    /// The peer that the address leads to: the value of a `/p2p` at its end.
    ///
    /// A relay's name, before `/p2p-circuit`, is not the peer's.
    public var peerID: PeerID? {
        guard let last = components.last, last.kind == .p2p else { return nil }
        return try? PeerID(multihash: last.value)
    }

    /// The address without the `/p2p` at its end; `nil` when nothing else is there.
    public var withoutPeerID: Multiaddr? {
        guard components.last?.kind == .p2p else { return self }
        return try? Multiaddr(components: components.dropLast())
    }

    /// The address with `/p2p` and this name at its end, in place of one that is there.
    ///
    /// An address that has no room left for it, or ends in what is not known here, stays as it is.
    public func with(peerID: PeerID) -> Multiaddr {
        let end = Component(.p2p, peerID.multihash)
        let start = components.last?.kind == .p2p ? components.dropLast() : components[...]
        if start.last?.kind == nil, !start.isEmpty { return self }
        return (try? Multiaddr(components: start + [end])) ?? self
    }

    /// The address with further components at its end.
    package func appending(_ more: Component...) throws(MultiaddrError) -> Multiaddr {
        try Multiaddr(components: components + more)
    }

    /// The machine at the address's beginning.
    package var host: Host? { Self.host(components).host }

    /// The TCP or UDP port right after the host.
    package var port: UInt16? {
        let components = components
        let end = Self.host(components).componentCount
        guard end > 0, components.count > end, components[end].kind == .tcp || components[end].kind == .udp
        else { return nil }
        return Self.port(components[end])
    }

    /// Which transport the address is for; `nil` when none here understands all of it.
    package var transportKind: TransportKind? {
        let components = components.last?.kind == .p2p ? components.dropLast() : components[...]
        if components.contains(where: { $0.kind == .p2pCircuit }) { return .circuit }
        let hostCount = Self.host(Array(components)).componentCount
        let kinds = components.dropFirst(hostCount).filter { $0.kind != .certhash && $0.kind != .sni }
            .map(\.kind)
        if hostCount == 0 {
            switch kinds {
            case [.unix]: return .unix
            case [.memory]: return .memory
            default: return nil
            }
        }
        switch kinds {
        case [.tcp]: return .tcp
        case [.tcp, .ws]: return .webSocket
        case [.tcp, .wss], [.tcp, .tls, .ws]: return .secureWebSocket
        case [.udp, .quicV1]: return .quic
        case [.udp, .quicV1, .webtransport]: return .webTransport
        case [.udp, .webrtcDirect]: return .webRTCDirect
        default: return nil
        }
    }

    /// Where a socket connects or listens for this address: IP and port, or a Unix path.
    ///
    /// `nil` for names, which must be looked up first, and for an interface given by name.
    package var socketAddress: SocketAddress? {
        let components = components
        if let path = components.first, path.kind == .unix {
            return .unix(path: String(decoding: path.value, as: UTF8.self))
        }
        guard case .ip(let address, let zone)? = Self.host(components).host, let port else { return nil }
        guard let zone else { return .ip(address, port: port) }
        guard let index = UInt32(zone) else { return nil }
        return .ip(address, port: port, zone: index)
    }

    /// What a relayed address says: the way to the relay, and the way from it to the peer where one is named.
    package var circuit: (relay: Multiaddr, target: Multiaddr?)? {
        guard let index = components.lastIndex(where: { $0.kind == .p2pCircuit }),
            let relay = try? Multiaddr(components: Array(components[..<index]))
        else { return nil }
        return (relay, try? Multiaddr(components: Array(components[(index + 1)...])))
    }

    /// The same address at another host, for a name that was looked up or a listener on all addresses.
    ///
    /// `zone` is the interface number of a link-local address. Without a host the address stays as it is.
    package func replacingHost(with address: IPAddress, zone: UInt32 = 0) -> Multiaddr {
        let (host, count) = Self.host(components)
        guard host != nil else { return self }
        let replaced = Self.components(address, zone: zone) + components.dropFirst(count)
        return (try? Multiaddr(components: replaced)) ?? self
    }

    /// The address of an IP address and a TCP port.
    package init(_ address: IPAddress, zone: UInt32 = 0, tcpPort: UInt16) {
        self.init(valid: Self.encode(Self.components(address, zone: zone) + [Self.port(.tcp, tcpPort)]))
    }

    /// The address of an IP address and a UDP port that speaks QUIC.
    package init(_ address: IPAddress, zone: UInt32 = 0, quicPort: UInt16) {
        let endpoint = [Self.port(.udp, quicPort), Component(.quicV1)]
        self.init(valid: Self.encode(Self.components(address, zone: zone) + endpoint))
    }

    /// The address of a byte-stream socket: TCP, or Unix by an absolute path.
    package init(stream socket: SocketAddress) throws(MultiaddrError) {
        switch socket {
        case .ip(let address, let port, let zone): self.init(address, zone: zone, tcpPort: port)
        case .unix(let path): try self.init(components: [Component(.unix, Array(path.utf8))])
        }
    }

    private static func port(_ kind: MultiaddrProtocol, _ port: UInt16) -> Component {
        Component(kind, [UInt8(truncatingIfNeeded: port >> 8), UInt8(truncatingIfNeeded: port)])
    }

    private static func components(_ address: IPAddress, zone: UInt32) -> [Component] {
        if address.isIPv4 { return [Component(.ip4, address.octets)] }
        let ip = Component(.ip6, address.octets)
        return zone == 0 ? [ip] : [Component(.ip6zone, Array(String(zone).utf8)), ip]
    }

    private static func port(_ component: Component) -> UInt16 {
        component.value.reduce(0) { $0 << 8 | UInt16($1) }
    }

    /// The host, and how many components say it.
    private static func host(_ components: [Component]) -> (host: Host?, componentCount: Int) {
        guard let first = components.first else { return (nil, 0) }
        func name(_ kind: Host.NameKind) -> (host: Host?, componentCount: Int) {
            (.dns(String(decoding: first.value, as: UTF8.self), kind), 1)
        }
        switch first.kind {
        case .ip4, .ip6:
            guard let address = IPAddress(octets: first.value) else { return (nil, 0) }
            return (.ip(address), 1)
        case .ip6zone:
            guard components.count > 1, components[1].kind == .ip6,
                let address = IPAddress(octets: components[1].value)
            else { return (nil, 0) }
            return (.ip(address, zone: String(decoding: first.value, as: UTF8.self)), 2)
        case .dns: return name(.any)
        case .dns4: return name(.ipv4)
        case .dns6: return name(.ipv6)
        case .dnsaddr: return name(.dnsaddr)
        default: return (nil, 0)
        }
    }
}
