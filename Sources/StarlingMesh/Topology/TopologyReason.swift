/// Why a node wants a link, or does not any more.
package enum TopologyReason: Equatable, Sendable {
    // For a link:

    /// There are fewer neighbours than the node needs.
    case tooFew(degree: Int, degreeMin: Int)
    /// There are fewer neighbours than the node would like.
    case growing(degree: Int, degreeTarget: Int)
    /// The peer answers sooner than one of the nearest neighbours.
    case near
    /// The peer was a neighbour until its link broke.
    case former
    /// The peer is next to this node on the ring.
    case ringNeighbour
    /// The peer stands across the ring.
    case chord
    /// The peer is one of the super-peers.
    case superPeer
    /// The user asked for it.
    case demanded
    /// Its address is kept for when all neighbours are gone.
    case spare

    // Against one:

    /// There are more neighbours than the node wants, and the others are nearer, older or in use.
    case tooMany(degree: Int, degreeMax: Int)
    /// The peer does not answer, and has not contradicted.
    case dead
    /// The policy has no use for the link.
    case unwanted

    /// The reason as people read it.
    package var words: String {
        switch self {
        case .tooFew(let degree, let least): "\(degree) neighbours, and \(least) are needed"
        case .growing(let degree, let target): "\(degree) neighbours, and \(target) are wanted"
        case .near: "it answers sooner than one of the nearest neighbours"
        case .former: "it was a neighbour until its link broke"
        case .ringNeighbour: "it is next on the ring"
        case .chord: "it stands across the ring"
        case .superPeer: "it is one of the super-peers"
        case .demanded: "the user asked for it"
        case .spare: "its address is kept for when all neighbours are gone"
        case .tooMany(let degree, let most): "\(degree) neighbours, and \(most) are enough"
        case .dead: "it does not answer, and has not contradicted"
        case .unwanted: "the policy has no use for it"
        }
    }
}
