/// What discovery may cost, and how often it speaks.
package struct MDNSLimits: Sendable {
    /// Peer names that are remembered over all interfaces; further ones are ignored until others expire, so
    /// that a flood of invented names cannot push out real ones.
    package var peerCountMax = 1024
    /// Addresses that are remembered of one peer name; further ones are ignored.
    package var addressCountMax = 32
    /// Names that one peer is remembered under: one for each interface, and those from before its restarts; the one
    /// that was heard longest ago gives way.
    package var nameCountMaxPerPeer = 64
    /// Addresses of one peer that are told, over all its names; those of the names heard last are.
    package var toldAddressCountMax = 64
    /// How long a peer is remembered at most, whatever its records say: one that vanished without a word
    /// should not be dialled for an hour.
    package var lifetimeMax: Duration = .seconds(600)
    /// The time to live of our own records.
    ///
    /// Peers that hear nothing for so long forget us.
    package var ttlSeconds: UInt32 = 120
    /// The pause after the first query of an interface; it doubles from query to query.
    package var queryIntervalMin: Duration = .seconds(1)
    /// The longest pause between queries.
    ///
    /// Below ``ttlSeconds``, so that a lost packet loses no peer.
    package var queryIntervalMax: Duration = .seconds(60)
    /// Responses to single askers, per interface and second; further ones are dropped.
    package var unicastPerSecondMax = 10
    /// Peer names on one interface that are asked for singly, since they came without addresses; further ones
    /// are ignored.
    package var wantedCountMax = 16
    /// The longest message that is sent; what does not fit goes into further ones.
    ///
    /// One packet on any link.
    package var messageByteCountMax = 1440

    package init() {}
}
