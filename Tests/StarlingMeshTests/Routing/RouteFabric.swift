import StarlingCore
import StarlingCrypto
import StarlingMesh

/// A table in a place of its own: tables cannot be copied.
final class FabricTable {
    var table: RouteTable

    init(_ table: consuming RouteTable) { self.table = table }
}

/// One machine of the fabric, with its disk.
struct FabricNode {
    let key: IdentityKey
    var disk = RigDisk()
    /// `nil` while it is down.
    var machine: FabricTable?
    /// Counts restarts, so that what was asked of an earlier run is dropped.
    var run = 0
    var batch: StoreBatch?
    /// Its clock differs from the others' by so much.
    var wallOffset: Int64 = 0
    /// For when it has asked to be woken.
    var wakeAt: Instant?
    /// Destinations that were not found.
    var notFound: [PeerID] = []

    var id: PeerID { key.peerID }
}

/// A link between two machines: up at each end for as long as that end does not know better.
struct FabricLink {
    let ends: [Int]
    var delay: Duration
    /// Whether bytes get through.
    var isAlive = true
    /// Whether each end takes it for up.
    var isUp = [true, true]
    /// When the last frame in each direction arrives: a stream keeps its order.
    var lastArrival: [Instant]

    func side(of node: Int) -> Int { ends[0] == node ? 0 : 1 }

    func joins(_ one: Int, _ other: Int) -> Bool {
        (ends[0] == one && ends[1] == other) || (ends[0] == other && ends[1] == one)
    }
}

/// Machines with a ``RouteTable`` each, links with delays, and virtual time; after every step no route may lead in a circle.
///
/// Everything is drawn from a seed, and nothing else decides: a seed that fails once fails always.
struct RouteFabric {
    struct Options {
        var limits = RouteTable.Limits()
        /// The longest time that a write takes.
        var writeMilliseconds = 20
        /// The longest time after which the other end of a dead link knows.
        var noticeMilliseconds = 15_000
        /// Links are as fast as this, or slower.
        var delayMilliseconds = 1...40
        /// Spoils what a neighbour tells on its way: for proving that the check bites.
        var tamper: (@Sendable (inout RouteFrame) -> Void)?
        /// Starts machines that have lost their disk as if their identity were new.
        var hidesLoss = false
        /// Whether signatures are checked for real.
        var verifies = true
    }

    enum Event {
        case deliver(link: Int, to: Int, frame: [UInt8])
        case stored(node: Int, run: Int)
        case wake(node: Int)
        case notice(link: Int, node: Int)
        case start(node: Int)
    }

    let options: Options
    var draws: SeededDraws
    var nodes: [FabricNode]
    private(set) var links: [FabricLink] = []
    /// The link that is alive between two machines, by both; -1 when there is none.
    private var alive: [Int]
    /// The neighbours of a machine that is down, which it connects to again.
    var neighbours: [Int: [Int]] = [:]
    var check: RouteLoopCheck
    private(set) var now = Instant(nanosecondsSinceOrigin: 0)
    private var queue = FabricQueue()
    /// What must not be.
    private(set) var violations: [String] = []
    private(set) var frameCount = 0
    private(set) var byteCount = 0
    /// When a route last became another one.
    private(set) var lastChange = Instant(nanosecondsSinceOrigin: 0)

    init(seed: UInt64, nodeCount: Int, options: Options = Options()) {
        self.options = options
        draws = SeededDraws(seed: seed)
        nodes = (0..<nodeCount).map { FabricNode(key: Self.key($0)) }
        alive = [Int](repeating: -1, count: nodeCount * nodeCount)
        check = RouteLoopCheck(nodes.map(\.id))
        for node in nodes.indices {
            nodes[node].wallOffset = Int64(draws.below(600_000)) - 300_000
            start(node, .fresh)
        }
    }

