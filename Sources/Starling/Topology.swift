internal import StarlingMesh

/// What a fleet looks like: which of its members a node stays connected to.
///
/// All nodes of a fleet should follow one.
public enum Topology: String, Sendable, CaseIterable {
    /// 3 to 10 neighbours, 7 where it may choose, near and far ones.
    case mesh
    /// The next on either side, and four chords across.
    case ring
    /// Three super-peers each; these are the tenth of the members that is up longest and can carry most.
    case hierarchical
    /// A mesh that gets more links where many frames are lost, and super-peers where answers take long.
    case adaptive

    var policy: StarlingMesh.Topology.Policy {
        switch self {
        case .mesh: .mesh
        case .ring: .ring
        case .hierarchical: .hierarchical
        case .adaptive: .adaptive
        }
    }
}
