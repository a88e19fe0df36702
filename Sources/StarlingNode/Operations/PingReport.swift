package import StarlingCore

/// Whom to ping, and how.
package struct PingRequest: Sendable, Equatable {
    package enum Target: Sendable, Equatable {
        /// A peer that is connected or has a known address.
        case peer(PeerID)
        /// A peer at an address, which names it or not.
        case address(Multiaddr)
    }

    package var target: Target
    /// How many pings, 1 to ``countMax``.
    package var count: Int
    /// Time from the start of one to the start of the next; zero for one right after the other.
    package var interval: Duration
    /// For connecting, and for each ping.
    package var timeout: Duration

    package static let countMax = 100_000

    package init(target: Target, count: Int, interval: Duration, timeout: Duration) {
        self.target = target
        self.count = count
        self.interval = interval
        self.timeout = timeout
    }
}

/// How the pings of one request went.
package struct PingReport: Sendable, Equatable {
    package var peerID: PeerID
    /// The connection that they took.
    package var path: ConnectionSummary
    /// The round trips that came back, in the order they were sent.
    package var roundTrips: [Duration]
    package var lostCount: Int

    package init(peerID: PeerID, path: ConnectionSummary, roundTrips: [Duration], lostCount: Int) {
        self.peerID = peerID
        self.path = path
        self.roundTrips = roundTrips
        self.lostCount = lostCount
    }

    /// The round trip that `percent` of a hundred do not exceed, by nearest rank; nil if none came back.
    ///
    /// - Precondition: `percent` is 0 to 100; 0 gives the smallest.
    package func percentile(_ percent: Int) -> Duration? {
        precondition((0...100).contains(percent))
        guard !roundTrips.isEmpty else { return nil }
        let rank = (percent * roundTrips.count + 99) / 100
        return roundTrips.sorted()[max(rank, 1) - 1]
    }
}
