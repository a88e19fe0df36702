package import StarlingCore

/// Which of the addresses that a peer names as its own are worth remembering.
///
/// A peer can name any address. One that means this machine, or this network, would make the node knock at doors that
/// the peer itself cannot reach, and what its listeners have on their own machine or network is of no use elsewhere.
package enum AddressFilter {
    /// How far an address reaches.
    private enum Reach: Int, Comparable {
        case fileSystem, machine, network, world

        static func < (lhs: Reach, rhs: Reach) -> Bool { lhs.rawValue < rhs.rawValue }
    }

    /// Those of `addresses` that reach at least as far as the address at which the peer was met.
    ///
    /// - Parameter meeting: The other end of the connection on which the peer said so; `nil` for a Unix socket's dialler.
    package static func worthy(_ addresses: [Multiaddr], metAt meeting: Multiaddr?) -> [Multiaddr] {
        let least = meeting.flatMap(reach) ?? .fileSystem
        return addresses.filter { address in reach(address).map { $0 >= least } ?? false }
    }

    /// Whether whoever was met at an address is on this machine, or on a network of it.
    package static func isNear(_ meeting: Multiaddr?) -> Bool {
        meeting.flatMap(reach).map { $0 <= .network } ?? (meeting == nil)
    }

    /// `nil` for an address that nobody can be dialled at.
    private static func reach(_ address: Multiaddr) -> Reach? {
        switch address.transportKind {
        case .unix, .memory: return .fileSystem
        case .circuit: return .world
        default: break
        }
        switch address.host {
        case .ip(let ip, _):
            let ip = ip.unmapped
            if ip.isUnspecified || ip.isMulticast || ip == .v4(.max) { return nil }
            if ip.isLoopback { return .machine }
            return ip.isPrivate || ip.isLinkLocal ? .network : .world
        case .dns: return .world
        case nil: return nil
        }
    }
}
