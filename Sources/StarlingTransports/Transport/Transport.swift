package import StarlingCore
package import StarlingWorld

/// A way to make connections.
package protocol Transport: Sendable {
    /// Whether this transport dials such addresses. Names are resolved before.
    func canDial(_ address: Multiaddr) -> Bool

    /// Whether this transport listens on such addresses.
    func canListen(on address: Multiaddr) -> Bool

    /// What all its connections have moved, those that have ended included.
    var traffic: Traffic { get }

    /// Connects, and returns the open connection.
    ///
    /// Cancellation: whatever was begun is closed.
    func dial(_ address: Multiaddr, expecting peer: PeerID?) async throws(ConnectionError) -> any Connection

    /// Listens until the listener is closed.
    func listen(on address: Multiaddr, _ owner: any ListenerOwner) async throws(ListenError) -> any Listener
}

/// A listening transport.
package protocol Listener: AnyObject, Sendable {
    /// Where it listens, with the port that was chosen; wildcard addresses as they are.
    var address: Multiaddr { get }
    func close() async
}

/// An inbound connection between accept and open.
package struct PendingUpgrade: Sendable {
    /// Who began it.
    package let remote: SocketAddress
    /// Closes it, unless it has opened meanwhile.
    package let giveWay: @Sendable () -> Void

    package init(remote: SocketAddress, giveWay: @escaping @Sendable () -> Void) {
        self.remote = remote
        self.giveWay = giveWay
    }
}

/// Who hears of accepted connections.
package protocol ListenerOwner: AnyObject, Sendable {
    /// Whether another inbound connection may begin its upgrade: a ticket for it, or `nil`.
    ///
    /// Each ticket is followed by one ``upgradeDidEnd(_:_:)``.
    func mayAccept(_ upgrade: PendingUpgrade) -> UInt64?
    /// The inbound connection with this ticket is open, or failed on the way.
    func upgradeDidEnd(_ ticket: UInt64, _ outcome: Result<any Connection, ConnectionError>) async
}

/// Why a node cannot listen on an address.
package enum ListenError: Error, Equatable, Sendable {
    /// No transport listens on such addresses.
    case unsupported(Multiaddr)
    case socket(Multiaddr, SocketError)
}
