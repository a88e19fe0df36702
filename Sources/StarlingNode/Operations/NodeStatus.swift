package import StarlingCore

/// Who the node is and where it listens.
package struct NodeIdentity: Sendable, Equatable {
    package var peerID: PeerID
    /// The name that the user gave it.
    package var name: String?
    /// What it tells others in identify.
    package var agentVersion: String
    /// Where others can reach it, each with its PeerID at the end.
    package var addresses: [Multiaddr]

    package init(peerID: PeerID, name: String?, agentVersion: String, addresses: [Multiaddr]) {
        self.peerID = peerID
        self.name = name
        self.agentVersion = agentVersion
        self.addresses = addresses
    }
}

/// What the node is doing.
package struct NodeStatus: Sendable, Equatable {
    package var identity: NodeIdentity
    /// The release of the software, such as `0.1.0`.
    package var version: String
    package var uptime: Duration
    /// Event loops, a thread each.
    package var loopCount: Int
    /// Security protocols on offer, the preferred one first.
    package var securities: [String]
    /// Whether the node looks for peers on the LAN.
    package var isMDNSOn: Bool
    package var knownPeerCount: Int
    package var connectionCount: Int
    package var connectionCountMax: Int
    package var streamCount: Int
    /// Memory that connections and streams have reserved, and the most they may.
    package var reservedByteCount: Int
    package var reservedByteCountMax: Int
    /// Bytes that came and went over connections since the node started, encrypted as they were.
    package var receivedByteCount: UInt64
    package var sentByteCount: UInt64
    /// Messages received and not taken.
    package var inbox: InboxStatus
    /// Messages accepted and not settled.
    package var outbox: OutboxStatus
    /// The mesh; nil where the node uses no routes.
    package var mesh: MeshStatus?
    /// Files of messages, sent and received, those under way counted in full; nil where the node keeps none.
    package var files: Occupancy?
    /// What the store found damaged at its start and since.
    package var store: StoreHealth

    package init(
        identity: NodeIdentity,
        version: String,
        uptime: Duration,
        loopCount: Int,
        securities: [String],
        isMDNSOn: Bool,
        knownPeerCount: Int,
        connectionCount: Int,
        connectionCountMax: Int,
        streamCount: Int,
        reservedByteCount: Int,
        reservedByteCountMax: Int,
        receivedByteCount: UInt64,
        sentByteCount: UInt64,
        inbox: InboxStatus,
        outbox: OutboxStatus,
        mesh: MeshStatus?,
        files: Occupancy?,
        store: StoreHealth
    ) {
        self.identity = identity
        self.version = version
        self.uptime = uptime
        self.loopCount = loopCount
        self.securities = securities
        self.isMDNSOn = isMDNSOn
        self.knownPeerCount = knownPeerCount
        self.connectionCount = connectionCount
        self.connectionCountMax = connectionCountMax
        self.streamCount = streamCount
        self.reservedByteCount = reservedByteCount
        self.reservedByteCountMax = reservedByteCountMax
        self.receivedByteCount = receivedByteCount
        self.sentByteCount = sentByteCount
        self.inbox = inbox
        self.outbox = outbox
        self.mesh = mesh
        self.files = files
        self.store = store
    }
}
