internal import StarlingAPI
internal import StarlingCore
internal import StarlingNode

/// Reads the fields of a scenario; what none of them says is the quiet usual: no faults, no hops.
struct ScenarioReader {
    private let fields: JSONFields

    private enum Shape: String, CaseIterable { case partners, full, line, ring, grid, random, links }
    private enum Event: String, CaseIterable { case partition, crash, stop, cut, flap, clock }

    /// A minute to a week, and virtual seconds of as much.
    private static let minutes = Int64(1)...10_080
    private static let secondsMax = 604_800.0
    /// The longest lifetime of a message that scenarios know of.
    private static let lifetimeSecondsMax = 86_400.0
    /// The longest mean time between two faults of a kind.
    private static let minutesMax = 100_000.0
    private static let nodeCounts = Int64(2)...100_000
    private static let mailboxCounts = Int64(0)...8
    private static let routeCounts =
        Int64(NodeConfiguration.routeCounts.lowerBound)...Int64(NodeConfiguration.routeCounts.upperBound)

    init(_ json: JSON) throws(JSONShapeError) { fields = try JSONFields(json) }

    func scenario(_ name: String) throws(JSONShapeError) -> Scenario {
        try fields.refuseAllBut([
            "summary", "nodes", "minutes", "quiet_minutes", "routes", "routes_max", "topology", "link",
            "links",
            "traffic", "faults", "events", "mailboxes", "hostile", "heals_within_s",
        ])
        var options = DeliveryFleet.Options()
        options.link = LinkProfile()
        options.traffic.deathRatio = 0
        options.nodeCount = Int(try fields.numberIfAny("nodes", in: Self.nodeCounts) ?? 10)
        options.duration = .seconds(60 * (try fields.numberIfAny("minutes", in: Self.minutes) ?? 60))
        options.quietTime = .seconds(60 * (try fields.numberIfAny("quiet_minutes", in: Self.minutes) ?? 10))
        options.usesRoutes = try fields.boolIfAny("routes") ?? false
        options.routeCountMax = try fields.numberIfAny("routes_max", in: Self.routeCounts).map(Int.init)
        if let topology = try fields.objectIfAny("topology") {
            options.topology = try Self.topology(topology)
        }
        options.faults = try Self.faults(try fields.objectIfAny("faults"))
        if let link = try fields.objectIfAny("link") {
            options.link = try Self.profile(link, LinkProfile(), others: [])
            (options.faults.lossRatio, options.link.lossRatio) = (options.link.lossRatio, 0)
        }
        let usual = options.link
        options.ownLinks =
            try fields.listIfAny("links") { (json, path) throws(JSONShapeError) in
                try Self.ownLink(JSONFields(json, path: path), usual)
            } ?? []
        if let traffic = try fields.objectIfAny("traffic") { options.traffic = try Self.traffic(traffic) }
        options.plan =
            try fields.listIfAny("events") { (json, path) throws(JSONShapeError) in
                try Self.step(JSONFields(json, path: path))
            } ?? []
        options.mailboxCount = Int(try fields.numberIfAny("mailboxes", in: Self.mailboxCounts) ?? 0)
        if let hostile = try fields.objectIfAny("hostile") {
            try hostile.refuseAllBut(["share", "does"])
            options.hostileRatio = try hostile.decimalIfAny("share", in: 0...0.9) ?? 0.2
            options.hostilities = try hostile.wordsIfAny("does") ?? FleetHostility.allCases
        }
        options.healingTimeMax = try Self.durationIfAny(fields, "heals_within_s", max: Self.secondsMax)
        return Scenario(name, try fields.textIfAny("summary") ?? "", options)
    }

