public import StarlingCore
internal import StarlingNode
internal import StarlingWorld

/// A member of the mesh, as this node knows it.
public struct Member: Sendable, Hashable {
    /// What a member is taken for.
    public enum State: String, Sendable, CaseIterable {
        /// It answers its neighbours.
        case alive
        /// It does not answer, and has some time to contradict.
        case suspect
        /// It did not contradict.
        case dead
        /// It said itself that it goes.
        case left
    }

    /// The member's name.
    public var id: PeerID
    /// What it is taken for.
    public var state: State
    /// How long it has been taken for that.
    public var age: Duration
    /// How long it has been running, by its own word.
    public var uptime: Duration
    /// How much it can carry for others, compared with other members, by its own word; 0 while it has not said so.
    public var capacity: Int
}

extension Node {
    /// The other members of the mesh, those that died or left of late included, by PeerID.
    ///
    ///     let dead = await node.members.filter { $0.state == .dead }
    public var members: [Member] {
        get async {
            let now = node.world.loops[0].now
            return await node.liveness.members.map { member in
                let membership = Membership(member, now: now)
                return Member(
                    id: member.peer,
                    state: Member.State(membership.state),
                    age: membership.age,
                    uptime: membership.uptime,
                    capacity: membership.capacity
                )
            }
        }
    }
}

extension Member.State {
    init(_ state: Membership.State) {
        self =
            switch state {
            case .alive: .alive
            case .suspect: .suspect
            case .dead: .dead
            case .left: .left
            }
    }
}
