package import StarlingCore
package import StarlingTransports

/// Which connections to close when there are too many.
///
/// Above the high water mark connections are closed down to the low one: those without streams first, then
/// the youngest beyond their grace period, never a protected peer's.
package struct ConnectionPool: Sendable {
    package struct Limits: Sendable {
        package var lowWaterCount: Int
        package var highWaterCount: Int
        /// A young connection is left alone: its peer has hardly had time to use it.
        package var gracePeriod: Duration = .seconds(20)

        package init(lowWaterCount: Int, highWaterCount: Int) {
            self.lowWaterCount = lowWaterCount
            self.highWaterCount = highWaterCount
        }

        /// Marks for a node that takes `connectionCountMax` connections: trims at 80 % down to 60 %.
        package init(connectionCountMax: Int) {
            self.init(
                lowWaterCount: connectionCountMax - connectionCountMax * 2 / 5,
                highWaterCount: connectionCountMax - connectionCountMax / 5
            )
        }
    }

    /// What the decision needs of one connection.
    package struct Member: Sendable {
        package var id: ConnectionID
        package var peer: PeerID
        package var openedAt: Instant
        package var streamCount: Int

        package init(id: ConnectionID, peer: PeerID, openedAt: Instant, streamCount: Int) {
            self.id = id
            self.peer = peer
            self.openedAt = openedAt
            self.streamCount = streamCount
        }
    }

    private let limits: Limits
    private var protectedPeers: [PeerID: Set<String>] = [:]

    package init(limits: Limits) { self.limits = limits }

    /// Keeps a peer's connections, for a reason that ``unprotect(_:reason:)`` names again.
    package mutating func protect(_ peer: PeerID, reason: String) {
        protectedPeers[peer, default: []].insert(reason)
    }

    package mutating func unprotect(_ peer: PeerID, reason: String) {
        protectedPeers[peer]?.remove(reason)
        if protectedPeers[peer]?.isEmpty == true { protectedPeers[peer] = nil }
    }

    package func isProtected(_ peer: PeerID) -> Bool { protectedPeers[peer] != nil }

    /// Whether ``surplus(of:now:)`` is worth asking.
    package func isOverfull(_ connectionCount: Int) -> Bool { connectionCount > limits.highWaterCount }

    /// The connections to close, in order.
    package func surplus(of members: [Member], now: Instant) -> [ConnectionID] {
        guard isOverfull(members.count) else { return [] }
        let candidates = members.filter {
            protectedPeers[$0.peer] == nil && $0.openedAt + limits.gracePeriod <= now
        }.sorted {
            ($0.streamCount, $1.openedAt, $0.id) < ($1.streamCount, $0.openedAt, $1.id)
        }
        return candidates.prefix(members.count - limits.lowWaterCount).map(\.id)
    }
}
