import StarlingCore
import StarlingSimulator
import Testing

@testable import StarlingTool

@Suite struct SimReportTests {
    private static func result(_ seed: UInt64, _ violations: [String] = []) -> SimReport.Result {
        var figures = JSONObject()
        figures["pings"] = 7
        return SimReport.Result(
            seed: seed,
            finding: SimFinding(
                virtualSeconds: 60,
                figures: figures,
                traceHash: 255,
                violations: violations,
                text: "7 pings"
            ),
            wallSeconds: 2,
            replay: "starling sim pings --seed \(seed)"
        )
    }

    @Test func oneSeedIsAnObject() {
        var report = SimReport(seedCount: 1, nodeCount: 3, runCount: 2)
        report.results = [Self.result(4)]
        #expect(report.hasPassed)
        let json = report.json
        #expect(json["passed"] == true && json["seed"] == 4 && json["nodes"] == 3 && json["pings"] == 7)
        #expect(json["trace_hash"] == "00000000000000ff" && json["replay"] == nil)
        #expect(report.text.contains("3 nodes, 60 virtual seconds in 2.0 s: 30 times real time\n7 pings\n"))
        report.results = [Self.result(4, ["at 3 s: broken"])]
        #expect(report.json["violations"] == ["at 3 s: broken"])
        #expect(report.json["replay"] == "starling sim pings --seed 4" && !report.hasPassed)
    }

    @Test func aSeedThatFailedTellsItsStepAndWhatHappenedLast() {
        var report = SimReport(seedCount: 2, nodeCount: 3, runCount: 1)
        var failed = Self.result(2, ["at 2.5 s, step 7: broken"])
        failed.finding.firstViolation = FleetMoment(nanoseconds: 2_500_000_000, step: 7)
        failed.finding.events = ["node 0: 2.1 boots 1"]
        report.results = [Self.result(1), failed]
        let seeds = report.json["seeds"]
        #expect(seeds?[1]?["step"] == 7 && seeds?[1]?["at_s"]?.double == 2.5)
        #expect(seeds?[1]?["last_events"] == ["node 0: 2.1 boots 1"])
        for key in ["replay", "step", "at_s", "last_events"] { #expect(seeds?[0]?[key] == nil) }
        // Who compares two runs knows no step.
        report.results = [Self.result(1), Self.result(2, ["run 2 differs from run 1: trace"])]
        let unknown = report.json["seeds"]?[1]
        #expect(unknown?["step"] == .null && unknown?["at_s"] == .null && unknown?["last_events"] == [])
    }

    @Test func seedsBeforeOneThatBrokeDownAreReported() {
        var report = SimReport(seedCount: 3, nodeCount: 3, runCount: 1)
        report.results = [Self.result(1)]
        #expect(!report.hasPassed)
        #expect(report.json["passed"] == false && report.json["failed_seeds"] == 0)
        #expect(report.json["seeds"]?.array?.map { $0["seed"] } == [1])
        report.results += [Self.result(2, ["broken"]), Self.result(3)]
        #expect(report.json["failed_seeds"] == 1 && report.json["passed"] == false)
    }
}
