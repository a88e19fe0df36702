/// The last round trips that were measured of a link, of which the least says what the link costs.
///
/// A packet that is lost, and one that stands in a queue, makes one round trip longer than the link is: the next one
/// tells otherwise. A cost that followed each of them would have all routes over the link told anew through the whole
/// mesh, and told back. What a link takes whatever happens is the least of some; a link that has become slower shows
/// it once all of them are longer.
///
///     window.add(roundTrip, over: connection)
///     table.linkMeasured(peer, LinkQuality(roundTrip: window.least), now: now, wallNow: wallNow)
///
/// A connection that takes another way is another link: what was measured of the last one says nothing of it.
///
/// Spec: docs/specs/routing.md, "Metric".
package struct RoundTripWindow: Sendable {
    /// How many are kept: where two of three are too long, all of them are so once in a hundred times.
    package static let countMax = 12

    private var roundTrips: [Duration] = []
    /// The place of the oldest one, once there are as many as are kept.
    private var oldest = 0
    /// The connection of which they were measured.
    private var connection: UInt64?

    package init() {}

    /// Adds what was measured last, in place of the oldest.
    ///
    /// - Parameter connection: Names the connection, also after its end; those of another one are forgotten.
    package mutating func add(_ roundTrip: Duration, over connection: UInt64) {
        if connection != self.connection {
            self.connection = connection
            (roundTrips, oldest) = ([], 0)
        }
        guard roundTrips.count == Self.countMax else { return roundTrips.append(roundTrip) }
        roundTrips[oldest] = roundTrip
        oldest = (oldest + 1) % Self.countMax
    }

    /// The least of them; `nil` while none was measured.
    package var least: Duration? { roundTrips.min() }
}
