package import StarlingCore
package import StarlingMesh
internal import StarlingTransports

/// What becomes of neighbours: connected peers that speak of routes.
///
/// Delivered in order, on the node's loop.
package enum NeighbourEvent: Equatable, Sendable {
    /// A peer is a neighbour.
    case up(PeerID)
    /// It is not any more.
    case down(PeerID, Liveness.LinkEnd)
    /// The stream to it ended, and what was written there may not have come; lost where it took too little of it.
    case interrupted(PeerID, Liveness.LinkEnd)
    /// It has a stream again.
    case resumed(PeerID)
    /// A frame came from it.
    case heard(PeerID)
    /// How good its link is.
    case measured(PeerID, LinkQuality)
}

extension Liveness.LinkEnd {
    /// What the end of a peer's last connection says of the peer.
    init(_ reason: ConnectionError) {
        self =
            switch reason {
            case .goneAway, .closedLocally, .redundant, .refusedByLimit, .cancelled, .dialledSelf: .closed
            case .socket, .closedByPeer, .timedOut, .noCommonSecurity, .noCommonMuxer, .negotiation, .noise,
                .tls, .muxer:
                .lost
            }
    }
}
