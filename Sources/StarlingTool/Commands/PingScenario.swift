internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingSimulator

/// `starling sim pings`.
struct PingScenario: SimScenario {
    static let summary = "pings, while connections break"
    let name = SimScenarioName.pings.rawValue
    var options = PingFleet.Options()

    init(_ invocation: Invocation) throws(Diagnostic) {
        try options.apply(invocation)
        try invocation.refuseFlagsOfFleets("pings, which go over connections alone")
        try invocation.refusePicture("pings, where each dials five others")
    }

    func run(_ watch: SimWatch) throws -> SimFinding {
        let report = try PingFleet(options).run(progress: watch.progress)
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
            firstViolation: report.firstViolation,
            text: """
                \(report.pingCount) pings, \(report.failedPingCount) lost to \(report.resetCount) resets, \
                \(report.connectionCount) connections dialled
                """
        )
    }
}
