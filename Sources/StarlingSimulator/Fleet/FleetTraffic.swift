internal import StarlingCore

/// How much the applications of a fleet send, and to whom.
package final class FleetTraffic: @unchecked Sendable {  // tidy-ok: one thread
    package struct Options: Sendable, Equatable {
        /// What a node sends in an hour in which it is up all the time.
        package var messagesPerHour = 16
        /// Links that a message's recipient is away from its sender at most, where nodes are linked.
        package var linkCountMax = 5
        /// The chance of a reader or handler to die over an entry.
        package var deathRatio = 0.15
        /// The shortest lifetime of a message: with one that is longer than the run all have to be delivered.
        package var lifetimeMin: Duration = .zero

        package init() {}
    }

    let options: Options
    /// By how much the clocks of two nodes may differ.
    let clockTolerance: Duration
    /// Whether new messages are sent.
    private(set) var isOpen = true

    private let nodeCount: Int
    /// By node, those that it is linked with; none where nodes write to partners.
    private let neighbours: [[Int]]?
    /// Those that nobody writes to.
    private let hostile: Set<Int>

    /// - Parameters:
    ///   - neighbours: by node, those that it is linked with; `nil` where nodes write to partners.
    ///   - hostile: those that nobody writes to.
    init(
        _ options: Options,
        nodeCount: Int,
        neighbours: [[Int]]?,
        hostile: Set<Int>,
        clockTolerance: Duration
    ) {
        self.hostile = hostile
        self.options = options
        self.nodeCount = nodeCount
        self.neighbours = neighbours
        self.clockTolerance = clockTolerance
    }

    func close() { isOpen = false }

    /// Between two bursts.
    func pause(using random: inout SplitMix64) -> Duration {
        // Evenly up to twice the mean, which is that of as many messages as a burst has.
        let mean = 3600.0 * Self.burstMean / Double(options.messagesPerHour)
        return .milliseconds(random.number(below: Int(mean * 2000)))
    }

    /// Of ten bursts eight are one message; one goes over the limit of a small queue.
    func burst(using random: inout SplitMix64) -> Int {
        switch random.number(below: 10) {
        case ..<8: 1
        case 8: 2 + random.number(below: 5)
        default: 8 + random.number(below: 17)
        }
    }

    private static let burstMean = 2.8

    func recipient(of sender: Int, using random: inout SplitMix64) -> Int {
        func suits(_ node: Int) -> Bool { node != sender && !hostile.contains(node) }
        for _ in 0..<Self.drawCountMax {
            let node: Int
            if let neighbours {
                node = walk(from: sender, neighbours, using: &random)
            } else {
                let others = Self.others(of: sender, nodeCount: nodeCount)
                node = others[random.number(below: others.count)]
            }
            if suits(node) { return node }
        }
        // All that are near are hostile.
        return (0..<nodeCount).first(where: suits) ?? sender
    }

    /// Draws of a recipient; each suits with a chance of one half or more, nearly always.
    private static let drawCountMax = 1000

    /// Where one gets who goes over some links, and never straight back.
    private func walk(from start: Int, _ neighbours: [[Int]], using random: inout SplitMix64) -> Int {
        var (here, last) = (start, start)
        for _ in 0...random.number(below: options.linkCountMax) {
            let ways = neighbours[here].filter { $0 != last }
            guard !ways.isEmpty else { break }
            (last, here) = (here, ways[random.number(below: ways.count)])
        }
        return here
    }

    /// Those that a node writes to where nodes are not linked, ordered, without itself.
    static func others(of sender: Int, nodeCount: Int) -> [Int] {
        Set(FleetNode.distances.map { (sender + $0) % nodeCount }).subtracting([sender]).sorted()
    }
}