    private static func topology(_ fields: JSONFields) throws(JSONShapeError) -> FleetTopology {
        let shape = try fields.word("shape", Shape.self)
        var known = ["shape", "forced"]
        let topology: FleetTopology.Shape
        switch shape {
        case .partners: topology = .partners
        case .full: topology = .full
        case .line: topology = .line
        case .ring: topology = .ring
        case .grid:
            known.append("columns")
            topology = .grid(columnCount: Int(try fields.number("columns", in: 1...1000)))
        case .random:
            known.append("degree")
            topology = .random(degree: Int(try fields.number("degree", in: 2...1000)))
        case .links:
            known.append("links")
            topology = .pairs(
                try fields.list("links") { (json, path) throws(JSONShapeError) in
                    let nodes = try Self.nodes(json, path)
                    guard nodes.count == 2, nodes[0] != nodes[1] else {
                        throw JSONShapeError(field: path, expectation: "two nodes such as [0, 1]")
                    }
                    return HostPair(nodes[0], nodes[1])
                }
            )
        }
        try fields.refuseAllBut(known)
        return FleetTopology(topology, isForced: try fields.boolIfAny("forced") ?? false)
    }

    private static func profile(
        _ fields: JSONFields,
        _ usual: LinkProfile,
        others: [String]
    ) throws(JSONShapeError) -> LinkProfile {
        try fields.refuseAllBut(["latency_ms", "jitter_ms", "bytes_per_second", "loss"] + others)
        var profile = usual
        profile.latency = try durationIfAny(fields, "latency_ms", unit: 0.001, max: 60_000) ?? usual.latency
        profile.jitter = try durationIfAny(fields, "jitter_ms", unit: 0.001, max: 60_000) ?? usual.jitter
        profile.bytesPerSecond =
            try fields.numberIfAny("bytes_per_second", in: 100...(1 << 40)).map(Int.init)
            ?? usual.bytesPerSecond
        profile.lossRatio = try fields.decimalIfAny("loss", in: 0...0.9) ?? usual.lossRatio
        return profile
    }

    private static func ownLink(_ fields: JSONFields, _ usual: LinkProfile) throws(JSONShapeError)
        -> FleetLink
    {
        FleetLink(
            from: try fields.count("from"),
            to: try fields.count("to"),
            isBothWays: try fields.boolIfAny("both_ways") ?? true,
            try profile(fields, usual, others: ["from", "to", "both_ways"])
        )
    }

    private static func traffic(_ fields: JSONFields) throws(JSONShapeError) -> FleetTraffic.Options {
        try fields.refuseAllBut(["messages_per_hour", "links_max", "deaths", "lifetime_min_s"])
        var options = FleetTraffic.Options()
        if let count = try fields.numberIfAny("messages_per_hour", in: 1...100_000) {
            options.messagesPerHour = Int(count)
        }
        if let count = try fields.numberIfAny("links_max", in: 1...10) { options.linkCountMax = Int(count) }
        options.deathRatio = try fields.decimalIfAny("deaths", in: 0...0.9) ?? 0
        options.lifetimeMin = try durationIfAny(fields, "lifetime_min_s", max: lifetimeSecondsMax) ?? .zero
        return options
    }

    private static func faults(_ fields: JSONFields?) throws(JSONShapeError) -> FleetFaults.Options {
        var options = FleetFaults.Options.none
        guard let fields else { return options }
        try fields.refuseAllBut([
            "churn", "resets_per_minute", "partition_minutes", "cut_minutes", "clock_s", "clock_jump_minutes",
        ])
        if let churn = try fields.objectIfAny("churn") { try read(churn, into: &options) }
        options.resetRatioPerMinute = try fields.decimalIfAny("resets_per_minute", in: 0...1) ?? 0
        options.splitInterval = try minutesIfAny(fields, "partition_minutes")
        options.cutInterval = try minutesIfAny(fields, "cut_minutes")
        options.clockErrorMax = try durationIfAny(fields, "clock_s", max: 86_400) ?? .zero
        options.jumpInterval = try minutesIfAny(fields, "clock_jump_minutes")
        return options
    }

