package import StarlingCore

/// What each neighbour may still ask for or hand over, at one rate for all.
///
/// Those that have gone are remembered for a while: whoever comes again has no more than before.
package struct NeighbourAllowances: Sendable {
    private let rate: RouteRate
    private let goneCountMax: Int
    private var present: [PeerID: RouteAllowance] = [:]
    private var gone: [PeerID: RouteAllowance] = [:]
    /// In the order of their going.
    private var goneOrder: [PeerID] = []

    /// - Parameter goneCountMax: How many are remembered that have gone; the one that went first is forgotten.
    package init(_ rate: RouteRate, goneCountMax: Int) {
        self.rate = rate
        self.goneCountMax = goneCountMax
    }

    /// Spends one of a neighbour's, if it has one.
    package mutating func take(_ peer: PeerID, now: Instant) -> Bool {
        var allowance = present[peer] ?? back(peer) ?? RouteAllowance(rate, now: now)
        defer { present[peer] = allowance }
        return allowance.take(now: now)
    }

    /// What one that has come again went with.
    private mutating func back(_ peer: PeerID) -> RouteAllowance? {
        guard let allowance = gone.removeValue(forKey: peer) else { return nil }
        goneOrder.removeAll { $0 == peer }
        return allowance
    }

    /// A peer is not a neighbour any more.
    package mutating func left(_ peer: PeerID) {
        guard let allowance = present.removeValue(forKey: peer) else { return }
        gone[peer] = allowance
        goneOrder.append(peer)
        if goneOrder.count > goneCountMax { gone[goneOrder.removeFirst()] = nil }
    }

    /// The table that has a limit.
    package func tableFill(_ name: String) -> TableFill { TableFill(name, goneOrder.count, of: goneCountMax) }
}
