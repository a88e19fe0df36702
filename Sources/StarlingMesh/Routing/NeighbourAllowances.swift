package import StarlingCore

/// What each neighbour may still ask for or hand over, at one rate for all.
///
/// Those that have gone are remembered for a while: whoever comes again has no more than before.
package struct NeighbourAllowances: Sendable {
    private let interval: Duration
    private let atOnce: Int
    private let goneCountMax: Int
    private var present: [PeerID: RouteAllowance] = [:]
    private var gone: [PeerID: RouteAllowance] = [:]
    /// In the order of their going.
    private var goneOrder: [PeerID] = []

    /// - Parameter goneCountMax: How many are remembered that have gone; the one that went first is forgotten.
    package init(_ rate: RouteRate, goneCountMax: Int) {
        self.init(interval: rate.interval, atOnce: rate.atOnce, goneCountMax: goneCountMax)
    }

    /// - Parameters:
    ///   - interval: After which a neighbour has one more, for what is rarer than once in a second.
    ///   - atOnce: How many it has after a time of rest.
    ///   - goneCountMax: How many are remembered that have gone; the one that went first is forgotten.
    package init(interval: Duration, atOnce: Int, goneCountMax: Int) {
        self.interval = interval
        self.atOnce = atOnce
        self.goneCountMax = goneCountMax
    }

    /// A peer is a neighbour from here on.
    package mutating func came(_ peer: PeerID, now: Instant) {
        guard present[peer] == nil else { return }
        present[peer] = back(peer) ?? RouteAllowance(interval: interval, atOnce: atOnce, now: now)
    }

    /// Spends one of a peer's, if it has one; of one that has hung up while it asked, too.
    package mutating func take(_ peer: PeerID, now: Instant) -> Bool {
        if var allowance = present[peer] {
            defer { present[peer] = allowance }
            return allowance.take(now: now)
        }
        var allowance = gone[peer] ?? RouteAllowance(interval: interval, atOnce: atOnce, now: now)
        defer { remember(peer, allowance) }
        return allowance.take(now: now)
    }

    /// Until when a neighbour has nothing left; `nil` where it has, or is none.
    func pause(of peer: PeerID, now: Instant) -> Instant? {
        guard let ready = present[peer]?.ready, ready > now else { return nil }
        return ready
    }

    /// Spends one of a neighbour's, also beyond what it has.
    mutating func spend(_ peer: PeerID, now: Instant) { present[peer]?.spend(1, now: now) }

    /// What one that has come again went with.
    private mutating func back(_ peer: PeerID) -> RouteAllowance? {
        guard let allowance = gone.removeValue(forKey: peer) else { return nil }
        goneOrder.removeAll { $0 == peer }
        return allowance
    }

    /// A peer is not a neighbour any more.
    package mutating func left(_ peer: PeerID) {
        if let allowance = present.removeValue(forKey: peer) { remember(peer, allowance) }
    }

    private mutating func remember(_ peer: PeerID, _ allowance: RouteAllowance) {
        guard gone.updateValue(allowance, forKey: peer) == nil else { return }
        goneOrder.append(peer)
        if goneOrder.count > goneCountMax { gone[goneOrder.removeFirst()] = nil }
    }

    /// The table that has a limit.
    package func tableFill(_ name: String) -> TableFill { TableFill(name, goneOrder.count, of: goneCountMax) }
}
