import StarlingCore
import StarlingMesh

/// Nodes that follow a topology policy and tell one another whom they know, in virtual time, from one seed.
struct TopologyFleet {
    struct Node {
        let peer: PeerID
        var machine: Topology
        var isRunning = false
        var links: Set<Int> = []
        /// Since when.
        var since: [Int: Instant] = [:]
        /// Peers it knows, and whether their addresses too.
        var known: Set<Int> = []
        var tick: Instant?
        var capacity: UInt16
        var started: Instant
        /// Where it stands: round trips grow with the distance.
        var place: (x: Int, y: Int)
    }

    private enum Event {
        case tick(Int)
        case dialled(Int, Int)
        case closed(Int, Int)
        case lost(Int, of: Int)
        case told(Int, [Int])
        case dead(Int)
        case found(Int, Int)
    }

    private(set) var nodes: [Node] = []
    private(set) var now = Instant(nanosecondsSinceOrigin: 0)
    private(set) var dialCount = 0
    private(set) var letGoCount = 0
    private(set) var reasons: [String: Int] = [:]
    private(set) var trace: UInt64 = 0xcbf2_9ce4_8422_2325
    /// Between these two groups nothing goes through.
    private var cut: (Set<Int>, Set<Int>)?
    /// Whether an address is known as soon as the name is.
    private let addressesTravel: Bool
    private let policy: Topology.Policy
    private let limits: Topology.Limits
    private var draws: SplitMix64
    private var index: [PeerID: Int] = [:]
    private var queue = EventHeap<Event>()

    init(
        _ nodeCount: Int,
        _ policy: Topology.Policy,
        seed: UInt64,
        limits: Topology.Limits = .init(),
        addressesTravel: Bool = true
    ) {
        (self.policy, self.limits, self.addressesTravel) = (policy, limits, addressesTravel)
        draws = SplitMix64(seed: seed)
        for number in 0..<nodeCount {
            let peer = Self.peer(number)
            index[peer] = number
            let capacity = UInt16(1 + draws.number(below: 4))
            nodes.append(
                Node(
                    peer: peer,
                    machine: Self.machine(peer, policy, capacity, draws.next(), limits, now),
                    capacity: capacity,
                    started: now,
                    place: (draws.number(below: 100), draws.number(below: 100))
                )
            )
        }
    }

    static func peer(_ number: Int) -> PeerID {
        var draws = SplitMix64(seed: UInt64(number))
        let key = (0..<32).map { _ in UInt8(truncatingIfNeeded: draws.next()) }
        return PeerID(checkedMultihash: [0, 36, 8, 1, 18, 32] + key)
    }

    private static func machine(
        _ peer: PeerID,
        _ policy: Topology.Policy,
        _ capacity: UInt16,
        _ seed: UInt64,
        _ limits: Topology.Limits,
        _ now: Instant
    ) -> Topology {
        Topology(own: peer, policy: policy, capacity: capacity, seed: seed, limits: limits, now: now)
    }

    // MARK: What happens

    /// A node starts and knows one other.
    mutating func start(_ node: Int, knowing other: Int?) {
        restart(node)
        if let other { learn(node, [other], hasAddress: true) }
        pull(node)
    }

    /// All nodes start, a few in a second, each knowing the first.
    mutating func startAll(every gap: Duration = .milliseconds(50)) {
        for node in nodes.indices {
            start(node, knowing: node == 0 ? nil : 0)
            run(for: gap)
        }
    }

    /// A node is gone; its neighbours find their links broken within seconds, and all hear that it is dead.
    mutating func kill(_ node: Int) {
        nodes[node].isRunning = false
        for peer in nodes[node].links.sorted() {
            queue.push(.lost(peer, of: node), at: now + .milliseconds(100 + draws.number(below: 5000)))
        }
        nodes[node].links = []
        queue.push(.dead(node), at: now + .seconds(8))
    }

    private mutating func restart(_ node: Int) {
        nodes[node].started = now
        nodes[node].machine = Self.machine(
            nodes[node].peer,
            policy,
            nodes[node].capacity,
            draws.next(),
            limits,
            now
        )
        (nodes[node].known, nodes[node].tick, nodes[node].isRunning) = ([], nil, true)
    }

    mutating func part(_ one: Set<Int>, _ other: Set<Int>) {
        cut = (one, other)
        for node in one.sorted() {
            for peer in nodes[node].links.sorted() where other.contains(peer) {
                queue.push(.lost(node, of: peer), at: now + .milliseconds(100 + draws.number(below: 5000)))
                queue.push(.lost(peer, of: node), at: now + .milliseconds(100 + draws.number(below: 5000)))
            }
        }
    }

    mutating func heal() { cut = nil }

    mutating func act(_ node: Int, _ input: (inout Topology, Instant) -> Void) {
        input(&nodes[node].machine, now)
        pull(node)
    }

    // MARK: Time

    mutating func run(for duration: Duration) {
        let end = now + duration
        while let (time, event) = queue.pop(through: end) {
            now = time
            handle(event)
        }
        now = end
    }

    private mutating func handle(_ event: Event) {
        switch event {
        case .tick(let node):
            guard nodes[node].isRunning, nodes[node].tick == now else { return }
            nodes[node].tick = nil
            nodes[node].machine.advance(to: now)
            pull(node)
        case .dialled(let node, let peer):
            guard nodes[node].isRunning else { return }
            if nodes[peer].isRunning, !isCut(node, peer) {
                connect(node, peer)
            } else {
                nodes[node].machine.dialFailed(nodes[peer].peer, now: now)
                pull(node)
            }
        case .closed(let node, let peer):
            disconnect(node, peer, .closed)
            disconnect(peer, node, .closed)
        case .lost(let node, let peer): disconnect(node, peer, .lost)
        case .told(let node, let peers): learn(node, peers, hasAddress: addressesTravel)
        case .found(let node, let peer): learn(node, [peer], hasAddress: true)
        case .dead(let peer):
            guard !nodes[peer].isRunning else { return }
            for node in nodes.indices where nodes[node].isRunning && nodes[node].known.contains(peer) {
                var facts = TopologyPeer(nodes[peer].peer, hasAddress: true)
                facts.state = .dead
                nodes[node].machine.learn(facts, now: now)
                nodes[node].known.remove(peer)
                pull(node)
            }
        }
    }

