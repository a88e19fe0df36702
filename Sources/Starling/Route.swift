public import StarlingCore
internal import StarlingNode

/// How a peer is reached: the neighbours over which it may be, the one that is used first in the first place.
///
///     for route in await node.routes() {
///         if let hop = route.hops.first { print(route.to, "over", hop.neighbour, hop.linkCount) }
///     }
public struct Route: Equatable, Sendable {
    /// The way over one neighbour.
    public struct Hop: Equatable, Sendable {
        /// The neighbour; the peer itself where there is a link to it.
        public let neighbour: PeerID
        /// Links to the peer, by the neighbour's word.
        public let linkCount: Int
        /// In which time a message of 16 KiB and its answer should cross the whole way; `nil` where it is too long to be taken.
        public let metric: Duration?
        /// What the link to the neighbour has of it.
        public let linkCost: Duration
        /// Since when the neighbour tells this.
        public let age: Duration
        /// Why it is used, or is not.
        public let use: Use
    }

    /// Why a neighbour's way is used, or is not.
    public enum Use: String, Sendable, CaseIterable {
        /// It is taken: the one of lowest metric.
        case first
        /// It is taken: the link to the peer itself.
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
        public var isTaken: Bool {
            switch self {
            case .first, .direct, .detour, .kept: true
            case .balanced, .spare, .unfeasible, .waiting: false
            }
        }
    }

    /// The peer.
    public let to: PeerID
    /// The ways to it, the one that is used first in the first place.
    public let hops: [Hop]
    /// Since when the first one is that.
    public let age: Duration

    init(_ summary: RouteSummary) {
        to = summary.peerID
        hops = summary.hops.map {
            Hop(
                neighbour: $0.peerID,
                linkCount: $0.hopCount,
                metric: $0.metric,
                linkCost: $0.linkCost,
                age: $0.age,
                use: Use($0.reason)
            )
        }
        age = summary.age
    }
}

extension Route.Use {
    fileprivate init(_ reason: RouteSummary.Reason) {
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

extension Node {
    /// How the peers are reached that are, by PeerID; none where the node uses no routes.
    public func routes() async -> [Route] { await desk.routes().map { Route($0) } }
}
