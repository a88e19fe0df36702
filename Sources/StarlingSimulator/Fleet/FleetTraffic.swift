internal import StarlingCore

/// How much the applications of a fleet send, and to whom.
final class FleetTraffic: @unchecked Sendable {  // tidy-ok: one thread
    /// The chance of a reader or handler to die over an entry.
    let deathRatio = 0.15
    /// By how much the clocks of two nodes may differ.
    let clockTolerance: Duration
    /// Whether new messages are sent.
    private(set) var isOpen = true

    private let nodeCount: Int
    /// Messages of one node in an hour of virtual time in which it is up.
    private let messagesPerHour: Int
    /// How far away, in the order of their making, those are that a node writes to.
    static let distances = [1, 2, 7, 17, 31]

    init(nodeCount: Int, messagesPerHour: Int, clockTolerance: Duration) {
        self.nodeCount = nodeCount
        self.messagesPerHour = messagesPerHour
        self.clockTolerance = clockTolerance
    }

    func close() { isOpen = false }

    /// Between two bursts.
    func pause(using random: inout SplitMix64) -> Duration {
        // Evenly up to twice the mean, which is that of as many messages as a burst has.
        let mean = 3600.0 * Self.burstMean / Double(messagesPerHour)
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
        let others = Self.others(of: sender, nodeCount: nodeCount)
        return others[random.number(below: others.count)]
    }

    /// Those that a node writes to, ordered, without itself.
    static func others(of sender: Int, nodeCount: Int) -> [Int] {
        Set(distances.map { (sender + $0) % nodeCount }).subtracting([sender]).sorted()
    }
}
