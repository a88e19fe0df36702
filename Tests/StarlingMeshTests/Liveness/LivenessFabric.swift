import StarlingCore
import StarlingCrypto
import StarlingMesh

/// Nodes that watch one another over links with delays, losses and starved processors, in virtual time, from one seed.
struct LivenessFabric {
    struct Conditions {
        /// How long a frame takes over a link; each link has its own delay out of these.
        var delays: ClosedRange<Int> = 5...50
        /// Frames that never arrive.
        var lossRatio = 0.0
        /// Whether every frame is written and read on its way.
        var isEncoded = false
        var limits = Liveness.Limits()
    }

    /// When a node has no processor: so long in each period.
    struct Starvation {
        var periodMilliseconds: Int
        var blockedMilliseconds: Int
    }

    struct Node {
        let key: IdentityKey
        var machine: Liveness
        var isRunning = true
        var starvation: Starvation?
        var links: [Int: Int] = [:]
        var tick: Instant?
        /// What this node takes each other for, by its own announcements.
        var states: [LivenessClaim.State?]
    }

    private enum Event {
        case frame(from: Int, to: Int, LivenessFrame)
        case tick(Int)
    }

    private(set) var nodes: [Node] = []
    private(set) var now = Instant(nanosecondsSinceOrigin: 0)
    private(set) var frameCount = 0
    private(set) var claimCount = 0
    private(set) var trace: UInt64 = 0xcbf2_9ce4_8422_2325
    /// Running members that somebody took for dead, with the incarnation.
    private(set) var falseDeaths: Set<[UInt64]> = []
    private(set) var malformed: [LivenessFrameError] = []
    var conditions: Conditions
    var draws: SplitMix64
    private var index: [PeerID: Int] = [:]
    private var queue = EventHeap<Event>()

    static let start = Instant(nanosecondsSinceOrigin: 0)

    init(nodeCount: Int, seed: UInt64, _ conditions: Conditions = Conditions()) {
        self.conditions = conditions
        draws = SplitMix64(seed: seed)
        for number in 0..<nodeCount {
            let key = Self.key(number)
            index[key.peerID] = number
            nodes.append(
                Node(
                    key: key,
                    machine: Liveness(
                        key: key,
                        seed: draws.next(),
                        limits: conditions.limits,
                        now: now
                    ),
                    states: [LivenessClaim.State?](repeating: nil, count: nodeCount)
                )
            )
        }
    }

    static func key(_ number: Int) -> IdentityKey {
        let seed = (0..<32).map { UInt8(truncatingIfNeeded: $0 < 2 ? number >> (8 * $0) : 9) }
        guard let key = try? IdentityKey(seed: seed) else { preconditionFailure("any 32 bytes are a seed") }
        return key
    }

    // MARK: Shape

    /// A ring, and links across it until each node has some `degree` of them.
    mutating func connectAtRandom(degree: Int) {
        for node in nodes.indices { connect(node, (node + 1) % nodes.count) }
        for _ in 0..<nodes.count * (degree - 2) / 2 {
            connect(draws.number(below: nodes.count), draws.number(below: nodes.count))
        }
    }

    mutating func connect(_ one: Int, _ other: Int) {
        guard one != other, nodes[one].links[other] == nil else { return }
        let delay = conditions.delays.lowerBound + draws.number(below: conditions.delays.count)
        nodes[one].links[other] = delay
        nodes[other].links[one] = delay
        for (node, peer) in [(one, other), (other, one)] where nodes[node].isRunning {
            nodes[node].machine.linkUp(nodes[peer].key.peerID, now: now)
            pull(node)
        }
    }

    mutating func cut(_ one: Int, _ other: Int, _ end: Liveness.LinkEnd = .lost) {
        nodes[one].links[other] = nil
        nodes[other].links[one] = nil
        for (node, peer) in [(one, other), (other, one)] where nodes[node].isRunning {
            nodes[node].machine.linkDown(nodes[peer].key.peerID, end, now: now)
            pull(node)
        }
    }

    /// A node is no more; its links seem to be there until somebody notices.
    mutating func kill(_ node: Int) { nodes[node].isRunning = false }

    /// A killed node comes back, knowing nothing, and is linked as before.
    mutating func restart(_ node: Int) {
        let peers = nodes[node].links.keys.sorted()
        for peer in peers { cut(node, peer) }
        nodes[node].machine = Liveness(
            key: nodes[node].key,
            seed: draws.next(),
            limits: conditions.limits,
            now: now
        )
        nodes[node].states = [LivenessClaim.State?](repeating: nil, count: nodes.count)
        (nodes[node].isRunning, nodes[node].tick) = (true, nil)
        for peer in peers { connect(node, peer) }
    }

    mutating func starve(_ node: Int, _ starvation: Starvation?) { nodes[node].starvation = starvation }

    /// A node says to another whatever the test wants it to say.
    mutating func forge(_ frame: LivenessFrame, from: Int, to: Int) {
        queue.push(.frame(from: from, to: to, frame), at: now + .milliseconds(nodes[from].links[to] ?? 1))
    }

    mutating func act(_ node: Int, _ input: (inout Liveness, Instant) -> Void) {
        input(&nodes[node].machine, now)
        pull(node)
    }

