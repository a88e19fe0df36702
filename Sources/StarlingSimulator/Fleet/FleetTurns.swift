/// Which nodes of a fleet are looked at next, where there are too many to look at all of them at once.
struct FleetTurns {
    private let turnCountMax: Int
    /// All nodes; those that were not looked at for longest come first.
    private var queue: [Int]

    /// - Parameter turnCountMax: Nodes that are looked at in one turn.
    init(nodeCount: Int, turnCountMax: Int = 100) {
        self.turnCountMax = turnCountMax
        queue = Array(0..<nodeCount)
    }

    /// The nodes of this turn.
    ///
    /// Who is down keeps its place in the queue: it has its turn as soon as it is up.
    mutating func next(where isUp: (Int) -> Bool) -> [Int] {
        var (seen, waiting): ([Int], [Int]) = ([], [])
        for node in queue {
            if seen.count < turnCountMax, isUp(node) { seen.append(node) } else { waiting.append(node) }
        }
        queue = waiting + seen
        return seen
    }
}