    private static func key(_ number: Int) -> IdentityKey {
        let seed = [UInt8(number & 0xff), UInt8(number >> 8)] + [UInt8](repeating: 7, count: 30)
        guard let key = try? IdentityKey(seed: seed) else { preconditionFailure("any 32 bytes are a seed") }
        return key
    }

    func wallNow(_ node: Int) -> WallTime {
        WallTime(
            millisecondsSince1970: 1_767_225_600_000 + now.nanosecondsSinceOrigin / 1_000_000
                + nodes[node].wallOffset
        )
    }

    // MARK: Links

    mutating func add(_ link: FabricLink) {
        links.append(link)
        setAlive(links.count - 1, true)
    }

    mutating func setAlive(_ link: Int, _ isAlive: Bool) {
        links[link].isAlive = isAlive
        let (one, other) = (links[link].ends[0], links[link].ends[1])
        for place in [one * nodes.count + other, other * nodes.count + one] {
            if isAlive { alive[place] = link } else if alive[place] == link { alive[place] = -1 }
        }
    }

    mutating func setUp(_ link: Int, _ side: Int, _ isUp: Bool) { links[link].isUp[side] = isUp }

    mutating func setDelay(_ link: Int, _ delay: Duration) { links[link].delay = delay }

    func aliveLink(_ one: Int, _ other: Int) -> Int? {
        let link = alive[one * nodes.count + other]
        return link >= 0 ? link : nil
    }

    // MARK: Machines

    /// Starts a machine with the rows on its disk.
    mutating func start(_ node: Int, _ memory: RouteMemory) {
        nodes[node].run += 1
        let cache =
            options.verifies
            ? nil : RouteProofCache(countMax: 4096) { proof throws(RouteProofError) in proof }
        var table = RouteTable(identity: nodes[node].key, limits: options.limits, proofs: cache, now: now)
        for row in RoutingTables.all.flatMap({ nodes[node].disk.rows(of: $0) }) {
            do throws(RouteRowError) {
                try table.restore(row, now: now)
            } catch {
                violations.append("\(now.nanosecondsSinceOrigin): node \(node) restores: \(error)")
            }
        }
        table.begin(memory, now: now, wallNow: wallNow(node))
        nodes[node].machine = FabricTable(table)
        nodes[node].batch = nil
        settle(node)
    }

    /// Something happens to a machine, and what it wants done is done.
    mutating func with(_ node: Int, _ body: (inout RouteTable, Instant, WallTime) -> Void) {
        guard let machine = nodes[node].machine else { return }
        body(&machine.table, now, wallNow(node))
        settle(node)
    }

    private mutating func settle(_ node: Int) {
        var changed: [PeerID] = []
        while let action = nodes[node].machine?.table.nextAction() {
            switch action {
            case .write:
                guard let batch = nodes[node].machine?.table.takeBatch() else { continue }
                nodes[node].batch = batch
                let wait = Duration.milliseconds(draws.below(options.writeMilliseconds + 1))
                queue.insert(.stored(node: node, run: nodes[node].run), at: now + wait)
            case .transmit(let peer): transmit(from: node, to: peer)
            case .changed(let destination):
                lastChange = now
                changed.append(destination)
            case .notFound(let destination): nodes[node].notFound.append(destination)
            }
        }
        if let deadline = nodes[node].machine?.table.nextDeadline,
            nodes[node].wakeAt.map({ deadline < $0 }) ?? true
        {
            nodes[node].wakeAt = deadline
            queue.insert(.wake(node: node), at: max(deadline, now))
        }
        let fills = check.stepCount % 64 == 0 ? nodes[node].machine?.table.tableFills : nil
        for fill in fills ?? [] where fill.isOverfull {
            violations.append("\(now.nanosecondsSinceOrigin): node \(node): \(fill)")
        }
        if let found = check.step(node, nodes[node].machine, changed: changed) {
            violations.append("\(now.nanosecondsSinceOrigin): \(found)")
        }
    }

