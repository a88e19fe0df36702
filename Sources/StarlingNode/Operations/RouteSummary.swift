package import StarlingCore
internal import StarlingMesh

/// How a peer is reached: the neighbours over which it may be, the one that is used first.
package struct RouteSummary: Sendable, Equatable {
    /// Why a neighbour's way is used, or is not.
    package enum Reason: String, Sendable, CaseIterable {
        /// It is taken: the one of lowest metric.
        case first
        /// It is taken: the link to the peer itself, which goes before others unless it measures much worse.
        case direct
        /// It is taken in the place of the link to the peer, which measures much worse.
        case detour
        /// It is taken because it was before, and no other is clearly better.
        case kept
        /// So close to the first that messages are spread over both.
        case balanced
        /// There when the others are gone.
        case spare
        /// It might lead back here.
        case unfeasible
        /// What this node told before its last start is not known, and not void yet.
        case waiting

        /// Whether messages go there first.
        package var isTaken: Bool {
            switch self {
            case .first, .direct, .detour, .kept: true
            case .balanced, .spare, .unfeasible, .waiting: false
            }
        }
    }

    /// The way over one neighbour.
    package struct Hop: Sendable, Equatable {
        package var peerID: PeerID
        /// The time in which a message of 16 KiB and its answer should cross the whole way; nil where it is too long.
        package var metric: Duration?
        /// What the link to the neighbour has of it.
        package var linkCost: Duration
        /// What the neighbour was found not to deliver, as a part of the metric.
        package var penalty: Duration
        /// What the neighbour's silence adds while it lasts, as a part of the metric.
        package var suspicion: Duration
        /// Links to the peer, by the neighbour's word.
        package var hopCount: Int
        /// Since when the neighbour tells this.
        package var age: Duration
        package var reason: Reason

        package init(
            peerID: PeerID,
            metric: Duration?,
            linkCost: Duration,
            penalty: Duration,
            suspicion: Duration = .zero,
            hopCount: Int,
            age: Duration,
            reason: Reason
        ) {
            self.peerID = peerID
            self.metric = metric
            self.linkCost = linkCost
            self.penalty = penalty
            self.suspicion = suspicion
            self.hopCount = hopCount
            self.age = age
            self.reason = reason
        }
    }

    package var peerID: PeerID
    package var hops: [Hop]
    /// Since when the first one is that.
    package var age: Duration

    package init(peerID: PeerID, hops: [Hop], age: Duration) {
        self.peerID = peerID
        self.hops = hops
        self.age = age
    }
}

extension RouteSummary {
    init(_ report: RouteReport) {
        self.init(
            peerID: report.destination,
            hops: report.candidates.map { candidate in
                Hop(
                    peerID: candidate.peer,
                    metric: candidate.metric.map { .microseconds(Int64($0.microseconds)) },
                    linkCost: .microseconds(Int64(candidate.linkCost.microseconds)),
                    penalty: .microseconds(Int64(candidate.penalty)),
                    suspicion: .microseconds(Int64(candidate.suspicion)),
                    hopCount: candidate.hops,
                    age: candidate.age,
                    reason: Reason(candidate.reason)
                )
            },
            age: report.age
        )
    }
}

extension RouteSummary.Reason {
    fileprivate init(_ reason: RouteReason) {
        self =
            switch reason {
            case .first: .first
            case .direct: .direct
            case .detour: .detour
            case .kept: .kept
            case .balanced: .balanced
            case .spare: .spare
            case .unfeasible: .unfeasible
            case .waiting: .waiting
            }
    }
}
