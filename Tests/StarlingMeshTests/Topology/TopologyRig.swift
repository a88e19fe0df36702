import StarlingCore
import StarlingMesh

/// A topology machine that is told what there is.
final class TopologyRig {
    var machine: Topology
    var now = Instant(nanosecondsSinceOrigin: 0)
    var done: [(action: Topology.Action, at: Instant)] = []

    init(
        _ policy: Topology.Policy = .mesh,
        _ limits: Topology.Limits = .init(),
        capacity: UInt16 = 1
    ) {
        machine = Topology(
            own: Self.peer(0),
            policy: policy,
            capacity: capacity,
            seed: 1,
            limits: limits,
            now: now
        )
    }

    static func peer(_ number: Int) -> PeerID { TopologyFleet.peer(number) }

    func pull() { for action in machine.actions() { done.append((action, now)) } }

    func learn(
        _ numbers: some Sequence<Int>,
        hasAddress: Bool = true,
        state: LivenessClaim.State = .alive,
        isOwnWord: Bool = true
    ) {
        for number in numbers {
            var facts = TopologyPeer(Self.peer(number), hasAddress: hasAddress)
            facts.state = state
            facts.isOwnWord = isOwnWord
            machine.learn(facts, now: now)
            pull()
        }
    }

    func link(_ numbers: some Sequence<Int>) {
        for number in numbers {
            machine.linkUp(Self.peer(number), now: now)
            pull()
        }
    }

    func drop(_ number: Int, _ end: Liveness.LinkEnd) {
        machine.linkDown(Self.peer(number), end, now: now)
        pull()
    }

    /// Lets time pass; every dial fails after a second, unless it is left to time out.
    func pass(_ duration: Duration, failing: Bool = false) {
        let end = now + duration
        while let next = machine.nextDeadline, next <= end {
            now = max(now, next)
            machine.advance(to: now)
            let before = done.count
            pull()
            guard failing else { continue }
            for (action, _) in done[before...] {
                guard case .dial(let peer, _) = action else { continue }
                machine.dialFailed(peer, now: now)
                pull()
            }
        }
        now = end
    }

    func takeDials() -> [PeerID] {
        defer { done = [] }
        return done.compactMap { entry in
            guard case .dial(let peer, _) = entry.action else { return nil }
            return peer
        }
    }

    /// From one dial of a peer to the next.
    func dialGaps(_ number: Int) -> [Duration] {
        let times = done.compactMap { entry -> Instant? in
            guard case .dial(Self.peer(number), _) = entry.action else { return nil }
            return entry.at
        }
        return zip(times, times.dropFirst()).map { $0.duration(to: $1) }
    }

    /// Whose address was looked for.
    func takeFinds() -> [PeerID] {
        defer { done = [] }
        return done.compactMap { entry in
            guard case .find(let peer, _) = entry.action else { return nil }
            return peer
        }
    }

    func takeLetGo() -> [PeerID] {
        defer { done = [] }
        return done.compactMap { entry in
            guard case .letGo(let peer, _) = entry.action else { return nil }
            return peer
        }
    }
}
