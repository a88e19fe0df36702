internal import StarlingCore
internal import StarlingCrypto
internal import StarlingNode
internal import StarlingTransports

/// What the nodes of all fleets have in common.
enum FleetNode {
    static let port: UInt16 = 4001

    /// How far away, in the order of their making, the five are with which a node has to do where nodes are not linked.
    static let distances = [1, 2, 7, 17, 31]

    /// A node of a machine with 1 GiB, which listens, encrypts with Noise, and looks for nobody on its LAN.
    static var configuration: NodeConfiguration {
        var configuration = NodeConfiguration(machineMemoryByteCount: 1 << 30)
        configuration.usesMDNS = false
        configuration.securities = [.noise]
        configuration.listenAddresses = [Multiaddr(.v4(0), tcpPort: port)]
        return configuration
    }

    static func identity(_ keySeed: [UInt8]) throws -> IdentityKey {
        var seed = keySeed
        return try IdentityKey(wipingSeed: &seed)
    }

    /// Where the node of a host listens.
    static func address(of host: SimulatedHost, _ peer: PeerID) -> Multiaddr {
        Multiaddr(host.address ?? .v4(0), tcpPort: port).with(peerID: peer)
    }
}