    private mutating func transmit(from node: Int, to peer: PeerID) {
        guard let other = check.index[peer] else { return }
        let place = links.lastIndex { link in
            let side = link.side(of: node)
            return link.joins(node, other) && link.isUp[side]
        }
        while var frame = nodes[node].machine?.table.nextFrame(for: peer, now: now) {
            frameCount += 1
            guard let place else { continue }
            options.tamper?(&frame)
            let side = links[place].side(of: node)
            let arrival = max(links[place].lastArrival[side], now + links[place].delay)
            links[place].lastArrival[side] = arrival
            let bytes = frame.encoded
            byteCount += bytes.count
            queue.insert(.deliver(link: place, to: links[place].ends[1 - side], frame: bytes), at: arrival)
        }
    }

    // MARK: Time

    /// Runs everything that happens until then.
    mutating func run(for duration: Duration) {
        let end = now + duration
        while let (event, time) = queue.popFirst(through: end) {
            now = time
            take(event)
        }
        now = end
    }

    private mutating func take(_ event: Event) {
        switch event {
        case .deliver(let link, let node, let bytes): deliver(link, node, bytes)
        case .stored(let node, let run):
            guard nodes[node].run == run, let batch = nodes[node].batch else { return }
            nodes[node].disk.apply(batch)
            nodes[node].batch = nil
            with(node) { $0.stored(now: $1, wallNow: $2) }
        case .wake(let node):
            guard nodes[node].wakeAt.map({ $0 <= now }) ?? false else { return }
            nodes[node].wakeAt = nil
            with(node) { $0.advance(to: $1, wallNow: $2) }
        case .notice(let link, let node): notice(link, node)
        case .start(let node): restart(node)
        }
    }

    private mutating func deliver(_ link: Int, _ node: Int, _ bytes: [UInt8]) {
        guard links[link].isAlive, links[link].isUp[links[link].side(of: node)] else { return }
        let sender = nodes[links[link].ends[1 - links[link].side(of: node)]].id
        var offset = 0
        guard (try? Varint.read(bytes.span, at: &offset)) != nil,
            let frame = try? RouteFrame.parse(bytes.span.extracting(offset..<bytes.count))
        else {
            violations.append("\(now.nanosecondsSinceOrigin): a frame that cannot be read")
            return
        }
        var breach: RouteBreach?
        with(node) { table, now, wall in
            do throws(RouteBreach) {
                try table.receive(frame, from: sender, now: now, wallNow: wall)
            } catch {
                breach = error
            }
        }
        if let breach, options.tamper == nil {
            violations.append("\(now.nanosecondsSinceOrigin): node \(node) from \(sender): \(breach)")
        }
    }

    mutating func schedule(_ event: Event, after duration: Duration) {
        queue.insert(event, at: now + duration)
    }

    mutating func report(_ violation: String) {
        violations.append("\(now.nanosecondsSinceOrigin): \(violation)")
    }
}

/// Events by their time, those of one moment in the order of their insertion.
private struct FabricQueue {
    private var heap: [(time: Instant, number: Int, event: RouteFabric.Event)] = []
    private var count = 0

    mutating func insert(_ event: RouteFabric.Event, at time: Instant) {
        heap.append((time, count, event))
        count += 1
        var place = heap.count - 1
        while place > 0, isBefore(place, (place - 1) / 2) {
            heap.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    mutating func popFirst(through end: Instant) -> (RouteFabric.Event, Instant)? {
        guard let first = heap.first, first.time <= end else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var place = 0
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2] where child < heap.count && isBefore(child, least) {
                least = child
            }
            guard least != place else { break }
            heap.swapAt(place, least)
            place = least
        }
        return (first.event, first.time)
    }

    private func isBefore(_ left: Int, _ right: Int) -> Bool {
        (heap[left].time, heap[left].number) < (heap[right].time, heap[right].number)
    }
}
