package import StarlingCore

/// Why a connection or stream was refused.
package enum ResourceError: Error, Equatable, Sendable {
    case tooManyConnections
    case tooManyConnectionsOfPeer
    case tooManyPendingConnections
    case tooManyStreams
    case tooManyStreamsOfPeer
    case tooManyStreamsOfProtocol
    case tooManyHeldBytesOfPeer
    case tooManyArrivedBytesOfPeer
    case tooManyUnreadBytesOfPeer
    case tooManyDials
    case outOfMemory

    /// The limit's name, for messages.
    package var text: String {
        switch self {
        case .tooManyConnections: "connections of the node"
        case .tooManyConnectionsOfPeer: "connections of one peer"
        case .tooManyPendingConnections: "inbound connections that are not open yet"
        case .tooManyStreams: "streams of the node"
        case .tooManyStreamsOfPeer: "streams of one peer"
        case .tooManyStreamsOfProtocol: "streams of one protocol"
        case .tooManyHeldBytesOfPeer: "unfinished messages of one peer"
        case .tooManyArrivedBytesOfPeer: "messages of one peer that are not durable"
        case .tooManyUnreadBytesOfPeer: "unread bytes of one peer"
        case .tooManyDials: "dials under way"
        case .outOfMemory: "memory of the node"
        }
    }
}

