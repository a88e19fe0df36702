package import StarlingCore

/// What the node knows of a peer.
package struct PeerSummary: Sendable, Equatable {
    package var peerID: PeerID
    /// The name that the peer calls itself.
    package var name: String?
    /// What the peer said of its software in identify; nil before that.
    package var agentVersion: String?
    package var addresses: [Multiaddr]
    /// The connections with it, the oldest first; none if it is only known.
    package var connections: [ConnectionSummary]
    /// What it is taken for as a member of the mesh; nil if it is none.
    package var membership: Membership?

    package init(
        peerID: PeerID,
        name: String?,
        agentVersion: String?,
        addresses: [Multiaddr],
        connections: [ConnectionSummary],
        membership: Membership? = nil
    ) {
        self.peerID = peerID
        self.name = name
        self.agentVersion = agentVersion
        self.addresses = addresses
        self.connections = connections
        self.membership = membership
    }
}

/// One connection, as its users see it.
package struct ConnectionSummary: Sendable, Equatable {
    /// Who dialled.
    package enum Direction: String, Sendable, CaseIterable {
        case inbound, outbound
    }

    /// Unique in this run of the node.
    package var id: String
    package var direction: Direction
    /// The peer's end; nil where the transport has no address for it.
    package var remote: Multiaddr?
    /// The protocols that secure and multiplex it, such as `/noise` and `/yamux/1.0.0`.
    package var security: String
    package var muxer: String
    package var age: Duration
    package var streamCount: Int
    /// The last round trip measured, if any was.
    package var roundTrip: Duration?

    package init(
        id: String,
        direction: Direction,
        remote: Multiaddr?,
        security: String,
        muxer: String,
        age: Duration,
        streamCount: Int,
        roundTrip: Duration?
    ) {
        self.id = id
        self.direction = direction
        self.remote = remote
        self.security = security
        self.muxer = muxer
        self.age = age
        self.streamCount = streamCount
        self.roundTrip = roundTrip
    }
}

/// Where to connect to, and how long that may take.
package struct ConnectRequest: Sendable, Equatable {
    package var address: Multiaddr
    package var timeout: Duration

    package init(address: Multiaddr, timeout: Duration) {
        self.address = address
        self.timeout = timeout
    }
}
