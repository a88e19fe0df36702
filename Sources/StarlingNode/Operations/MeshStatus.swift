package import StarlingCore
package import StarlingMesh

/// What the node knows of the mesh as a whole.
package struct MeshStatus: Sendable, Equatable {
    /// The policy by which the node chooses its neighbours; nil where it leaves that to whoever dials.
    package var topology: String?
    /// Members that the node has links to.
    package var neighbourCount: Int
    /// The other members, by what they are taken for.
    package var aliveCount: Int
    package var suspectCount: Int
    package var deadCount: Int
    package var leftCount: Int
    /// Whether the node is one of the super-peers, under a policy that has some.
    package var isSuperPeer: Bool
    /// How much the node can carry for others, compared to other nodes, as it tells all.
    package var capacity: Int
    /// How much the node mistrusts itself, from 0 to 8: it lacks processor time, or answers from anybody.
    package var selfDoubt: Int
    /// Tunnels that the node carries for others, the most that it takes, and those since its start.
    package var tunnelCount: Int
    package var tunnelCountMax: Int
    package var carriedTunnelCount: Int

    package init(
        topology: String?,
        neighbourCount: Int,
        aliveCount: Int,
        suspectCount: Int,
        deadCount: Int,
        leftCount: Int,
        isSuperPeer: Bool,
        capacity: Int,
        selfDoubt: Int,
        tunnelCount: Int,
        tunnelCountMax: Int,
        carriedTunnelCount: Int
    ) {
        self.topology = topology
        self.neighbourCount = neighbourCount
        self.aliveCount = aliveCount
        self.suspectCount = suspectCount
        self.deadCount = deadCount
        self.leftCount = leftCount
        self.isSuperPeer = isSuperPeer
        self.capacity = capacity
        self.selfDoubt = selfDoubt
        self.tunnelCount = tunnelCount
        self.tunnelCountMax = tunnelCountMax
        self.carriedTunnelCount = carriedTunnelCount
    }
}

/// What a member of the mesh is taken for.
package struct Membership: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        case alive
        /// It does not answer, and has some time to contradict.
        case suspect
        /// It did not contradict.
        case dead
        /// It said itself that it goes.
        case left
    }

    package var state: State
    /// How long it has been taken for that.
    package var age: Duration
    /// How long it has been running, by its own word.
    package var uptime: Duration
    /// How much it can carry for others, compared to other nodes, by its own word; 0 while it has not said so.
    package var capacity: Int

    package init(state: State, age: Duration, uptime: Duration, capacity: Int) {
        self.state = state
        self.age = age
        self.uptime = uptime
        self.capacity = capacity
    }
}

extension Membership {
    package init(_ member: LivenessMember, now: Instant) {
        self.init(
            state: State(member.state),
            age: max(.zero, member.since.duration(to: now)),
            uptime: member.uptime(at: now),
            capacity: Int(member.capacity)
        )
    }
}

extension Membership.State {
    fileprivate init(_ state: LivenessClaim.State) {
        self =
            switch state {
            case .alive: .alive
            case .suspect: .suspect
            case .dead: .dead
            case .left: .left
            }
    }
}

extension Node {
    /// What it knows of the mesh; nil where it uses no routes.
    package var meshStatus: MeshStatus? {
        get async {
            guard configuration.usesRoutes else { return nil }
            var status = MeshStatus(
                topology: await topology?.policy.rawValue,
                neighbourCount: await routes.neighbours.count,
                aliveCount: 0,
                suspectCount: 0,
                deadCount: 0,
                leftCount: 0,
                isSuperPeer: await topology?.isSuperPeer ?? false,
                capacity: Int(configuration.capacity),
                selfDoubt: await liveness.score,
                tunnelCount: await tunnels.relayedCount,
                tunnelCountMax: tunnels.limits.table.relayedCountMax,
                carriedTunnelCount: Int(clamping: await tunnels.carriedCount)
            )
            for member in await liveness.members {
                switch member.state {
                case .alive: status.aliveCount += 1
                case .suspect: status.suspectCount += 1
                case .dead: status.deadCount += 1
                case .left: status.leftCount += 1
                }
            }
            return status
        }
    }
}
