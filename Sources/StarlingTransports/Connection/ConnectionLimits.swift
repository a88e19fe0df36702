package import StarlingProtocols

/// What one connection may hold, and how long it may take to stand.
package struct ConnectionLimits: Sendable {
    /// From the socket's connect or accept to the open connection.
    ///
    /// A peer that stalls is closed.
    package var upgradeTimeout: Duration = .seconds(10)
    /// From an inbound stream's first byte to its agreed protocol, and from a patient proposal to its answer.
    ///
    /// The stream is reset.
    package var streamNegotiationTimeout: Duration = .seconds(10)
    /// Sealed bytes that wait for the socket: with as many, nothing more is sealed.
    ///
    /// Nothing overtakes what is sealed, so it is little; with what the kernel holds unsent it keeps a fast link busy.
    package var sendQueueByteCountMax = 4096
    /// Bytes that one turn of the loop seals for one connection, so that a bulk transfer leaves the loop to others.
    package var turnByteCountMax = 1_048_576
    /// How long a stream that the application dropped after ending its own direction waits for the peer's end.
    package var lingerTimeout: Duration = .seconds(60)
    /// How long a connection that was closed in good order waits for the peer's end, or for a sign that what was
    /// written is still on its way.
    package var partingTimeout: Duration = .seconds(1)
    /// How long such a connection is kept at most, however much is still on its way.
    ///
    /// A peer that takes one byte now and then would otherwise hold the socket, and whoever awaits the close, for ever.
    package var partingTimeoutMax: Duration = .seconds(30)
    /// Bytes that came on all streams of the connection and that nobody has read.
    ///
    /// The stream on which more come is reset. A thousand streams of 256 KiB each would hold a quarter of a GiB; this
    /// is as much as their windows may grow to together.
    package var unreadByteCountMax = 64 << 20
    /// What this end has said about protocols and the peer has not taken yet, on all streams together, in bytes: a peer that
    /// asks on without reading has its streams reset.
    package var unsentPreambleByteCountMax = 128 << 10
    /// How such bytes, and windows that grow, are charged to the node.
    package var charge = MemoryCharge.Limits()
    package var yamux = YamuxSession.Limits()

    package init() {}
}
