internal import StarlingCore

/// What is seen of the routes of a ``MemberFleet``'s nodes; those that have died say nothing any more.
final class MemberRoutes: @unchecked Sendable {  // tidy-ok: one thread
    private let watch: RouteWatch?
    private var dead: Set<Int> = []
    private var hasEnded = false
    /// Hears of the nodes of a circle, in its order, and of the peer that ways lead to in it.
    var foundCircle: (_ peer: PeerID, _ nodes: [Int]) -> Void = { _, _ in }

    /// - Parameter peerIDs: of all nodes, in their order; of more than a ``RouteWatch`` takes none is watched.
    init(_ peerIDs: [PeerID]) { watch = RouteWatch(peerIDs) }

    /// Times that a way became another one; `nil` where nobody watches.
    var changeCount: Int? { watch?.changeCount }

    /// A node reaches a peer over these neighbours from here on.
    func changed(_ node: Int, _ peer: PeerID, _ neighbours: [PeerID]) {
        guard !hasEnded, !dead.contains(node) else { return }
        if let circle = watch?.changed(node, peer, neighbours) { foundCircle(peer, circle) }
    }

    func died(_ node: Int) {
        dead.insert(node)
        watch?.forget(node)
    }

    /// From here on nodes stop.
    func end() { hasEnded = true }
}
