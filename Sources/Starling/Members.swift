public import StarlingCore
internal import StarlingMesh
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
            return await node.liveness.members.map { Member($0, now: now) }
        }
    }

    /// The other members of the mesh, and from then on each that is new or gets another state, until the node stops.
    ///
    /// Nothing is told when one is forgotten, be it long dead or never introduced: ``members`` has those that are known.
    ///
    ///     for await member in node.memberChanges where member.state == .dead { print(member.id, "is gone") }
    public var memberChanges: MemberChanges { MemberChanges(node: self) }
}

/// The members of the mesh as they come and change.
///
/// A reader that is slow is told the last state of each, and not every one between.
public struct MemberChanges: AsyncSequence, Sendable {
    /// A member that is new or has another state.
    public typealias Element = Member
    /// The sequence ends; it does not fail.
    public typealias Failure = Never

    let node: Node

    /// A reader that begins with all members that are known.
    public func makeAsyncIterator() -> Iterator { Iterator(node: node) }

    /// One reader.
    public struct Iterator: AsyncIteratorProtocol {
        private let node: Node
        private var seen: UInt64 = 0

        init(node: Node) { self.node = node }

        /// The next member; `nil` when the node has stopped or the task was cancelled.
        public mutating func next() async -> Member? {
            guard let next = await node.node.liveness.change(after: seen) else { return nil }
            seen = next.number
            return Member(next.member, now: node.node.world.loops[0].now)
        }
    }
}

extension Member {
    fileprivate init(_ member: LivenessMember, now: Instant) {
        let membership = Membership(member, now: now)
        self.init(
            id: member.peer,
            state: State(membership.state),
            age: membership.age,
            uptime: membership.uptime,
            capacity: membership.capacity
        )
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
