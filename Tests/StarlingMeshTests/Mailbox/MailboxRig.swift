import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

/// A sender, a recipient that it never meets, and mailboxes between them; with crashes, absences, disks that fail and
/// mailboxes that lie, all from one seed, in virtual time.
///
/// Node 0 sends, node 1 receives, the others are mailboxes that the recipient names.
struct MailboxRig {
    enum Event {
        case send
        case ask(from: Int, to: Int, session: Int, MailboxAsk)
        case answer(from: Int, to: Int, session: Int, MailboxAnswer)
        case committed(Int, run: Int, Part)
        case reach(Int, run: Int, peer: Int)
        case sought(Int, run: Int)
        case up(Int)
        case down(Int)
        case crash(Int)
        case tick(Int, run: Int, at: Instant)
    }

    /// A machine that writes.
    enum Part: CaseIterable { case outbox, sender, inbox, shelf }

    /// What is wrong with a mailbox.
    enum Lie {
        /// It never answers.
        case silent
        /// It says that it has stored, and drops.
        case dropping
        /// It keeps, and hands out nothing.
        case withholding
        /// What it hands out is no envelope.
        case garbage
        /// What it hands out is somebody else's.
        case foreign
        /// What it hands out has another body.
        case forging
        /// It hands out the same without end.
        case endless
    }

    struct Node {
        let key: IdentityKey
        var isUp = true
        var isRunning = true
        /// Counts restarts.
        var run = 0
        /// Counts the times that it was there.
        var session = 0
        var wallOffset: Int64 = 0
        var disk = RigDisk()
        var batches: [Part: StoreBatch] = [:]
        var lie: Lie?
        /// Times that it dropped or withheld a message.
        var missedCount = 0
        var outbox: Outbox
        var sender: MailboxSender
        var fetcher: MailboxFetcher
        var inbox: Inbox
        var shelf: MailboxShelf
        /// Receipts that the outbox has not on the disk.
        var receipts: [(ids: [MessageID], from: PeerID)] = []
        /// Messages that the inbox has not on the disk, and those that go with its batch.
        var takes: [(id: MessageID, of: PeerID, outcome: Receipt.Outcome)] = []
        var takesUnderWay: [(id: MessageID, of: PeerID, outcome: Receipt.Outcome)] = []
        var watched: [PeerID] = []
    }

    static let mailboxLimits: MailboxShelf.Limits = {
        var limits = MailboxShelf.Limits()
        limits.senderCountMax = 200
        return limits
    }()

    var nodes: [Node] = []
    var peers: [PeerID: Int] = [:]
    var draws: SeededDraws
    var now = Instant(nanosecondsSinceOrigin: 0)
    private var queue: [(time: Instant, order: UInt64, event: Event)] = []
    private var order: UInt64 = 0
    private var ticks: [Instant?]
    var commitFailureRatio = 0.03
    /// Messages that the outbox accepted.
    var accepted: Set<MessageID> = []
    var delivered: Set<MessageID> = []
    var lifetime: Duration = .seconds(72 * 3600)
    var breaches: [(MailboxBreach, by: Int)] = []
    var violations: [String] = []
    private(set) var steps = 0
    private(set) var trace: UInt64 = 0xcbf2_9ce4_8422_2325
    /// The most copies of one message that ever were.
    var copyCountMax = 0

    init(seed: UInt64, mailboxCount: Int, lies: [Int: Lie] = [:]) {
        draws = SeededDraws(seed: seed)
        ticks = [Instant?](repeating: nil, count: mailboxCount + 2)
        for index in 0..<mailboxCount + 2 {
            let key = MessageKit.key(UInt8(index + 1))
            peers[key.peerID] = index
            let node = Node(
                key: key,
                outbox: Outbox(own: key.peerID, seed: 1),
                sender: MailboxSender(own: key.peerID, seed: 1),
                fetcher: MailboxFetcher(own: key.peerID, seed: 1),
                inbox: Inbox(own: key.peerID, seed: 1),
                shelf: MailboxShelf(own: key.peerID)
            )
            nodes.append(node)
            nodes[index].lie = lies[index]
            nodes[index].wallOffset = Int64(draws.below(600_000)) - 300_000
        }
        for index in nodes.indices { start(index) }
    }

    var mailboxes: [PeerID] { nodes.dropFirst(2).map(\.key.peerID) }

    func wall(_ node: Int) -> WallTime {
        let milliseconds = Instant(nanosecondsSinceOrigin: 0).duration(to: now).milliseconds
        return WallTime(
            millisecondsSince1970: MessageKit.created.millisecondsSince1970 + milliseconds
                + nodes[node].wallOffset
        )
    }

    // MARK: Time

