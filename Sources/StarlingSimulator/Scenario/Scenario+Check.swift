internal import StarlingCore

// What belongs together in a scenario.
extension Scenario {
    /// Messages that all nodes send in a run: the records of as many take two gigabytes.
    private static let messageCountMax = 10_000_000.0
    private static let linkCountMax = 1_000_000
    /// Until then all nodes have booted.
    private static let bootTime = Duration.seconds(3)

    /// Looks at what belongs together; a flag may have changed the number of nodes since it was read.
    package func check() throws(ScenarioError) {
        try checkSize()
        try checkTopology()
        try checkLinks()
        for (index, step) in options.plan.enumerated() { try check(step, "events[\(index)]") }
        try checkRules()
    }

    private func checkSize() throws(ScenarioError) {
        guard options.duration > options.quietTime else {
            let minutes = options.quietTime.components.seconds / 60
            throw .field("minutes", "more than the \(minutes) quiet ones at the end")
        }
        let nodeHours = options.duration.inSeconds / 3600 * Double(options.nodeCount)
        guard nodeHours * Double(options.traffic.messagesPerHour) <= Self.messageCountMax else {
            throw .field(
                "traffic.messages_per_hour",
                "so few that all nodes send 10,000,000 at most in the run"
            )
        }
        guard options.usesRoutes || options.routeCountMax == nil else {
            throw .field("routes_max", "left out where 'routes' is not true")
        }
    }

    private func checkTopology() throws(ScenarioError) {
        let nodeCount = options.nodeCount
        switch options.topology.shape {
        case .partners:
            if options.topology.isForced {
                throw .field("topology.forced", "left out where nobody is linked: nothing would pass")
            }
            return
        case .full:
            guard nodeCount * (nodeCount - 1) / 2 <= Self.linkCountMax else {
                throw .field(
                    "topology.shape",
                    "another one: each with each would be more than 1,000,000 links"
                )
            }
            return
        case .random(let degree):
            guard nodeCount * degree / 2 <= Self.linkCountMax else {
                throw .field("topology.degree", "less: there would be more than 1,000,000 links")
            }
        case .line, .ring, .grid: break
        case .pairs(let pairs):
            for (index, pair) in pairs.enumerated() where pair.upper >= nodeCount {
                throw .field("topology.links[\(index)]", "two nodes, each \(anyNode)")
            }
            let linked = Set(pairs.flatMap { [$0.lower, $0.upper] })
            if let lone = (0..<nodeCount).first(where: { !linked.contains($0) }) {
                throw .field("topology.links", "such that node \(lone) has one, too")
            }
        }
        guard options.usesRoutes || options.traffic.linkCountMax == 1 || nodeCount == 2 else {
            throw .field("traffic.links_max", "1, or 'routes' true: others than neighbours are written to")
        }
    }

    private func checkLinks() throws(ScenarioError) {
        for (index, link) in options.ownLinks.enumerated() {
            try check(link.from, link.to, "links[\(index)]")
        }
    }

    private func check(_ step: FleetStep, _ field: String) throws(ScenarioError) {
        guard step.nodes.allSatisfy((0..<options.nodeCount).contains) else {
            throw .field(field, "about nodes that there are, each \(anyNode)")
        }
        guard step.time + step.duration <= options.duration - options.quietTime else {
            throw .field(field, "over when the quiet time at the end begins")
        }
        switch step.fault {
        case .split(let share):
            let count = FleetStep.splitCount(share, of: options.nodeCount)
            guard count > 0, count < options.nodeCount else {
                throw .field("\(field).share", "such that there is a node on either side")
            }
        case .partition(let groups):
            guard groups.count >= 2, groups.allSatisfy({ !$0.isEmpty }),
                Set(step.nodes).count == step.nodes.count
            else { throw .field("\(field).groups", "two lists of nodes or more, with no node twice") }
        case .crash, .stop:
            guard step.time >= Self.bootTime else {
                throw .field("\(field).at_s", "3 or more: nodes boot in the first seconds")
            }
        case .cut(let from, let to): try check(from, to, field)
        case .flap(let one, let other, _): try check(one, other, field)
        case .skew: break
        }
    }

    private func check(_ one: Int, _ other: Int, _ field: String) throws(ScenarioError) {
        let nodes = 0..<options.nodeCount
        guard nodes.contains(one), nodes.contains(other), one != other else {
            throw .field(field, "between two nodes, each \(anyNode)")
        }
        if options.topology.isForced, !options.topology.mayLink(one, other, of: options.nodeCount) {
            throw .field(field, "between two nodes that are linked: nothing passes between others")
        }
    }

    private func checkRules() throws(ScenarioError) {
        guard options.hostileRatio == 0 || options.hostileCount > 0 else {
            throw .field("hostile.share", "so much that it is one node at least, and two stay honest")
        }
        let hasPartition = options.plan.contains { step in
            switch step.fault {
            case .split, .partition: true
            case .crash, .stop, .cut, .flap, .skew: false
            }
        }
        guard options.healingTimeMax == nil || hasPartition else {
            throw .field("heals_within_s", "left out where there is no partition among the events")
        }
    }

    private var anyNode: String { "a node from 0 to \(options.nodeCount - 1)" }
}