    private func isCut(_ one: Int, _ other: Int) -> Bool {
        guard let cut else { return false }
        return cut.0.contains(one) && cut.1.contains(other) || cut.1.contains(one) && cut.0.contains(other)
    }

    private mutating func connect(_ one: Int, _ other: Int) {
        guard !nodes[one].links.contains(other) else { return }
        let (dx, dy) = (nodes[one].place.x - nodes[other].place.x, nodes[one].place.y - nodes[other].place.y)
        let quality = LinkQuality(roundTrip: .milliseconds(5 + abs(dx) + abs(dy)))
        for (node, peer) in [(one, other), (other, one)] {
            nodes[node].links.insert(peer)
            nodes[node].since[peer] = now
            nodes[node].machine.linkUp(nodes[peer].peer, now: now)
            nodes[node].machine.measured(nodes[peer].peer, quality, now: now)
            // Both tell whom they know.
            let known = (nodes[peer].known.union([peer])).subtracting(nodes[node].known).sorted()
            queue.push(.told(node, known), at: now + .milliseconds(100))
            pull(node)
        }
    }

    private mutating func disconnect(_ node: Int, _ peer: Int, _ end: Liveness.LinkEnd) {
        guard nodes[node].links.remove(peer) != nil || end == .lost, nodes[node].isRunning else { return }
        nodes[node].links.remove(peer)
        nodes[node].machine.linkDown(nodes[peer].peer, end, now: now)
        pull(node)
    }

    private mutating func learn(_ node: Int, _ peers: [Int], hasAddress: Bool) {
        guard nodes[node].isRunning else { return }
        var fresh: [Int] = []
        for peer in peers where peer != node && nodes[peer].isRunning {
            if nodes[node].known.insert(peer).inserted { fresh.append(peer) } else if !hasAddress { continue }
            var facts = TopologyPeer(nodes[peer].peer, hasAddress: hasAddress)
            facts.capacity = nodes[peer].capacity
            facts.uptime = nodes[peer].started.duration(to: now)
            nodes[node].machine.learn(facts, now: now)
        }
        if !fresh.isEmpty {
            for peer in nodes[node].links.sorted() {
                let news = fresh.filter { !nodes[peer].known.contains($0) }
                if !news.isEmpty { queue.push(.told(peer, news), at: now + .milliseconds(100)) }
            }
        }
        pull(node)
    }

    private mutating func pull(_ node: Int) {
        while let action = nodes[node].machine.nextAction() {
            let (peer, reason): (PeerID, TopologyReason)
            switch action {
            case .dial(let to, let why), .find(let to, let why), .letGo(let to, let why):
                (peer, reason) = (to, why)
            // Links are let go of at once.
            case .keep: continue
            }
            guard let other = index[peer] else { continue }
            mix(UInt64(node) << 32 | UInt64(other))
            reasons[reason.words, default: 0] += 1
            switch action {
            case .dial:
                dialCount += 1
                let delay = nodes[other].isRunning && !isCut(node, other) ? 50 : 2000
                queue.push(.dialled(node, other), at: now + .milliseconds(delay))
            case .find: queue.push(.found(node, other), at: now + .milliseconds(200))
            case .letGo:
                letGoCount += 1
                queue.push(.closed(node, other), at: now + .milliseconds(20))
            case .keep: break
            }
        }
        guard let next = nodes[node].machine.nextDeadline else { return }
        if let tick = nodes[node].tick, tick <= next { return }
        nodes[node].tick = max(next, now)
        queue.push(.tick(node), at: max(next, now))
    }

    private mutating func mix(_ value: UInt64) {
        trace = (trace ^ value ^ UInt64(bitPattern: now.nanosecondsSinceOrigin)) &* 0x100_0000_01b3
    }

    // MARK: Shape

    var running: [Int] { nodes.indices.filter { nodes[$0].isRunning } }

    var degrees: [Int] { running.map { nodes[$0].links.count } }

    /// How many links each has that are not young.
    var settledDegrees: [Int] {
        let young = now - limits.youth - .seconds(1)
        return running.map { node in
            nodes[node].links.count { nodes[node].since[$0].map { $0 <= young } ?? false }
        }
    }

    /// Whether no node has fewer neighbours than it needs, and none has had more than enough for long.
    var isWithinDegrees: Bool {
        degrees.allSatisfy { $0 >= limits.degreeMin } && settledDegrees.allSatisfy { $0 <= limits.degreeMax }
    }

    /// How far each running node is from one of them; -1 where there is no way.
    func distances(from start: Int) -> [Int] {
        var distances = [Int](repeating: -1, count: nodes.count)
        distances[start] = 0
        var (reached, next) = ([start], 0)
        while next < reached.count {
            let node = reached[next]
            next += 1
            for peer in nodes[node].links.sorted() where distances[peer] < 0 && nodes[peer].isRunning {
                distances[peer] = distances[node] + 1
                reached.append(peer)
            }
        }
        return running.map { distances[$0] }
    }

    var isConnected: Bool { running.first.map { !distances(from: $0).contains(-1) } ?? true }

    /// The longest of the shortest ways.
    var diameter: Int { running.map { distances(from: $0).max() ?? 0 }.max() ?? 0 }
}
