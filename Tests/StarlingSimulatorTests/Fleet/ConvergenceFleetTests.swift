import StarlingCore
import StarlingSimulator
import Testing

@Suite struct ConvergenceFleetTests {
    @Test func nodesReachEachOtherAgainSoonAfterALinksDeath() throws {
        var options = ConvergenceFleet.Options()
        (options.nodeCount, options.degree, options.deathCount) = (16, 4, 3)
        let report = try ConvergenceFleet(options).run()
        #expect(report.joining != nil && report.failureCount == 0 && report.circleCount == 0)
        #expect(report.healings.count == 3 && report.healings.allSatisfy { $0 <= .seconds(3) })
        // A link that nobody used is no loss to anybody; of three, one at least was used.
        #expect(report.healings.contains { $0 > .zero })
        #expect(try ConvergenceFleet(options).run() == report)
    }

    /// Whoever has no word of it asks, and does not wait until the connection is over.
    @Test func nodesFindOutThatALinkIsDeadAndReachEachOtherAgain() throws {
        var options = ConvergenceFleet.Options()
        (options.nodeCount, options.degree, options.deathCount) = (16, 4, 3)
        options.death = .silent
        let report = try ConvergenceFleet(options).run()
        #expect(report.joining != nil && report.failureCount == 0 && report.circleCount == 0)
        // Somebody has used the link: its own ends did.
        #expect(report.healings.count == 3 && report.healings.allSatisfy { $0 > .zero })
        #expect(report.healings.allSatisfy { $0 < .seconds(30) }, "\(report.healings)")
        #expect(try ConvergenceFleet(options).run() == report)
    }
}
