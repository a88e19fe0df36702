import StarlingSimulator
import Synchronization
import Testing

@Suite struct MemberFleetTests {
    @Test func aSeedGivesOneTraceAndNobodyIsTakenForDeadWhoLives() throws {
        var options = MemberFleet.Options()
        (options.nodeCount, options.deathCount, options.seed) = (26, 2, 3)
        options.duration = .seconds(240)
        let passed = Mutex(Duration.zero)
        let outcome = try MemberFleet(options).run(pictureTitle: "some <members>") { time in
            passed.withLock { $0 = time }
        }
        let report = outcome.report
        let other = try MemberFleet(options).run()
        #expect(other.report == report && other.picture == nil)
        #expect(passed.withLock { $0 } >= options.duration)
        #expect(report.violations == [])
        #expect(report.joiningDeathCount + report.shortOfTimeDeathCount + report.starvedDeathCount == 0)
        #expect(try #require(report.knownMaxSeconds) <= 15)
        #expect(report.healSeconds != nil)
        // Each node has heard of a way to each other one.
        #expect(try #require(report.routeChangeCount) >= 26 * 25)
        try Self.look(at: #require(outcome.picture))
    }

    /// Two have died, and then all neighbours of one, of which there are three at least.
    private static func look(at picture: String) throws {
        #expect(picture.hasPrefix("<svg xmlns=") && picture.hasSuffix("</svg>\n"))
        #expect(picture.contains("some &lt;members&gt;") && picture.contains("no rule was broken"))
        #expect(picture.ranges(of: "<circle ").count == 26)
        let deadCount = picture.ranges(of: ": down, ").count
        #expect(deadCount >= 5 && deadCount < 20)
        #expect(picture.ranges(of: "stroke=\"#888\"").count == deadCount)
        let lineCount = picture.ranges(of: "<line ").count
        let brokenCount = picture.ranges(of: "stroke-dasharray").count
        // Those that live are connected, those that died had links, and nobody is hostile.
        #expect(lineCount - brokenCount >= 26 - deadCount - 1 && brokenCount >= deadCount)
        #expect(!picture.contains("hostile"))
    }

    @Test func theCourseSaysHowLongItTakesAndHowManyNodes() {
        var options = MemberFleet.Options()
        #expect(options.nodeCountMin == 34 && options.durationMin == .seconds(690))
        #expect(options.duration >= options.durationMin)
        options.deathCount = 0
        #expect(options.nodeCountMin == 14 && options.durationMin == .seconds(490))
    }
}
