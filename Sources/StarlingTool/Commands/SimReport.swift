internal import StarlingCore
internal import StarlingSimulator

/// What came of a simulation: of one seed, or of several.
struct SimReport {
    /// One seed's runs.
    struct Result {
        var seed: UInt64
        var finding: SimFinding
        /// Of one run.
        var wallSeconds: Double
        var replay: String
    }

    /// Seeds that were to run: with fewer results the simulation broke down.
    var seedCount: Int
    var nodeCount: Int
    /// Runs of each seed.
    var runCount: Int
    /// In the order of the seeds.
    var results: [Result] = []

    var hasPassed: Bool { results.count == seedCount && failedCount == 0 }

    private var failedCount: Int { results.count { !$0.finding.violations.isEmpty } }

    /// One object for one seed; for several what holds for all, and an object for each.
    var json: JSON {
        let reports = results.map(json)
        if seedCount == 1, let report = reports.first { return report }
        var object = JSONObject()
        object["passed"] = .bool(hasPassed)
        object["failed_seeds"] = JSON(failedCount)
        object["seeds"] = .array(reports)
        return .object(object)
    }

    private func json(_ result: Result) -> JSON {
        let finding = result.finding
        var object = JSONObject()
        object["passed"] = .bool(finding.violations.isEmpty)
        object["seed"] = .integer(Int64(clamping: result.seed))
        object["nodes"] = JSON(nodeCount)
        object["runs"] = JSON(runCount)
        object["virtual_s"] = .double(finding.virtualSeconds)
        object["wall_s"] = .double(result.wallSeconds)
        for figure in finding.figures.members { object[figure.key] = figure.value }
        object["violations"] = .array(finding.violations.map { .string($0) })
        object["trace_hash"] = .string(finding.trace)
        for figure in finding.usage.members { object[figure.key] = figure.value }
        if !finding.violations.isEmpty {
            object["replay"] = .string(result.replay)
            object["step"] = finding.firstViolation.map { JSON($0.step) } ?? .null
            object["at_s"] = finding.firstViolation.map { .double($0.seconds) } ?? .null
            object["last_events"] = .array(finding.events.map { .string($0) })
        }
        return .object(object)
    }

    var text: String { results.map(text).joined(separator: "\n") }

    private func text(_ result: Result) -> String {
        let (finding, wallSeconds) = (result.finding, result.wallSeconds)
        let speed = wallSeconds > 0 ? Int(finding.virtualSeconds / wallSeconds) : 0
        return """
            \(result.replay)
            \(nodeCount) nodes, \(Int(finding.virtualSeconds)) virtual seconds in \(wallSeconds) s: \
            \(speed) times real time
            \(finding.text)
            trace \(finding.trace)\(runCount > 1 ? ", \(runCount) runs" : "")

            """
    }
}
