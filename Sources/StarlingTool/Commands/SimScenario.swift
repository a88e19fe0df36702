internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingSimulator

/// One thing that `starling sim` simulates.
protocol SimScenario {
    associatedtype Options: FleetOptions

    /// As the command line names it.
    var name: String { get }
    var options: Options { get set }
    /// Flags of its own that a replay needs.
    var ownFlags: String { get }

    /// Simulates it once, on this thread.
    func run(_ watch: SimWatch) throws -> SimFinding
}

extension SimScenario {
    var seed: UInt64 {
        get { options.seed }
        set { options.seed = newValue }
    }
    var nodeCount: Int { options.nodeCount }
    var duration: Duration { options.duration }
    var ownFlags: String { "" }

    /// The command that does it again, without the common flags.
    var replay: String {
        "starling sim \(name) --nodes \(nodeCount) --seed \(seed) "
            + "--minutes \(options.duration.components.seconds / 60)" + ownFlags
    }
}

/// Who looks at a run meanwhile.
struct SimWatch: Sendable {
    /// Hears how much of the virtual time has passed.
    var progress: @Sendable (Duration) -> Void
    /// Whether a picture of the end is wanted.
    var wantsPicture: Bool
}

extension FleetOptions {
    /// Takes what the flags ask for.
    mutating func apply(_ invocation: Invocation) throws(Diagnostic) {
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
    /// The end of the run as an SVG document, where it was asked for.
    var picture: String?
    /// For people: what was done.
    var text: String

    /// The trace as people compare it.
    var trace: String {
        let digits = String(traceHash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Whether another run of the seed was the same.
    func repeats(_ other: SimFinding) -> Bool {
        figures == other.figures && traceHash == other.traceHash && violations == other.violations
            && events == other.events
    }

    /// What was not the same in another run of the seed, in words.
    func differences(from other: SimFinding) -> String {
        var differences: [String] = []
        if traceHash != other.traceHash { differences.append("trace \(trace) and \(other.trace)") }
        for figure in figures.members {
            let value = other.figures[figure.key] ?? .null
            if figure.value != value {
                differences.append("\(figure.key) \(figure.value.text) and \(value.text)")
            }
        }
        if violations != other.violations { differences.append("broken rules") }
        if events != other.events { differences.append("last events") }
        return differences.joined(separator: ", ")
    }
}

extension Invocation {
    /// Refuses the flags that say something to fleets of messages only.
    func refuseFlagsOfFleets(_ scenario: String) throws(Diagnostic) {
        for flag in [StarlingFlags.routes.spec, StarlingFlags.svg.spec] where names(flag) {
            throw Diagnostic(
                code: "misused",
                message: "\(flag.dashed) says nothing to \(scenario).",
                nextStep: "Choose another scenario: starling sim --list"
            )
        }
    }
}

/// `starling sim pings`.
struct PingScenario: SimScenario {
    let name = SimScenarioName.pings.rawValue
    var options = PingFleet.Options()

    init(_ invocation: Invocation) throws(Diagnostic) {
        try options.apply(invocation)
        try invocation.refuseFlagsOfFleets("pings, which go over connections alone")
    }

    func run(_ watch: SimWatch) throws -> SimFinding {
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
