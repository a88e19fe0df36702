package import StarlingCore

/// How many requests for records each neighbour may make: one may make others ask on.
package struct RecordAllowances: Sendable {
    private let rate: RouteRate
    private var allowances: [PeerID: RouteAllowance] = [:]

    package init(_ rate: RouteRate) { self.rate = rate }

    /// Spends one request of a neighbour, if it has one.
    package mutating func take(_ peer: PeerID, now: Instant) -> Bool {
        var allowance = allowances[peer] ?? RouteAllowance(rate, now: now)
        defer { allowances[peer] = allowance }
        return allowance.take(now: now)
    }

    /// A peer is not a neighbour any more.
    package mutating func forget(_ peer: PeerID) { allowances[peer] = nil }
}
