import StarlingSimulator
import Synchronization
import Testing

@Suite struct MemberFleetTests {
    @Test func aSeedGivesOneTraceAndNobodyIsTakenForDeadWhoLives() throws {
        var options = MemberFleet.Options()
        (options.nodeCount, options.deathCount, options.seed) = (26, 2, 3)
        options.duration = .seconds(240)
        let passed = Mutex(Duration.zero)
        let report = try MemberFleet(options).run { time in passed.withLock { $0 = time } }
        #expect(try MemberFleet(options).run() == report)
        #expect(passed.withLock { $0 } >= options.duration)
        #expect(report.violations == [])
        #expect(report.joiningDeathCount + report.shortOfTimeDeathCount + report.starvedDeathCount == 0)
        #expect(try #require(report.knownMaxSeconds) <= 15)
        #expect(report.healSeconds != nil)
    }

    @Test func theCourseSaysHowLongItTakesAndHowManyNodes() {
        var options = MemberFleet.Options()
        #expect(options.nodeCountMin == 34 && options.durationMin == .seconds(690))
        #expect(options.duration >= options.durationMin)
        options.deathCount = 0
        #expect(options.nodeCountMin == 14 && options.durationMin == .seconds(490))
    }
}