    // MARK: Time

    mutating func run(for duration: Duration) {
        let end = now + duration
        while let (time, event) = queue.pop(through: end) {
            now = time
            let node =
                switch event {
                case .frame(_, let to, _): to
                case .tick(let node): node
                }
            guard nodes[node].isRunning else { continue }
            if let wake = wakeTime(node) {
                queue.push(event, at: wake)
                continue
            }
            switch event {
            case .frame(let from, let to, let frame): deliver(frame, from, to)
            case .tick:
                guard nodes[node].tick == time || nodes[node].starvation != nil else { continue }
                nodes[node].tick = nil
                nodes[node].machine.advance(to: now)
            }
            pull(node)
        }
        now = end
    }

    /// Runs until something holds, and says how long that took.
    mutating func run(atMost limit: Duration, until holds: (Self) -> Bool) -> Duration? {
        let began = now
        while began.duration(to: now) < limit {
            if holds(self) { return began.duration(to: now) }
            run(for: .milliseconds(100))
        }
        return holds(self) ? limit : nil
    }

    /// When a starved node has its processor again; `nil` when it has it.
    private func wakeTime(_ node: Int) -> Instant? {
        guard let starvation = nodes[node].starvation else { return nil }
        let period = Int64(starvation.periodMilliseconds) * 1_000_000
        // Each has its own phase.
        let place = (now.nanosecondsSinceOrigin + Int64(node) * 137_000_000) % period
        let blocked = Int64(starvation.blockedMilliseconds) * 1_000_000
        return place < blocked ? now + .nanoseconds(blocked - place) : nil
    }

    private mutating func deliver(_ frame: LivenessFrame, _ from: Int, _ to: Int) {
        frameCount += 1
        claimCount += frame.claims.count
        guard nodes[to].links[from] != nil else { return }
        var frame = frame
        if conditions.isEncoded {
            do throws(LivenessFrameError) {
                frame = try LivenessFrame(parsing: frame.encoded.span)
            } catch {
                malformed.append(error)
            }
        }
        nodes[to].machine.receive(frame, from: nodes[from].key.peerID, now: now)
    }

    private mutating func pull(_ node: Int) {
        while let action = nodes[node].machine.nextAction() {
            switch action {
            case .send(let frame, let peer): transmit(frame, node, peer)
            case .measured, .suspected: break
            case .changed(let member): note(node, member)
            case .forgot(let peer): if let peer = index[peer] { nodes[node].states[peer] = nil }
            }
        }
        guard let next = nodes[node].machine.nextDeadline else { return }
        if let tick = nodes[node].tick, tick <= next { return }
        nodes[node].tick = max(next, now)
        queue.push(.tick(node), at: max(next, now))
    }

    private mutating func transmit(_ frame: LivenessFrame, _ node: Int, _ peer: PeerID) {
        guard let to = index[peer], let delay = nodes[node].links[to] else { return }
        mix(UInt64(node) << 32 | UInt64(to) << 16 | UInt64(frame.claims.count))
        guard !draws.chance(conditions.lossRatio) else { return }
        queue.push(.frame(from: node, to: to, frame), at: now + .milliseconds(delay))
    }

    private mutating func note(_ node: Int, _ member: LivenessMember) {
        guard let about = index[member.peer] else { return }
        mix(UInt64(node) << 32 | UInt64(about) << 16 | UInt64(member.state.rawValue))
        nodes[node].states[about] = member.state
        if member.state == .dead, nodes[about].isRunning {
            falseDeaths.insert([UInt64(about), member.incarnation])
        }
    }

    private mutating func mix(_ value: UInt64) {
        trace = (trace ^ value ^ UInt64(bitPattern: now.nanosecondsSinceOrigin)) &* 0x100_0000_01b3
    }

    // MARK: What is known

    var running: [Int] { nodes.indices.filter { nodes[$0].isRunning } }

    /// Whether all running nodes take this one for so.
    func allTake(_ about: Int, for state: LivenessClaim.State?) -> Bool {
        running.allSatisfy { $0 == about || nodes[$0].states[about] == state }
    }

    /// Whether all running nodes know one another.
    var allKnowAll: Bool {
        let running = running
        return running.allSatisfy { nodes[$0].machine.livingCount >= running.count }
    }
}

/// Events in the order of their times, and of their making where those are equal.
struct EventHeap<Event> {
    private var entries: [(time: Instant, order: UInt64, event: Event)] = []
    private var order: UInt64 = 0

    mutating func push(_ event: Event, at time: Instant) {
        order += 1
        entries.append((time, order, event))
        var place = entries.count - 1
        while place > 0, isBefore(place, (place - 1) / 2) {
            entries.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    mutating func pop(through end: Instant) -> (Instant, Event)? {
        guard let first = entries.first, first.time <= end else { return nil }
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        var place = 0
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2] where child < entries.count && isBefore(child, least)
            {
                least = child
            }
            guard least != place else { break }
            entries.swapAt(place, least)
            place = least
        }
        return (first.time, first.event)
    }

    private func isBefore(_ one: Int, _ other: Int) -> Bool {
        entries[one].time == entries[other].time
            ? entries[one].order < entries[other].order : entries[one].time < entries[other].time
    }
}
