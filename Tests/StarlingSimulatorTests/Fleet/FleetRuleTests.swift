import StarlingCore
import Synchronization
import Testing

@testable import StarlingSimulator

/// Each rule that a fleet has to keep, broken: a run says so.
@Suite struct FleetRuleTests {
    /// Two nodes for some minutes, and nothing goes wrong.
    private static func options(minutes: Int = 2, messagesPerHour: Int = 1200) -> DeliveryFleet.Options {
        var options = DeliveryFleet.Options()
        options.nodeCount = 2
        (options.duration, options.quietTime) = (.seconds(60 * minutes), .seconds(30 * minutes))
        options.traffic.messagesPerHour = messagesPerHour
        options.faults = .none
        return options
    }

    @Test func aFleetThatKeepsItsWordBreaksNone() throws {
        let report = try DeliveryFleet(Self.options()).run().report
        #expect(report.violations == [], "\(report.events)")
        #expect(report.accepted > 10 && report.delivered == report.accepted)
    }

    @Test func waysInACircle() throws {
        let fleet = try FleetRig(nodeCount: 4)
        let (members, to) = (fleet.members, fleet.members[3].peerID)
        members[0].routeChanged(to: to, [members[1].peerID])
        members[1].routeChanged(to: to, [members[2].peerID])
        #expect(fleet.violations == [])
        members[2].routeChanged(to: to, [to, members[0].peerID])
        #expect(fleet.violations.count == 1)
        #expect(fleet.violations[0].contains("the way to \(to) leads in a circle: 2, 0, 1"))
    }

    @Test func aMessageThatIsPendingAtTheEnd() throws {
        var options = Self.options()
        options.quietTime = .milliseconds(100)
        options.plan = [FleetStep(.partition([[0], [1]]), at: .seconds(60), for: .seconds(120))]
        let report = try DeliveryFleet(options).run().report
        #expect(report.pending > 0)
        #expect(report.violations.contains { $0.contains("is pending at the end") })
        #expect(report.violations.contains { $0.contains("messages in its outbox") })
    }

    @Test func aNodeThatIsNotUpAtTheEnd() throws {
        var options = Self.options()
        options.quietTime = .milliseconds(100)
        options.plan = [FleetStep(.crash(1, losesPower: true), at: .seconds(60), for: .seconds(120))]
        let report = try DeliveryFleet(options).run().report
        #expect(report.violations.contains { $0.contains("node 1 is not up at the end") })
    }

    /// The sender's clock is ahead by more than any clock may be.
    @Test func aMessageThatExpiresBeforeItsTime() throws {
        let fleet = try FleetRig(nodeCount: 2, messagesPerHour: 1200)
        try fleet.boot([0])
        try fleet.simulation.run(for: .seconds(120))
        #expect(fleet.violations == [])
        fleet.members[0].host.wallClock.skew = .seconds(2 * 86_400)
        // What its disk has is too old by the clock that it starts with.
        try fleet.stop(0)
        try fleet.boot([0])
        try fleet.simulation.run(for: .seconds(60))
        #expect(fleet.violations.contains { $0.contains(" expired after ") })
        try fleet.stop(0)
    }

    @Test func memoryThatGrows() throws {
        var options = Self.options(minutes: 12 * 60, messagesPerHour: 1)
        (options.quietTime, options.sampleCount) = (.seconds(1800), 24)
        for (growth, isBroken) in [(0, false), (1 << 28, true)] {
            var probes = DeliveryFleet.Probes()
            let allocated = Mutex(1 << 30)
            probes.memory = {
                allocated.withLock { count in
                    count += growth
                    return count
                }
            }
            let memory = try DeliveryFleet(options, probes: probes).run().memory
            #expect(
                memory.violations.contains { $0.contains("memory grows over the second half") } == isBroken
            )
        }
    }

    @Test func aRunInWhichNothingIsAccepted() throws {
        let report = try DeliveryFleet(Self.options(minutes: 1, messagesPerHour: 1)).run().report
        #expect(report.accepted == 0)
        #expect(report.violations.count == 1)
        #expect(report.violations.contains { $0.contains("no message was accepted: nothing was tried") })
    }

    @Test func aDayAwayOnWhichNobodyWrites() throws {
        var options = AbsenceFleet.Options()
        (options.nodeCount, options.messageCount, options.duration) = (10, 0, .seconds(3 * 3600))
        let report = try AbsenceFleet(options).run()
        #expect(report.accepted == 0 && report.hostileMailCount == 0)
        #expect(report.violations.contains { $0.contains("no message was left with a mailbox that lies") })
        #expect(report.violations.contains { $0.contains("0 of 0 came through mailboxes") })
    }

    /// Nobody reaches anybody, so those who lie about routes do so to nobody.
    @Test func hostileNodesThatDidNothing() throws {
        var options = Self.options()
        (options.nodeCount, options.usesRoutes, options.topology.shape) = (4, true, .full)
        (options.hostileRatio, options.hostilities) = (0.5, [.flatter, .flood])
        options.quietTime = .milliseconds(100)
        options.plan = [FleetStep(.partition((0..<4).map { [$0] }), at: .zero, for: options.duration)]
        let report = try DeliveryFleet(options).run().report
        #expect(report.hostileDeeds.flattered == 0 && report.hostileDeeds.flooded == 0)
        for kind in options.hostilities {
            let text = "no node of the kind '\(kind.rawValue)' did anything"
            #expect(report.violations.contains { $0.contains(text) }, "\(report.violations)")
        }
    }
}
