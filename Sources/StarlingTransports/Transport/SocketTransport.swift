package import StarlingCore
internal import StarlingCrypto
package import StarlingWorld
internal import Synchronization

/// Connections over TCP and Unix sockets, spread over the world's loops.
package final class SocketTransport: Transport {
    private let world: World
    /// The setup for each loop, which differ in their cipher.
    private let setups: [ConnectionSetup]
    private let nextNumber = Mutex<UInt64>(0)

    /// - Parameter setup: What all connections share; the cipher is replaced by one for each loop.
    package init(world: World, setup: ConnectionSetup) throws(SetupError) {
        self.world = world
        var setups: [ConnectionSetup] = []
        for _ in world.loops {
            var own = setup
            do throws(CryptoError) { own.cipher = try ChaChaPoly() } catch { throw .crypto(error) }
            own.meter = TrafficMeter()
            setups.append(own)
        }
        self.setups = setups
    }

    package var traffic: Traffic { setups.reduce(into: Traffic()) { $0 += $1.meter.traffic } }

    package func canDial(_ address: Multiaddr) -> Bool { Self.socketAddress(address) != nil }

    package func canListen(on address: Multiaddr) -> Bool { Self.socketAddress(address) != nil }

    /// Where a plain stream socket of this address is; `nil` when the address is for another transport.
    private static func socketAddress(_ address: Multiaddr) -> SocketAddress? {
        switch address.transportKind {
        case .tcp, .unix: address.socketAddress
        default: nil
        }
    }

    package func dial(
        _ address: Multiaddr,
        expecting peer: PeerID?
    ) async throws(ConnectionError) -> any Connection {
        guard let remote = Self.socketAddress(address) else { throw .socket(.addressUnavailable) }
        let connection = makeConnection(.outbound, expecting: peer ?? address.peerID)
        try await connection.dial(remote, named: address.withoutPeerID)
        return connection
    }

    package func listen(
        on address: Multiaddr,
        _ owner: any ListenerOwner
    ) async throws(ListenError) -> any Listener {
        guard let local = Self.socketAddress(address) else { throw .unsupported(address) }
        let listener = SocketListener(transport: self, loop: world.loops[0], owner: owner, requested: address)
        do { try await listener.open(local) } catch { throw .socket(address, error) }
        return listener
    }

    /// A fresh connection on the loop whose turn it is.
    func makeConnection(_ direction: Direction, expecting peer: PeerID? = nil) -> SocketConnection {
        let number = nextNumber.withLock { number in
            number += 1
            return number
        }
        let index = Int(number % UInt64(world.loops.count))
        var setup = setups[index]
        setup.expectedPeer = peer
        return SocketConnection(
            id: ConnectionID(number: number),
            loop: world.loops[index],
            direction: direction,
            setup: setup
        )
    }
}
