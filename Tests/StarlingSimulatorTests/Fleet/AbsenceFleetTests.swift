import StarlingSimulator
import Synchronization
import Testing

@Suite struct AbsenceFleetTests {
    @Test(arguments: 1...2 as ClosedRange<UInt64>)
    func aDayAwayCostsNoMessage(seed: UInt64) throws {
        var options = AbsenceFleet.Options()
        (options.seed, options.nodeCount, options.messageCount) = (seed, 11, 60)
        let report = try AbsenceFleet(options).run()
        #expect(report.violations == [], "seed \(seed)")
        #expect(report.accepted == 120 && report.arrivedByMailbox == 120 && report.delivered == 120)
        #expect(
            report.copyCountMax > 0 && report.copyCountMax <= 4 && report.leftCount == 0
                && report.duplicated == 0
        )
        #expect(report.crashCount > 0)
        // Those that lie are asked first, and their word is taken.
        #expect(report.hostileMailCount > 0)
    }

    @Test func aSeedGivesOneTrace() throws {
        var options = AbsenceFleet.Options()
        (options.nodeCount, options.messageCount, options.duration) = (10, 5, .seconds(4 * 3600))
        let passed = Mutex(Duration.zero)
        let watched = try AbsenceFleet(options).run { time in passed.withLock { $0 = time } }
        #expect(try AbsenceFleet(options).run() == watched)
        #expect(passed.withLock { $0 } >= options.duration)
    }
}
