internal import StarlingCore

/// What a way costs: the time in microseconds in which a message of 16 KiB and its answer should cross it.
///
/// Costs add up link by link, and each link costs something: the metric that a node tells is always above that of its
/// next hop, which is half of what keeps routes free of loops (see ``RouteDistance``). A sum above ``max`` is no route.
///
/// Spec: docs/specs/routing.md, "Metric".
package struct RouteMetric: Hashable, Comparable, Sendable {
    package let microseconds: UInt32

    /// The metric of a node to itself.
    package static let zero = RouteMetric(unchecked: 0)
    /// An hour: what takes longer is no way for a message.
    package static let max = RouteMetric(unchecked: 3_600_000_000)

    private init(unchecked microseconds: UInt32) { self.microseconds = microseconds }

    /// The metric of so many microseconds, or `nil` above ``max``.
    package init?(microseconds: UInt64) {
        guard microseconds <= UInt64(Self.max.microseconds) else { return nil }
        self.init(unchecked: UInt32(microseconds))
    }

    /// The metric with a further cost, or `nil` when that is no route.
    package func adding(_ cost: RouteMetric) -> RouteMetric? {
        RouteMetric(microseconds: UInt64(microseconds) + UInt64(cost.microseconds))
    }

    /// Whether two metrics differ by more than one `part`th of the smaller one, and by more than what a link costs for
    /// being one.
    func differs(from other: RouteMetric, byMoreThanOnePartIn part: UInt32) -> Bool {
        let (low, high) = self < other ? (self, other) : (other, self)
        let distance = high.microseconds - low.microseconds
        return distance > low.microseconds / part && distance > LinkQuality.hopMicroseconds
    }

    package static func < (left: RouteMetric, right: RouteMetric) -> Bool {
        left.microseconds < right.microseconds
    }
}

/// What is measured of a link.
package struct LinkQuality: Equatable, Sendable {
    /// The time of a round trip, without what passes; `nil` while none was measured.
    package var roundTrip: Duration?
    /// The part of what was sent that had no answer, from 0 to 1.
    package var lossRatio: Double
    /// What goes through in a second; `nil` while that was not measured.
    package var bytesPerSecond: Int64?

    package init(roundTrip: Duration? = nil, lossRatio: Double = 0, bytesPerSecond: Int64? = nil) {
        self.roundTrip = roundTrip
        self.lossRatio = lossRatio
        self.bytesPerSecond = bytesPerSecond
    }

    /// What each link costs for being one: a relay works for what it forwards, and fewer of them fail less often.
    static let hopMicroseconds: UInt32 = 1000
    /// The round trip that a link is taken to have before one was measured.
    static let unmeasuredRoundTripMicroseconds = 50_000.0
    /// The size of the message whose time is the metric.
    static let messageByteCount = 16_384.0
    /// A loss above it counts as it: where so much is lost, the measure is no more exact.
    static let lossRatioMax = 0.95
    /// The most that one link costs, a minute: ten of the worst are still a route.
    static let costMicrosecondsMax = 60_000_000.0

    /// The cost of the link: (1,000 + round trip + 16 KiB at the link's throughput) / (1 - loss), in microseconds.
    ///
    /// What is lost is sent again: a message takes 1 / (1 - loss) attempts on average.
    package var cost: RouteMetric {
        let trip = roundTrip.map { Double(Swift.max(0, $0.nanosecondsClamped)) / 1000 }
        var once = Double(Self.hopMicroseconds) + (trip ?? Self.unmeasuredRoundTripMicroseconds)
        if let bytesPerSecond {
            once += Self.messageByteCount * 1_000_000 / Double(Swift.max(1, bytesPerSecond))
        }
        // A ratio that is no number counts as a total loss.
        let loss =
            lossRatio >= 0 ? Swift.min(lossRatio, Self.lossRatioMax) : lossRatio < 0 ? 0 : Self.lossRatioMax
        let cost = Swift.min(once / (1 - loss), Self.costMicrosecondsMax)
        return RouteMetric(microseconds: UInt64(cost)) ?? .max
    }
}
