import StarlingCore
import StarlingSimulator
import Testing

@testable import StarlingTool

@Suite struct SimFindingTests {
    private static let finding: SimFinding = {
        var figures = JSONObject()
        (figures["sent"], figures["lost"]) = (7, 0)
        return SimFinding(
            virtualSeconds: 60,
            figures: figures,
            traceHash: 255,
            violations: ["at 3 s: broken"],
            events: ["node 0: 2.1 boots 1"],
            text: "7 sent"
        )
    }()

    @Test func aRunRepeatsAnotherWhateverTheProcessUsed() {
        var other = Self.finding
        (other.usage["memory_bytes"], other.usageViolations) = (1, ["memory grows"])
        #expect(other.repeats(Self.finding))
        #expect(other.differences(from: Self.finding) == "")
    }

    @Test func anotherTraceIsADifference() {
        var other = Self.finding
        other.traceHash = 256
        #expect(!other.repeats(Self.finding))
        #expect(other.differences(from: Self.finding) == "trace 0000000000000100 and 00000000000000ff")
    }

    @Test func anotherFigureIsADifference() {
        var other = Self.finding
        other.figures["lost"] = 1
        #expect(!other.repeats(Self.finding))
        #expect(other.differences(from: Self.finding) == "lost 1 and 0")
    }

    @Test func otherBrokenRulesAndEventsAreDifferences() {
        var other = Self.finding
        other.violations = []
        #expect(!other.repeats(Self.finding))
        #expect(other.differences(from: Self.finding) == "broken rules")
        (other.violations, other.events) = (Self.finding.violations, [])
        #expect(!other.repeats(Self.finding))
        #expect(other.differences(from: Self.finding) == "last events")
        other.traceHash = 0
        #expect(
            other.differences(from: Self.finding)
                == "trace 0000000000000000 and 00000000000000ff, last events"
        )
    }
}
