internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingIO
internal import StarlingSimulator

/// `starling sim`: whole nodes in virtual time, on this thread.
struct SimCommand {
    private let console: Console
    private let options: PingFleet.Options
    private let runCount: Int
    private let isJSON: Bool
    /// When the whole run is given up; `nil` for never.
    private let timeout: Duration?

    init(_ invocation: Invocation, _ console: Console) {
        self.console = console
        isJSON = invocation[StarlingFlags.json]
        timeout = invocation[StarlingFlags.timeout]
        runCount = invocation[StarlingFlags.runs] ?? 1
        var options = PingFleet.Options()
        if let nodeCount = invocation[StarlingFlags.nodes] { options.nodeCount = nodeCount }
        if let seed = invocation[StarlingFlags.seed] { options.seed = UInt64(seed) }
        if let minutes = invocation[StarlingFlags.minutes] { options.duration = .seconds(60 * minutes) }
        self.options = options
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
        var reports: [PingFleet.Report] = []
        let clock = SystemWallClock()
        let start = clock.now
        for _ in 0..<runCount {
            do { reports.append(try PingFleet(options).run()) } catch {
                throw Diagnostic(
                    code: "simulation_failed",
                    message: "the simulation broke down: \(error).",
                    nextStep: "Replay it: \(replay)"
                )
            }
        }
        guard let report = reports.first else { return .failed }
        let milliseconds = clock.now.millisecondsSince1970 - start.millisecondsSince1970
        let wallSeconds = Double(milliseconds) / 1000 / Double(runCount)
        var violations = report.violations
        if reports.contains(where: { $0 != report }) { violations.append("two runs of one seed differ") }
        try console.write(isJSON ? json(report, wallSeconds, violations) : text(report, wallSeconds))
        if violations.isEmpty { return .succeeded }
        if !isJSON {
            for violation in violations { console.say("broken: \(violation)\n") }
            console.say("Replay it: \(replay)\n")
        }
        return .failed
    }

    private var replay: String {
        "starling sim --nodes \(options.nodeCount) --seed \(options.seed) "
            + "--minutes \(options.duration.components.seconds / 60) --runs \(runCount)"
    }

    private func json(_ report: PingFleet.Report, _ wallSeconds: Double, _ violations: [String]) -> String {
        let object: JSON = [
            "passed": .bool(violations.isEmpty), "seed": .integer(Int64(clamping: report.seed)),
            "nodes": .integer(Int64(report.nodeCount)), "runs": .integer(Int64(runCount)),
            "virtual_s": .double(report.virtualSeconds), "wall_s": .double(wallSeconds),
            "pings": .integer(Int64(report.pingCount)),
            "failed_pings": .integer(Int64(report.failedPingCount)),
            "connections": .integer(Int64(report.connectionCount)),
            "resets": .integer(Int64(report.resetCount)), "events": .integer(Int64(report.eventCount)),
            "violations": .array(violations.map { .string($0) }), "trace_hash": .string(hash(report)),
        ]
        return object.text + "\n"
    }

    private func text(_ report: PingFleet.Report, _ wallSeconds: Double) -> String {
        let speed = wallSeconds > 0 ? Int(report.virtualSeconds / wallSeconds) : 0
        return """
            \(report.nodeCount) nodes, seed \(report.seed), \(Int(report.virtualSeconds)) virtual seconds \
            in \(wallSeconds) s: \(speed) times real time
            \(report.pingCount) pings, \(report.failedPingCount) lost to \(report.resetCount) resets, \
            \(report.connectionCount) connections dialled
            trace \(hash(report))\(runCount > 1 ? ", \(runCount) runs" : "")

            """
    }

    private func hash(_ report: PingFleet.Report) -> String {
        let digits = String(report.traceHash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
