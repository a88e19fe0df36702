internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingSimulator

/// One thing that `starling sim` simulates.
protocol SimScenario {
    associatedtype Options: FleetOptions

    static var name: SimScenarioName { get }
    var options: Options { get }
    /// Flags of its own that a replay needs.
    var ownFlags: String { get }

    /// Simulates it once, on this thread.
    func run() throws -> SimFinding
}

extension SimScenario {
    var seed: UInt64 { options.seed }
    var nodeCount: Int { options.nodeCount }
    var ownFlags: String { "" }

    /// The command that does it again, without the common flags.
    var replay: String {
        "starling sim \(Self.name.rawValue) --nodes \(nodeCount) --seed \(seed) "
            + "--minutes \(options.duration.components.seconds / 60)" + ownFlags
    }
}

extension FleetOptions {
    /// What the flags ask for, and the usual where they say nothing.
    fileprivate init(_ invocation: Invocation) throws(Diagnostic) {
        self.init()
        let (minutes, hours) = (invocation[StarlingFlags.minutes], invocation[StarlingFlags.hours])
        if minutes != nil && hours != nil {
            throw Diagnostic(
                code: "misused",
                message: "--minutes and --hours both say how long to simulate.",
                nextStep: "Use one of the two."
            )
        }
        if let nodeCount = invocation[StarlingFlags.nodes] { self.nodeCount = nodeCount }
        if let seed = invocation[StarlingFlags.seed] { self.seed = UInt64(seed) }
        if let minutes = minutes ?? hours.map({ 60 * $0 }) { duration = .seconds(60 * minutes) }
    }
}

/// What came of one run.
struct SimFinding {
    var virtualSeconds: Double
    /// What each run of the same seed has to find: keys of the report, in order.
    var figures: JSONObject
    var traceHash: UInt64
    /// Rules that were broken, in words.
    var violations: [String]
    /// What happened last where they were.
    var events: [String] = []
    /// What this process used meanwhile, which may differ between runs.
    var usage = JSONObject()
    /// Rules that were broken by what this process used.
    var usageViolations: [String] = []
    /// For people: what was done.
    var text: String

    /// Whether another run of the seed was the same.
    func repeats(_ other: SimFinding) -> Bool {
        figures == other.figures && traceHash == other.traceHash && violations == other.violations
            && events == other.events
    }
}

/// `starling sim pings`.
struct PingScenario: SimScenario {
    static let name = SimScenarioName.pings
    let options: PingFleet.Options

    init(_ invocation: Invocation) throws(Diagnostic) {
        options = try PingFleet.Options(invocation)
        guard !invocation[StarlingFlags.routes] else {
            throw Diagnostic(
                code: "misused",
                message: "pings go over connections alone.",
                nextStep: "Use --routes with starling sim \(DeliveryScenario.name.rawValue)."
            )
        }
    }

    func run() throws -> SimFinding {
        let report = try PingFleet(options).run()
        var figures = JSONObject()
        figures["pings"] = JSON(report.pingCount)
        figures["failed_pings"] = JSON(report.failedPingCount)
        figures["connections"] = JSON(report.connectionCount)
        figures["resets"] = JSON(report.resetCount)
        figures["events"] = JSON(report.eventCount)
        return SimFinding(
            virtualSeconds: report.virtualSeconds,
            figures: figures,
            traceHash: report.traceHash,
            violations: report.violations,
            text: """
                \(report.pingCount) pings, \(report.failedPingCount) lost to \(report.resetCount) resets, \
                \(report.connectionCount) connections dialled
                """
        )
    }
}

/// `starling sim delivery`.
struct DeliveryScenario: SimScenario {
    static let name = SimScenarioName.delivery
    let options: DeliveryFleet.Options
    var ownFlags: String { options.usesRoutes ? " \(StarlingFlags.routes.spec.dashed)" : "" }

    init(_ invocation: Invocation) throws(Diagnostic) {
        var options = try DeliveryFleet.Options(invocation)
        guard options.duration > options.quietTime else {
            throw Diagnostic(
                code: "misused",
                message: "the last \(options.quietTime.components.seconds / 60) minutes are without faults.",
                nextStep: "Simulate an hour at least: --hours 1"
            )
        }
        options.usesRoutes = invocation[StarlingFlags.routes]
        options.memoryProbe = { ProcessUsage.allocatedByteCount() ?? ProcessUsage().residentByteCount }
        self.options = options
    }

    func run() throws -> SimFinding {
        let outcome = try DeliveryFleet(options).run()
        let report = outcome.report
        var figures = JSONObject()
        figures["accepted"] = JSON(report.accepted)
        figures["delivered"] = JSON(report.delivered)
        figures["pending"] = JSON(report.pending)
        figures["expired"] = JSON(report.expired)
        figures["refused"] = JSON(report.refused)
        figures["lost"] = JSON(report.lost)
        figures["duplicated"] = JSON(report.duplicated)
        figures["answered"] = JSON(report.answered)
        figures["repeated"] = JSON(report.repeated)
        figures["held"] = JSON(report.held)
        figures["crashes"] = JSON(report.crashCount)
        figures["restarts"] = JSON(report.restartCount)
        figures["resets"] = JSON(report.resetCount)
        figures["partitions"] = JSON(report.partitionCount)
        figures["events"] = JSON(report.eventCount)
        return SimFinding(
            virtualSeconds: report.virtualSeconds,
            figures: figures,
            traceHash: report.traceHash,
            violations: report.violations,
            events: report.events,
            usage: Self.usage(outcome.memory),
            usageViolations: outcome.memory.violations,
            text: """
                \(report.accepted) messages accepted: \(report.delivered) delivered, \(report.expired) expired, \
                \(report.refused) refused, \(report.pending) pending, \(report.lost) lost, \
                \(report.duplicated) duplicated
                \(report.crashCount) crashes, \(report.restartCount) restarts, \(report.resetCount) resets, \
                \(report.partitionCount) partitions
                \(Self.text(outcome.memory))
                """
        )
    }

    /// The memory of the nodes, and beside it what the simulated disks hold.
    private static func usage(_ memory: FleetMemory) -> JSONObject {
        var usage = JSONObject()
        let series = [
            ("memory", memory.nodes, memory.samples.map(\.nodeByteCount)),
            ("disk", memory.disks, memory.samples.map(\.diskByteCount)),
        ]
        for (name, spread, byteCounts) in series {
            guard let spread else { continue }
            usage["\(name)_min_bytes"] = JSON(spread.least)
            usage["\(name)_mean_bytes"] = JSON(spread.mean)
            usage["\(name)_max_bytes"] = JSON(spread.most)
            usage["\(name)_spread_ratio"] = .double(spread.ratio)
            usage["\(name)_drift_ratio"] = .double(spread.drift)
            usage["\(name)_bytes"] = .array(byteCounts.map { JSON($0) })
        }
        return usage
    }

    private static func text(_ memory: FleetMemory) -> String {
        guard let nodes = memory.nodes, let disks = memory.disks else { return "memory unknown" }
        return "second half: memory of the nodes \(text(nodes)), content of their disks \(text(disks))"
    }

    private static func text(_ spread: FleetMemory.Spread) -> String {
        let percent = DecimalText.write(spread.ratio * 100, fractionDigits: 1)
        let drift = DecimalText.write(spread.drift * 100, fractionDigits: 1)
        return "\(ByteCountText.write(spread.mean)) ± \(percent) % (drift \(drift) %)"
    }
}