    /// So much of the nodes goes away in a minute, some of them in order and some not.
    private static func read(
        _ fields: JSONFields,
        into options: inout FleetFaults.Options
    ) throws(JSONShapeError) {
        try fields.refuseAllBut(["per_minute", "crashes", "down_s"])
        let ratio = try fields.decimalIfAny("per_minute", in: 0...1) ?? 0
        let crashes = try fields.decimalIfAny("crashes", in: 0...1) ?? 1
        options.crashInterval = try interval(ratio * crashes)
        options.restartInterval = try interval(ratio * (1 - crashes))
        guard let bounds = try fields.listIfAny("down_s", seconds) else { return }
        guard bounds.count == 2, bounds[0] <= bounds[1] else {
            throw JSONShapeError(
                field: "faults.churn.down_s",
                expectation: "the least and the most, such as [1, 60]"
            )
        }
        options.downtime = bounds[0]...bounds[1]
    }

    private static func interval(_ ratioPerMinute: Double) throws(JSONShapeError) -> Duration? {
        guard ratioPerMinute > 0 else { return nil }
        guard ratioPerMinute >= 1 / minutesMax else {
            throw JSONShapeError(
                field: "faults.churn",
                expectation: "such that a node crashes, and stops, never or once in 100,000 minutes at least"
            )
        }
        return .seconds(60 / ratioPerMinute)
    }

    private static func step(_ fields: JSONFields) throws(JSONShapeError) -> FleetStep {
        let what = try fields.word("what", Event.self)
        var known = ["what", "at_s", "for_s"]
        let fault: FleetStep.Fault
        switch what {
        case .partition:
            if let groups = try fields.listIfAny("groups", nodes) {
                known.append("groups")
                fault = .partition(groups)
            } else {
                known += ["share", "groups"]
                fault = .split(share: try fields.decimalIfAny("share", in: 0...1) ?? 0.5)
            }
        case .crash:
            known += ["node", "power"]
            fault = .crash(try fields.count("node"), losesPower: try fields.boolIfAny("power") ?? true)
        case .stop:
            known.append("node")
            fault = .stop(try fields.count("node"))
        case .cut:
            known += ["from", "to"]
            fault = .cut(from: try fields.count("from"), to: try fields.count("to"))
        case .flap:
            known += ["from", "to", "every_s"]
            let interval = try durationIfAny(fields, "every_s", min: 0.1, max: secondsMax) ?? .seconds(5)
            fault = .flap(try fields.count("from"), try fields.count("to"), every: interval)
        case .clock:
            known += ["node", "ahead_s"]
            let ahead = try durationIfAny(fields, "ahead_s", min: -86_400, max: 86_400) ?? .zero
            fault = .skew(try fields.count("node"), by: ahead)
        }
        try fields.refuseAllBut(known)
        return FleetStep(
            fault,
            at: try durationIfAny(fields, "at_s", max: secondsMax) ?? .zero,
            for: try durationIfAny(fields, "for_s", max: secondsMax) ?? .zero
        )
    }

    // MARK: Values

    private static func nodes(_ json: JSON, _ path: String) throws(JSONShapeError) -> [Int] {
        let nodes = json.array?.compactMap { $0.integer.flatMap(Int.init(exactly:)) }.filter { $0 >= 0 }
        guard let nodes, nodes.count == json.array?.count else {
            throw JSONShapeError(field: path, expectation: "a list of nodes such as [0, 1]")
        }
        return nodes
    }

    private static func seconds(_ json: JSON, _ path: String) throws(JSONShapeError) -> Duration {
        guard let number = json.double, number >= 0, number <= secondsMax else {
            throw JSONShapeError(field: path, expectation: "a number of seconds")
        }
        return .seconds(number)
    }

    private static func minutesIfAny(_ fields: JSONFields, _ name: String) throws(JSONShapeError) -> Duration?
    {
        try durationIfAny(fields, name, unit: 60, min: 0.1, max: minutesMax)
    }

    /// - Parameter unit: in seconds.
    private static func durationIfAny(
        _ fields: JSONFields,
        _ name: String,
        unit: Double = 1,
        min: Double = 0,
        max: Double
    ) throws(JSONShapeError) -> Duration? {
        try fields.decimalIfAny(name, in: min...max).map { .nanoseconds(Int64(($0 * unit * 1e9).rounded())) }
    }
}