/// Counts what connections and streams take, for the whole node, for each peer and for each protocol.
///
/// Two numbers are the user's, ``Limits/memoryByteCountMax`` and ``Limits/connectionCountMax``; the others
/// follow from them.
package struct ResourceLedger: Sendable {
    package struct Limits: Sendable {
        /// Open connections of the node, both directions.
        package var connectionCountMax: Int
        /// Memory that connections and streams may be charged with.
        package var memoryByteCountMax: Int
        /// Connections of one peer.
        ///
        /// A second is normal when both dial at once.
        package var connectionCountMaxPerPeer = 8
        /// Inbound connections between accept and open: half-open ones cost an attacker little.
        ///
        /// They take an eighth of the memory at most, which is set aside for them.
        package var pendingConnectionCountMax: Int
        /// Dials under way; each tries a few addresses at a time.
        package var dialCountMax: Int
        /// Streams that peers opened.
        package var streamCountMax: Int
        /// Streams that this node opened; at the limit opening fails.
        package var outboundStreamCountMax: Int
        /// Of these with one peer.
        package var outboundStreamCountMaxPerPeer = 1024
        package var streamCountMaxPerPeer: Int
        package var streamCountMaxPerProtocol: Int
        /// Bytes of a peer's messages that have not come whole, or are being read, over all its streams.
        ///
        /// Eight of the largest; they count as memory of the node, too.
        package var heldByteCountMaxPerPeer = 8 << 20
        /// Bytes of a peer's messages that have come and are not durable, over all its streams.
        ///
        /// Twice what its streams of all priorities take, or an eighth of the memory; they count as memory of the node, too.
        package var arrivedByteCountMaxPerPeer: Int
        /// Bytes that came from a peer and that nobody has read, or that it may send because windows have grown, over
        /// all its connections: a quarter of the memory.
        ///
        /// At the limit windows stay as they are, and the stream on which more comes than the window of a young stream
        /// is reset.
        package var unreadByteCountMaxPerPeer: Int
        /// What one open connection is charged with: its state, a record that has come in part, and one that waits for
        /// the socket.
        package var connectionByteCount = 163_840
        /// What a connection is charged with that is not open yet, in either direction.
        package var pendingByteCount = 32_768
        /// What one open stream is charged with, without the bytes that nobody has read.
        package var streamByteCount = 4096

        package init(connectionCountMax: Int, memoryByteCountMax: Int) {
            self.connectionCountMax = connectionCountMax
            self.memoryByteCountMax = memoryByteCountMax
            pendingConnectionCountMax = min(
                max(64, min(1024, connectionCountMax / 4)),
                max(1, memoryByteCountMax / 8 / pendingByteCount)
            )
            dialCountMax = max(128, connectionCountMax / 4)
            arrivedByteCountMaxPerPeer = min(32 << 20, memoryByteCountMax / 8)
            unreadByteCountMaxPerPeer = memoryByteCountMax / 4
            streamCountMax = max(1024, connectionCountMax * 16)
            outboundStreamCountMax = streamCountMax
            streamCountMaxPerPeer = 1024
            streamCountMaxPerProtocol = max(1024, streamCountMax / 2)
        }
    }

    /// What bytes of a peer are held for.
    package enum Purpose: Sendable {
        /// Messages that have not come whole, or are being read.
        case unfinishedMessages
        /// Messages that have been read and are not durable.
        case arrivedMessages
        /// Streams that nobody has read, or that may send more.
        case unreadStreams
    }

    private struct PeerScope {
        var connectionCount = 0
        var streamCount = 0
        var outboundStreamCount = 0
        var heldByteCount = 0
        var arrivedByteCount = 0
        var unreadByteCount = 0
        /// Streams of protocols that have a limit for each peer.
        var limitedStreamCounts: [String: Int] = [:]
    }

    package let limits: Limits
    package private(set) var connectionCount = 0
    package private(set) var streamCount = 0
    package private(set) var outboundStreamCount = 0
    package private(set) var dialCount = 0
    package private(set) var memoryByteCount = 0
    private var pending = PendingTable()
    private var peers: [PeerID: PeerScope] = [:]
    private var protocolStreamCounts: [String: Int] = [:]

    package init(limits: Limits) { self.limits = limits }

    /// Inbound connections that are not open yet.
    package var pendingConnectionCount: Int { pending.count }

    /// Takes note of an inbound connection that is not open yet.
    ///
    /// At ``Limits/pendingConnectionCountMax`` another gives way, which the caller closes: see ``PendingTable``.
    package mutating func beginPending(
        from host: PendingHost
    ) throws(ResourceError) -> PendingTable.Admission {
        guard limits.pendingConnectionCountMax > 0 else { throw .tooManyPendingConnections }
        return pending.admit(host, countMax: limits.pendingConnectionCountMax)
    }

    /// The connection is open, or failed, or gave way; a ticket that is not known is ignored.
    package mutating func endPending(_ ticket: UInt64) { pending.remove(ticket) }

    /// Takes note of a dial, which ends with ``endDial()``.
    package mutating func beginDial() throws(ResourceError) {
        guard dialCount < limits.dialCountMax else { throw .tooManyDials }
        try charge(limits.pendingByteCount)
        dialCount += 1
    }

    package mutating func endDial() {
        dialCount -= 1
        memoryByteCount -= limits.pendingByteCount
    }

    package mutating func openConnection(_ peer: PeerID) throws(ResourceError) {
        guard connectionCount < limits.connectionCountMax else { throw .tooManyConnections }
        let scope = peers[peer] ?? PeerScope()
        guard scope.connectionCount < limits.connectionCountMaxPerPeer else {
            throw .tooManyConnectionsOfPeer
        }
        try charge(limits.connectionByteCount)
        connectionCount += 1
        peers[peer, default: PeerScope()].connectionCount += 1
    }

    package mutating func closeConnection(_ peer: PeerID) {
        connectionCount -= 1
        memoryByteCount -= limits.connectionByteCount
        peers[peer]?.connectionCount -= 1
        forgetIfUnused(peer)
    }

    /// Takes note of an inbound stream.
    ///
    /// - Parameter countMaxPerPeer: Streams of this protocol that one peer may have, where that is less than of all.
    package mutating func openStream(
        _ peer: PeerID,
        _ protocolID: String,
        countMaxPerPeer: Int? = nil
    ) throws(ResourceError) {
        guard streamCount < limits.streamCountMax else { throw .tooManyStreams }
        guard (peers[peer]?.streamCount ?? 0) < limits.streamCountMaxPerPeer else {
            throw .tooManyStreamsOfPeer
        }
        guard (protocolStreamCounts[protocolID] ?? 0) < limits.streamCountMaxPerProtocol else {
            throw .tooManyStreamsOfProtocol
        }
        if let countMaxPerPeer {
            guard (peers[peer]?.limitedStreamCounts[protocolID] ?? 0) < countMaxPerPeer else {
                throw .tooManyStreamsOfProtocol
            }
        }
        try charge(limits.streamByteCount)
        streamCount += 1
        peers[peer, default: PeerScope()].streamCount += 1
        if countMaxPerPeer != nil { peers[peer]?.limitedStreamCounts[protocolID, default: 0] += 1 }
        protocolStreamCounts[protocolID, default: 0] += 1
    }

    /// Takes note of a stream that this node opens.
    package mutating func openOutboundStream(_ peer: PeerID) throws(ResourceError) {
        guard outboundStreamCount < limits.outboundStreamCountMax else { throw .tooManyStreams }
        guard (peers[peer]?.outboundStreamCount ?? 0) < limits.outboundStreamCountMaxPerPeer else {
            throw .tooManyStreamsOfPeer
        }
        try charge(limits.streamByteCount)
        outboundStreamCount += 1
        peers[peer, default: PeerScope()].outboundStreamCount += 1
    }

    package mutating func closeOutboundStream(_ peer: PeerID) {
        outboundStreamCount -= 1
        memoryByteCount -= limits.streamByteCount
        peers[peer]?.outboundStreamCount -= 1
        forgetIfUnused(peer)
    }

    package mutating func closeStream(_ peer: PeerID, _ protocolID: String) {
        streamCount -= 1
        memoryByteCount -= limits.streamByteCount
        peers[peer]?.streamCount -= 1
        if let count = peers[peer]?.limitedStreamCounts[protocolID] {
            peers[peer]?.limitedStreamCounts[protocolID] = count > 1 ? count - 1 : nil
        }
        forgetIfUnused(peer)
        let count = (protocolStreamCounts[protocolID] ?? 1) - 1
        protocolStreamCounts[protocolID] = count > 0 ? count : nil
    }

    /// Takes note of how many bytes of a peer are held, which were `old` before.
    package mutating func hold(
        _ peer: PeerID,
        _ byteCount: Int,
        insteadOf old: Int,
        for purpose: Purpose
    ) throws(ResourceError) {
        let growth = byteCount - old
        var scope = peers[peer] ?? PeerScope()
        switch purpose {
        case .unfinishedMessages:
            scope.heldByteCount += growth
            guard growth <= 0 || scope.heldByteCount <= limits.heldByteCountMaxPerPeer else {
                throw .tooManyHeldBytesOfPeer
            }
        case .arrivedMessages:
            scope.arrivedByteCount += growth
            guard growth <= 0 || scope.arrivedByteCount <= limits.arrivedByteCountMaxPerPeer else {
                throw .tooManyArrivedBytesOfPeer
            }
        case .unreadStreams:
            scope.unreadByteCount += growth
            guard growth <= 0 || scope.unreadByteCount <= limits.unreadByteCountMaxPerPeer else {
                throw .tooManyUnreadBytesOfPeer
            }
        }
        if growth > 0 { try charge(growth) } else { memoryByteCount += growth }
        peers[peer] = scope
        forgetIfUnused(peer)
    }

    /// How many bytes of a peer are held.
    package func heldByteCount(of peer: PeerID, for purpose: Purpose) -> Int {
        switch purpose {
        case .unfinishedMessages: peers[peer]?.heldByteCount ?? 0
        case .arrivedMessages: peers[peer]?.arrivedByteCount ?? 0
        case .unreadStreams: peers[peer]?.unreadByteCount ?? 0
        }
    }

    private mutating func charge(_ byteCount: Int) throws(ResourceError) {
        let reserved = limits.pendingConnectionCountMax * limits.pendingByteCount
        guard memoryByteCount + byteCount <= limits.memoryByteCountMax - reserved else { throw .outOfMemory }
        memoryByteCount += byteCount
    }

    private mutating func forgetIfUnused(_ peer: PeerID) {
        guard let scope = peers[peer], scope.connectionCount == 0, scope.streamCount == 0,
            scope.outboundStreamCount == 0, scope.heldByteCount == 0, scope.arrivedByteCount == 0,
            scope.unreadByteCount == 0
        else { return }
        peers[peer] = nil
    }
}
