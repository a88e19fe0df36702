package import StarlingCore
package import StarlingCrypto
package import StarlingWorld

/// An authenticated, multiplexed session with one peer over one transport.
///
/// Stream sockets reach it by negotiate → secure → multiplex (``SocketConnection``); a transport with its own
/// security and streams, such as QUIC, implements it directly.
package protocol Connection: AnyObject, Sendable {
    /// Unique in the process; tells connections with one peer apart.
    nonisolated var id: ConnectionID { get }
    /// Where the connection and its streams live; work on a stream is cheapest there.
    nonisolated var loop: any EventLoop { get }
    /// Who the peer is and how it is reached. Fixed once the connection is open.
    nonisolated var info: ConnectionInfo { get }

    /// Opens a stream bound to the first of `protocols` that the peer speaks.
    ///
    /// With one protocol the proposal rides on the first write and costs no round trip; a peer that does
    /// not speak it is found out at the first read.
    ///
    /// Cancellation: the stream is reset.
    func openStream(_ protocols: [String], priority: StreamPriority) async throws(StreamError) -> Stream

    /// The number of open streams, both directions.
    var streamCount: Int { get async }

    /// Why the connection ended; `nil` while it is open.
    var closeReason: ConnectionError? { get async }

    /// Says goodbye and closes; streams under way fail with ``StreamError/connectionClosed``.
    ///
    /// Returns when the peer has closed too, or after ``ConnectionLimits/partingTimeout`` without a sign of what was
    /// written being taken, after ``ConnectionLimits/partingTimeoutMax`` in any case.
    func close(_ reason: ConnectionError) async

    /// One round trip of the multiplexer, where it has been measured.
    var roundTrip: Duration? { get async }

    /// Has the round trip measured, and waits for the peer's answer.
    ///
    /// - Returns: ``roundTrip`` then; `nil` when the connection has ended, or the task is cancelled before the first.
    func measureRoundTrip() async -> Duration?

    /// What was counted of the packets that this end sent; `nil` where nobody counts, or the connection has ended.
    var packetCounts: PacketCounts? { get async }
}

extension Connection {
    /// Opens a stream of normal priority.
    package nonisolated(nonsending) func openStream(
        _ protocols: [String]
    ) async throws(StreamError) -> Stream {
        try await openStream(protocols, priority: .normal)
    }
}

/// A number for one connection of this process.
package struct ConnectionID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let number: UInt64

    package init(number: UInt64) { self.number = number }

    package static func < (lhs: ConnectionID, rhs: ConnectionID) -> Bool { lhs.number < rhs.number }

    package var description: String { "c\(number)" }
}

/// Who began a connection or a stream.
package enum Direction: String, Sendable, Hashable {
    /// The peer did.
    case inbound
    /// This node did.
    case outbound
}

/// What is known of an open connection.
package struct ConnectionInfo: Sendable {
    package var direction: Direction
    package var peer: PeerID
    package var key: PublicKey
    /// `nil` where the socket has no address of its own, as the dialling end of a Unix socket.
    package var local: Multiaddr?
    package var remote: Multiaddr?
    /// The security protocol that was agreed: `/noise` or `/tls/1.0.0`.
    package var security: String
    /// The multiplexer that was agreed.
    package var muxer: String
    package var openedAt: Instant
}

/// Who owns connections: hears of their streams and of their end.
///
/// The calls come on the connection's loop, so they must be quick.
package protocol ConnectionOwner: AnyObject, Sendable {
    /// Whether inbound streams of this protocol are taken.
    func speaks(_ protocolID: String) -> Bool
    /// The protocols that inbound streams are taken for, sorted; what a peer hears that asks.
    var protocolIDs: [String] { get }
    /// Takes an inbound stream whose protocol was agreed; `false` resets it.
    func take(_ stream: Stream) -> Bool
    /// Admits a stream that this node opens; it counts for as long as somebody refers to the slot.
    ///
    /// - Returns: `nil` where nobody counts.
    /// - Throws: ``StreamError/tooManyStreams``.
    func admit(_ protocolID: String, to peer: PeerID) throws(StreamError) -> (any StreamSlot)?
    /// Where a connection with this peer charges what it keeps of its bytes; `nil` where nobody counts.
    ///
    /// Asked for once, when the connection opens.
    func memoryHold(for peer: PeerID) -> (any MemoryHold)?
    /// The connection has closed; its streams have failed. Called once, only after it was open.
    func connectionDidClose(_ connection: any Connection, _ reason: ConnectionError)
}
