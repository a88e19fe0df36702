package import StarlingCore

/// When to dial the peers that the user named and that are not there.
///
/// One that was lost, or does not answer, is dialled after 1 s, 2 s, 4 s, 8 s and then every 10 s, for days where it must be,
/// whatever back-off other dials of it keep. Pauses run from the beginning of one dial to that of the next.
/// A connection that does not last counts as a dial in vain, so that whoever closes each is not dialled every second.
///
/// Spec: docs/specs/liveness.md, "Topology".
package struct AttendanceSchedule: Machine, Sendable {
    package enum Action: Equatable, Sendable {
        /// Dial the peer, until then at most; answered by ``connected(_:now:)``, ``dialEnded(_:now:)`` or ``excuse(_:now:)``.
        case dial(PeerID, until: Instant)
    }

    package struct Limits: Sendable {
        /// Dials under way at one time; more wait, whoever has waited longest first.
        package var dialCountMax = 8
        /// How long a dial may take, so that the next can begin within ``pauseMax`` of its beginning.
        package var dialDuration: Duration = .seconds(8)
        /// How long one to a peer that is far may take: twice what the last one to it took, up to this.
        package var longDialDuration: Duration = .seconds(30)
        /// One in so many dials in vain of a peer that was never reached may take as long: it may be far.
        package var longDialInterval = 6
        /// The first pause, and the least after the end of a dial; doubled from one to the next.
        package var pauseMin: Duration = .seconds(1)
        /// The longest pause, as far as the peer gets its turn among those that do not answer.
        package var pauseMax: Duration = .seconds(10)
        /// How often it is looked whether a peer that another sees to still is.
        package var excuseInterval: Duration = .seconds(5)

        package init() {}
    }

    private struct Row {
        let peer: PeerID
        /// Since when it is connected.
        var connected: Instant?
        /// When the last dial began.
        var began: Instant?
        var isDialled = false
        /// How long the last dial took that brought a connection.
        var reach: Duration?
        /// Attempts that came to nothing, or to nothing that lasted, in a row.
        var failureCount = 0
        /// When it is dialled next, unless it is connected.
        var nextTry: Instant
    }

    private let limits: Limits
    private var rows: [Row]
    private var draws: SplitMix64
    private var actions = RingQueue<Action>()

    /// - Parameters:
    ///   - peers: All of them, each once; none is connected.
    ///   - seed: Eight random bytes, by which pauses are spread.
    package init(_ peers: [PeerID], seed: UInt64, limits: Limits = Limits(), now: Instant) {
        self.limits = limits
        rows = peers.map { Row(peer: $0, nextTry: now) }
        draws = SplitMix64(seed: seed)
    }

    // MARK: Inputs

    /// There is a connection, whoever dialled.
    package mutating func connected(_ peer: PeerID, now: Instant) {
        guard let place = place(of: peer) else { return }
        rows[place].connected = rows[place].connected ?? now
        if rows[place].isDialled { rows[place].reach = rows[place].began?.duration(to: now) }
        rows[place].isDialled = false
        advance(to: now)
    }

    /// The last connection has ended.
    package mutating func lost(_ peer: PeerID, now: Instant) {
        guard let place = place(of: peer), let since = rows[place].connected else { return }
        rows[place].connected = nil
        if since + limits.pauseMax <= now { rows[place].failureCount = 0 }
        pause(place, now)
        advance(to: now)
    }

    /// A dial is over; where it brought a connection, that was told before.
    package mutating func dialEnded(_ peer: PeerID, now: Instant) {
        guard let place = place(of: peer), rows[place].isDialled else { return }
        rows[place].isDialled = false
        pause(place, now)
        advance(to: now)
    }

    /// Another sees to it that there is a connection, for now: the peer is not dialled.
    package mutating func excuse(_ peer: PeerID, now: Instant) {
        guard let place = place(of: peer), rows[place].isDialled else { return }
        rows[place].isDialled = false
        rows[place].failureCount = 0
        rows[place].nextTry = now + min(limits.excuseInterval, spread(limits.excuseInterval))
        advance(to: now)
    }

    package mutating func advance(to now: Instant) {
        let due = rows.indices.filter { isWaiting(rows[$0]) && rows[$0].nextTry <= now }
            .sorted { (rows[$0].nextTry, $0) < (rows[$1].nextTry, $1) }
        for place in due.prefix(max(0, limits.dialCountMax - dialCount)) {
            rows[place].isDialled = true
            rows[place].began = now
            actions.append(.dial(rows[place].peer, until: now + dialDuration(rows[place])))
        }
    }

    // MARK: Outputs

    package mutating func nextAction() -> Action? { actions.popFirst() }

    /// `nil` also where all dials are under way that may be: the end of one is an input.
    package var nextDeadline: Instant? {
        guard dialCount < limits.dialCountMax else { return nil }
        return rows.reduce(Instant?.none) { isWaiting($1) ? .earlier($0, $1.nextTry) : $0 }
    }

    // MARK: Parts

    private var dialCount: Int { rows.count { $0.isDialled } }

    private func isWaiting(_ row: Row) -> Bool { row.connected == nil && !row.isDialled }

    private func place(of peer: PeerID) -> Int? { rows.firstIndex { $0.peer == peer } }

    private func dialDuration(_ row: Row) -> Duration {
        guard let reach = row.reach else {
            let isLong = (row.failureCount + 1).isMultiple(of: limits.longDialInterval)
            return isLong ? limits.longDialDuration : limits.dialDuration
        }
        return min(limits.longDialDuration, max(limits.dialDuration, reach * 2))
    }

    /// Waits, ever longer.
    private mutating func pause(_ place: Int, _ now: Instant) {
        let pause = min(limits.pauseMax, limits.pauseMin * (1 << min(rows[place].failureCount, 20)))
        rows[place].failureCount += 1
        // Spread to the short side, so that the longest pause is that.
        let next = (rows[place].began ?? now) + min(limits.pauseMax, spread(pause))
        rows[place].nextTry = max(next, now + spread(limits.pauseMin))
    }

    /// A duration, up to a tenth longer or shorter, so that nodes which lost a peer together do not dial it together.
    private mutating func spread(_ duration: Duration) -> Duration {
        duration * (0.9 + 0.2 * Double(draws.number(below: 1001)) / 1000)
    }
}