    mutating func schedule(_ event: Event, in delay: Duration) {
        order += 1
        let entry = (time: now + delay, order: order, event: event)
        // Kept in order, the next one last.
        var (low, high) = (0, queue.count)
        while low < high {
            let middle = (low + high) / 2
            if (queue[middle].time, queue[middle].order) > (entry.time, entry.order) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        queue.insert(entry, at: low)
    }

    mutating func run(until end: Instant) throws {
        while let next = queue.last, next.time <= end, violations.isEmpty {
            queue.removeLast()
            now = next.time
            steps += 1
            try handle(next.event)
            let touched = touched(by: next.event)
            for node in touched { try pump(node) }
            check(next.event, touched)
        }
        now = end
    }

    func jitter(_ draws: inout SeededDraws) -> Duration { .milliseconds(Int64(1 + draws.below(40))) }

    mutating func delay() -> Duration { jitter(&draws) }

    private mutating func handle(_ event: Event) throws {
        note(event)
        switch event {
        case .send: try send()
        case .ask(let from, let to, let session, let ask):
            guard nodes[from].session + nodes[to].session == session, isLinked(from, to) else { return }
            try hear(ask, from: from, at: to)
        case .answer(let from, let to, let session, let answer):
            guard nodes[from].session + nodes[to].session == session, isLinked(from, to) else { return }
            hear(answer, from: from, at: to)
        case .committed(let node, let run, let part):
            guard nodes[node].run == run, nodes[node].isRunning else { return }
            committed(node, part)
        case .reach(let node, let run, let peer):
            guard nodes[node].run == run, nodes[node].isRunning else { return }
            let id = nodes[peer].key.peerID
            if isLinked(node, peer) {
                nodes[node].sender.linkUp(id, now: now)
                nodes[node].fetcher.linkUp(id, now: now)
            } else {
                nodes[node].sender.unreachable(id, now: now)
                nodes[node].fetcher.unreachable(id, now: now)
            }
        case .sought(let node, let run):
            guard nodes[node].run == run, nodes[node].isUp else { return }
            nodes[node].sender.list(mailboxes, of: nodes[1].key.peerID, now: now)
        case .up(let node): setUp(node, true)
        case .down(let node): setUp(node, false)
        case .crash(let node): crash(node)
        case .tick(let node, let run, let time):
            guard nodes[node].run == run, nodes[node].isRunning else { return }
            if ticks[node] == time { ticks[node] = nil }
            nodes[node].outbox.advance(to: now, wallNow: wall(node))
            nodes[node].sender.advance(to: now)
            nodes[node].fetcher.advance(to: now)
            nodes[node].inbox.advance(to: now)
            nodes[node].shelf.advance(to: now)
        }
    }

    /// So that two runs of a seed can be compared.
    private mutating func note(_ event: Event) {
        let name: [UInt64] =
            switch event {
            case .send: [1]
            case .ask(let from, let to, _, _): [2, UInt64(from), UInt64(to)]
            case .answer(let from, let to, _, _): [3, UInt64(from), UInt64(to)]
            case .committed(let node, _, _): [4, UInt64(node)]
            case .reach(let node, _, let peer): [5, UInt64(node), UInt64(peer)]
            case .sought(let node, _): [6, UInt64(node)]
            case .up(let node): [7, UInt64(node)]
            case .down(let node): [8, UInt64(node)]
            case .crash(let node): [9, UInt64(node)]
            case .tick(let node, _, _): [10, UInt64(node)]
            }
        for word in [UInt64(bitPattern: now.nanosecondsSinceOrigin)] + name {
            trace = (trace ^ word) &* 0x100_0000_01b3
        }
    }

    mutating func setTick(_ node: Int) {
        let entry = nodes[node]
        let first = Instant.earlier(
            .earlier(
                .earlier(entry.outbox.nextDeadline, entry.sender.nextDeadline),
                entry.fetcher.nextDeadline
            ),
            .earlier(entry.inbox.nextDeadline, entry.shelf.nextDeadline)
        )
        guard let first, ticks[node].map({ first < $0 }) ?? true else { return }
        ticks[node] = first
        schedule(.tick(node, run: entry.run, at: first), in: max(.zero, now.duration(to: first)))
    }

    // MARK: Nodes

    func isLinked(_ one: Int, _ other: Int) -> Bool {
        // The sender and the recipient never meet.
        guard nodes[one].isUp, nodes[other].isUp else { return false }
        return one != other && (one > 1 || other > 1)
    }

    private mutating func setUp(_ node: Int, _ isUp: Bool) {
        guard nodes[node].isUp != isUp else { return }
        if !nodes[node].isRunning {
            guard isUp else { return }
            restart(node)
        }
        let linked = nodes.indices.filter { isLinked(node, $0) }
        nodes[node].isUp = isUp
        nodes[node].session += 1
        let id = nodes[node].key.peerID
        if isUp {
            for other in nodes.indices where isLinked(node, other) { link(node, other) }
        } else {
            for other in linked where nodes[other].isRunning {
                nodes[other].sender.linkDown(id, now: now)
                nodes[other].fetcher.linkDown(id, now: now)
                nodes[node].sender.linkDown(nodes[other].key.peerID, now: now)
                nodes[node].fetcher.linkDown(nodes[other].key.peerID, now: now)
            }
        }
    }

    private mutating func link(_ one: Int, _ other: Int) {
        for (from, to) in [(one, other), (other, one)] {
            nodes[from].sender.linkUp(nodes[to].key.peerID, now: now)
            nodes[from].fetcher.linkUp(nodes[to].key.peerID, now: now)
        }
    }

    private mutating func crash(_ node: Int) {
        guard nodes[node].isRunning else { return }
        setUp(node, false)
        // What was on its way to the disk may be there, or not.
        for part in Part.allCases {
            if let batch = nodes[node].batches[part], draws.happens(0.5) { nodes[node].disk.apply(batch) }
        }
        nodes[node].batches = [:]
        nodes[node].isRunning = false
        nodes[node].run += 1
        ticks[node] = nil
        nodes[node].receipts = []
        (nodes[node].takes, nodes[node].takesUnderWay) = ([], [])
        nodes[node].watched = []
    }
}
