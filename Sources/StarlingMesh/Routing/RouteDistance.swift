internal import StarlingCore

/// How far a destination is, as routes are compared for loops: the sequence number first, then the metric.
///
/// Each node keeps for each destination the best distance that it has ever told, and uses only those neighbours that
/// have told a better one. So along a route these distances get strictly better from node to node, and no route comes
/// back to where it was.
///
/// Spec: RFC 8966, section 2.4; docs/specs/routing.md, "Feasibility".
package struct RouteDistance: Equatable, Sendable {
    package let number: UInt64
    package let metric: RouteMetric

    /// Whether the number is higher, or the same with a lower metric.
    func isBetter(than other: RouteDistance) -> Bool {
        number > other.number || (number == other.number && metric < other.metric)
    }
}
