import StarlingSimulator
import Testing

@Suite struct MemberFleetTests {
    @Test func aSeedGivesOneTraceAndNobodyIsTakenForDeadWhoLives() throws {
        var options = MemberFleet.Options()
        (options.nodeCount, options.deathCount, options.seed) = (26, 2, 3)
        options.duration = .seconds(240)
        let reports = try (0..<2).map { _ in try MemberFleet(options).run() }
        #expect(reports[0] == reports[1])
        let report = reports[0]
        #expect(report.violations == [])
        #expect(report.joiningDeathCount + report.shortOfTimeDeathCount + report.starvedDeathCount == 0)
        #expect(try #require(report.knownMaxSeconds) <= 15)
        #expect(report.healSeconds != nil)
    }
}
