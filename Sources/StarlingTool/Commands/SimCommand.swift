internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingIO
internal import StarlingSimulator

/// `starling sim`: whole nodes in virtual time, on this thread.
struct SimCommand {
    private let console: Console
    private let scenario: any SimScenario
    private let runCount: Int
    private let isJSON: Bool
    /// When the whole run is given up; `nil` for never.
    private let timeout: Duration?

    init(_ invocation: Invocation, _ console: Console) throws(Diagnostic) {
        self.console = console
        isJSON = invocation[StarlingFlags.json]
        timeout = invocation[StarlingFlags.timeout]
        runCount = invocation[StarlingFlags.runs] ?? 1
        switch invocation.argument(0).flatMap(SimScenarioName.init) ?? .pings {
        case .pings: scenario = try PingScenario(invocation)
        case .delivery: scenario = try DeliveryScenario(invocation)
        }
    }

    /// Runs the simulation, as often as asked, and reports it; fails when a rule was broken or two runs differ.
    func run() throws(Diagnostic) -> ExitStatus {
        let watch = try timeout.map { timeout throws(Diagnostic) in
            try ProcessDeadline(
                timeout,
                Diagnostic(
                    code: "timed_out",
                    message: "the simulation is not over after \(DurationText.write(timeout)).",
                    nextStep: "Give it more time with --timeout, or simulate less."
                ),
                isJSON: isJSON
            )
        }
        defer { withExtendedLifetime(watch) {} }
        var findings: [SimFinding] = []
        let clock = SystemWallClock()
        let start = clock.now
        for _ in 0..<runCount {
            do { findings.append(try scenario.run()) } catch {
                throw Diagnostic(
                    code: "simulation_failed",
                    message: "the simulation broke down: \(error).",
                    nextStep: "Replay it: \(replay)"
                )
            }
        }
        guard var finding = findings.first else { return .failed }
        let milliseconds = clock.now.millisecondsSince1970 - start.millisecondsSince1970
        let wallSeconds = Double(milliseconds) / 1000 / Double(runCount)
        if findings.contains(where: { !$0.repeats(finding) }) {
            finding.violations.append("two runs of one seed differ")
        }
        finding.violations += findings.flatMap(\.usageViolations)
        try console.write(isJSON ? json(finding, wallSeconds) : text(finding, wallSeconds))
        if finding.violations.isEmpty { return .succeeded }
        for violation in finding.violations { console.say("broken: \(violation)\n") }
        for event in finding.events { console.say("  \(event)\n") }
        console.say("Replay it: \(replay)\n")
        return .failed
    }

    private var replay: String { scenario.replay + " --runs \(runCount)" }

    private func json(_ finding: SimFinding, _ wallSeconds: Double) -> String {
        var object = JSONObject()
        object["passed"] = .bool(finding.violations.isEmpty)
        object["seed"] = .integer(Int64(clamping: scenario.seed))
        object["nodes"] = JSON(scenario.nodeCount)
        object["runs"] = JSON(runCount)
        object["virtual_s"] = .double(finding.virtualSeconds)
        object["wall_s"] = .double(wallSeconds)
        for figure in finding.figures.members { object[figure.key] = figure.value }
        object["violations"] = .array(finding.violations.map { .string($0) })
        object["trace_hash"] = .string(hash(finding))
        for figure in finding.usage.members { object[figure.key] = figure.value }
        if !finding.violations.isEmpty { object["replay"] = .string(replay) }
        return JSON.object(object).text + "\n"
    }

    private func text(_ finding: SimFinding, _ wallSeconds: Double) -> String {
        let speed = wallSeconds > 0 ? Int(finding.virtualSeconds / wallSeconds) : 0
        return """
            \(scenario.nodeCount) nodes, seed \(scenario.seed), \(Int(finding.virtualSeconds)) virtual seconds \
            in \(wallSeconds) s: \(speed) times real time
            \(finding.text)
            trace \(hash(finding))\(runCount > 1 ? ", \(runCount) runs" : "")

            """
    }

    private func hash(_ finding: SimFinding) -> String {
        let digits = String(finding.traceHash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
