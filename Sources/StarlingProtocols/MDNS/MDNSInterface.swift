package import StarlingCore

/// A network interface on which peers are looked for, and what is said about this node there.
package struct MDNSInterface: Hashable, Sendable {
    /// The most addresses that are announced on one interface; further ones are left out.
    package static let addressCountMax = 16

    /// The interface's number, by which packets are sent and told apart.
    package let index: UInt32
    package let isLoopback: Bool
    /// The interface's own addresses.
    package let hosts: [IPAddress]
    /// Where this node can be reached over this interface, without its name.
    package let addresses: [Multiaddr]

    /// Finds out where a node that listens on `listening` can be reached over an interface.
    ///
    /// A listener on all addresses is reached at each of the interface's own, one on a single address only
    /// where that address is. Loopback addresses stay on the loopback interface; zones, which mean nothing to
    /// others, are cut; names and relays are not for the link.
    package init(index: UInt32, isLoopback: Bool, hosts: [IPAddress], listening: [Multiaddr]) {
        self.index = index
        self.isLoopback = isLoopback
        self.hosts = hosts.filter { !$0.isMulticast && !$0.isUnspecified && $0.isLoopback == isLoopback }
        var addresses: [Multiaddr] = []
        for listener in listening where listener.transportKind != .circuit {
            guard case .ip(let bound, _)? = listener.host, let bare = listener.withoutPeerID else { continue }
            for host in self.hosts {
                guard bound.isUnspecified ? host.isIPv4 == bound.isIPv4 : host == bound else { continue }
                let address = bare.replacingHost(with: host)
                if !addresses.contains(address), addresses.count < Self.addressCountMax {
                    addresses.append(address)
                }
            }
        }
        self.addresses = addresses
    }

    /// Whether a sender is, as far as can be told, on the link behind the interface.
    ///
    /// Answers go to nobody else, so that nobody far away learns or amplifies anything. How long the link's
    /// prefix is cannot be seen here: 16 bits are compared for public IPv4 addresses and 64 for IPv6.
    /// Spec: RFC 6762, section 11.
    func isOnLink(_ address: IPAddress) -> Bool {
        let address = address.unmapped
        if address.isLinkLocal || address.isLoopback || address.isPrivate { return true }
        let prefix = address.octets.prefix(address.isIPv4 ? 2 : 8)
        return hosts.contains { $0.isIPv4 == address.isIPv4 && $0.octets.starts(with: prefix) }
    }

    /// The form in which an address that a peer announced on this interface can be dialled; `nil` for one that
    /// has no place on a link.
    func dialable(_ address: Multiaddr) -> Multiaddr? {
        guard address.transportKind != .circuit, case .ip(let host, _)? = address.host else { return nil }
        if host.isUnspecified || host.isMulticast { return nil }
        if host.isLoopback, !isLoopback { return nil }
        // An announcement of addresses elsewhere would have a whole LAN knock there.
        if !isOnLink(host) { return nil }
        // The peer's zone is not ours.
        let isZoned = host.isLinkLocal && host.isIPv6
        return address.replacingHost(with: host, zone: isZoned ? index : 0)
    }
}
