/// Latencies of one scenario, and what they come to.
package struct LatencySample: Equatable, Sendable {
    private var milliseconds: [Double] = []

    package init() {}

    package init(milliseconds: [Double]) { self.milliseconds = milliseconds }

    package var count: Int { milliseconds.count }

    package mutating func add(_ latency: Duration) { milliseconds.append(latency.inMilliseconds) }

    package mutating func add(_ other: LatencySample) { milliseconds += other.milliseconds }

    /// The smallest latency, in milliseconds, that this share of all does not exceed; `nil` without any.
    package func percentile(_ percent: Int) -> Double? {
        milliseconds.isEmpty ? nil : Percentile.nearestRank(percent, of: milliseconds.sorted())
    }
}

extension Duration {
    fileprivate var inMilliseconds: Double {
        Double(components.seconds) * 1e3 + Double(components.attoseconds) / 1e15
    }
}
