package import StarlingCore
internal import StarlingMesh

/// Whose way to ask for, and how long it may take.
package struct TraceRequest: Sendable, Equatable {
    package var peer: PeerID
    /// Links that the question may cross, 1 to ``hopLimitMax``.
    package var hopLimit: Int
    /// For connecting, where there is neither a link nor a route.
    package var timeout: Duration

    package static let hopLimitMax = TraceAsk.hopLimitMax

    package init(peer: PeerID, hopLimit: Int, timeout: Duration) {
        self.peer = peer
        self.hopLimit = hopLimit
        self.timeout = timeout
    }
}

/// The way that messages to a peer take, as those on it tell.
package struct TraceReport: Sendable, Equatable {
    /// How the question stands at a peer.
    package enum Standing: String, Sendable, CaseIterable {
        case passedOn = "passed_on"
        case arrived
        case noRoute = "no_route"
        case hopLimit = "hop_limit"
        case looped
        case unanswered
        case busy
    }

    package struct Hop: Sendable, Equatable {
        /// Who told.
        package var peerID: PeerID
        package var standing: Standing
        /// The neighbour to which the question went, where it was passed on; its silence where it is unanswered.
        package var next: PeerID?
        /// From the question to the answer's arrival here: the round trip to the hop, and what the question waited on the way.
        package var roundTrip: Duration

        package init(peerID: PeerID, standing: Standing, next: PeerID?, roundTrip: Duration) {
            self.peerID = peerID
            self.standing = standing
            self.next = next
            self.roundTrip = roundTrip
        }
    }

    package var peerID: PeerID
    /// In the order of the way; the last one says how it ends.
    package var hops: [Hop]

    package init(peerID: PeerID, hops: [Hop]) {
        self.peerID = peerID
        self.hops = hops
    }

    /// Whether the way leads to the peer.
    package var hasArrived: Bool { hops.last?.standing == .arrived && hops.last?.peerID == peerID }
}

extension TraceReport.Hop {
    init(_ hop: TraceHop, roundTrip: Duration) {
        let (standing, next): (TraceReport.Standing, PeerID?) =
            switch hop.standing {
            case .passedOn(let next): (.passedOn, next)
            case .arrived: (.arrived, nil)
            case .noRoute: (.noRoute, nil)
            case .hopLimit: (.hopLimit, nil)
            case .looped: (.looped, nil)
            case .unanswered(let next): (.unanswered, next)
            case .busy: (.busy, nil)
            }
        self.init(peerID: hop.peer, standing: standing, next: next, roundTrip: roundTrip)
    }
}
