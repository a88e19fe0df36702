import StarlingCore
import Testing

@testable import StarlingSimulator
@testable import StarlingTool

@Suite struct SimFleetScenarioTests {
    private static let report = DeliveryFleet.Report(seed: 1, nodeCount: 3000, virtualSeconds: 60)

    @Test func routesThatAreNotWatchedAreToldSo() {
        var (report, options) = (Self.report, DeliveryFleet.Options())
        #expect(SimFleetScenario.figures(report, options)["route_changes"] == nil)
        #expect(!SimFleetScenario.text(report, options).contains("routes"))
        options.usesRoutes = true
        #expect(SimFleetScenario.figures(report, options)["route_changes"] == .null)
        #expect(SimFleetScenario.text(report, options).contains("routes are not watched above 2048 nodes"))
        report.routeChangeCount = 7
        #expect(SimFleetScenario.figures(report, options)["route_changes"] == 7)
        #expect(SimFleetScenario.text(report, options).contains("7 changes of routes watched"))
    }

    @Test func whatWasNeverAcceptedIsNotPending() {
        var report = Self.report
        (report.accepted, report.delivered, report.unacceptedCount) = (1, 1, 2)
        let text = SimFleetScenario.text(report, DeliveryFleet.Options())
        #expect(text.hasPrefix("1 messages accepted: 1 delivered, 0 expired, 0 refused, 0 pending"))
        #expect(text.contains("2 further messages were never accepted"))
        let figures = SimFleetScenario.figures(report, DeliveryFleet.Options())
        #expect(figures["pending"] == 0 && figures["not_accepted"] == 2)
    }

    @Test func whatMailboxesTookThatLieIsTold() {
        var report = Self.report
        let options = DeliveryFleet.Options()
        #expect(SimFleetScenario.figures(report, options)["mail_taken_by_hostile"] == nil)
        #expect(!SimFleetScenario.text(report, options).contains("that lie"))
        report.hostileMailCount = 3
        #expect(SimFleetScenario.figures(report, options)["mail_taken_by_hostile"] == 3)
        #expect(SimFleetScenario.text(report, options).contains("3 copies taken by mailboxes that lie"))
    }

    @Test func whatHostileNodesDidIsToldWhereThereAreThoseThatDoIt() {
        var report = Self.report
        let (options, names) = (DeliveryFleet.Options(), ["dropped", "replayed", "flattered", "flooded"])
        for name in names { #expect(SimFleetScenario.figures(report, options)["\(name)_by_hostile"] == nil) }
        report.hostileCount = 2
        (report.hostileDeeds.dropped, report.hostileDeeds.replayed) = (3, 0)
        let text = SimFleetScenario.text(report, options)
        #expect(text.hasSuffix("2 nodes are hostile, 3 frames dropped, 0 frames replayed"))
        (report.hostileDeeds.flattered, report.hostileDeeds.flooded) = (5, 7)
        let figures = SimFleetScenario.figures(report, options)
        #expect(names.map { figures["\($0)_by_hostile"] } == [3, 0, 5, 7])
    }

    @Test func aMemoryThatIsUnknownIsToldWhy() {
        var options = DeliveryFleet.Options()
        (options.duration, options.quietTime) = (.seconds(3600), .seconds(1800))
        let memory = FleetMemory(duration: options.duration, quietTime: options.quietTime, sampleCount: 1)
        #expect(SimFleetScenario.text(memory, options).contains("the quiet time is half of the run or more"))
        options.quietTime = .seconds(60)
        #expect(SimFleetScenario.text(memory, options).contains("too short"))
    }
}
