import StarlingCore
import StarlingSimulator
import Testing

@Suite struct ScenarioRunTests {
    private static func options(_ text: String) throws -> DeliveryFleet.Options {
        let scenario = try Scenario("test", parsing: Array(text.utf8))
        try scenario.check()
        return scenario.options
    }

    /// Nobody but neighbours reaches anybody, so what arrives has crossed those between.
    @Test func messagesCrossALineWhileARelayIsDownAndTheSameSeedGivesTheSameTrace() throws {
        let options = try Self.options(
            """
            {
              "nodes": 5, "minutes": 12, "quiet_minutes": 5, "routes": true,
              "topology": {"shape": "line", "forced": true},
              "traffic": {"messages_per_hour": 120},
              "events": [{"what": "crash", "node": 2, "at_s": 240, "for_s": 30}]
            }
            """
        )
        var probes = DeliveryFleet.Probes()
        probes.pictureTitle = "a <line>"
        let first = try DeliveryFleet(options, probes: probes).run()
        let second = try DeliveryFleet(options).run()
        #expect(second.report == first.report)
        #expect(first.report.violations == [], "\(first.report.events)")
        #expect(first.report.delivered > 50 && first.report.crashCount == 1)
        #expect(first.report.accepted == first.report.delivered + first.report.expired)
        #expect((first.report.routeChangeCount ?? 0) > 5 * 4)

        let picture = try #require(first.picture)
        #expect(picture.hasPrefix("<svg xmlns=") && picture.hasSuffix("</svg>\n"))
        #expect(picture.contains("a &lt;line&gt;"))
        #expect(picture.ranges(of: "<circle ").count == 5)
        // Between neighbours alone there is a line, and each carried something.
        #expect(picture.ranges(of: "<line ").count == 4)
        #expect(!picture.contains("– 0 B") && !picture.contains(": 0 B"))
    }

    @Test func whatWaitedForAPartitionIsTimed() throws {
        var options = try Self.options(
            """
            {
              "nodes": 6, "minutes": 15, "quiet_minutes": 5, "routes": true,
              "topology": {"shape": "ring", "forced": true},
              "traffic": {"messages_per_hour": 120},
              "events": [{"what": "partition", "share": 0.5, "at_s": 200, "for_s": 120}],
              "heals_within_s": 240
            }
            """
        )
        let report = try DeliveryFleet(options).run().report
        #expect(report.violations == [], "\(report.events)")
        #expect(report.partitionCount == 1 && report.healedCount > 0)
        #expect(report.healingSeconds.map { $0 > 0 && $0 < 240 } == true)
        options.healingTimeMax = .milliseconds(1)
        let violations = try DeliveryFleet(options).run().report.violations
        #expect(violations.count == 1 && violations.contains { $0.contains("the end of a partition took") })
    }

    @Test func everyKindOfFaultStrikesAndNothingIsLost() throws {
        let options = try Self.options(
            """
            {
              "nodes": 6, "minutes": 30, "quiet_minutes": 15, "routes": true,
              "topology": {"shape": "random", "degree": 3, "forced": true},
              "link": {"loss": 0.1},
              "links": [{"from": 0, "to": 1, "both_ways": false, "latency_ms": 200, "loss": 0.2}],
              "traffic": {"messages_per_hour": 60, "deaths": 0.1},
              "faults": {
                "churn": {"per_minute": 0.1, "crashes": 0.7, "down_s": [1, 30]},
                "resets_per_minute": 0.1, "partition_minutes": 5, "cut_minutes": 10, "clock_s": 100,
                "clock_jump_minutes": 5
              },
              "events": [
                {"what": "flap", "from": 0, "to": 1, "every_s": 2, "at_s": 100, "for_s": 20},
                {"what": "stop", "node": 3, "at_s": 200, "for_s": 10},
                {"what": "clock", "node": 3, "ahead_s": 200, "at_s": 300, "for_s": 60}
              ]
            }
            """
        )
        let report = try DeliveryFleet(options).run().report
        #expect(report.violations == [], "\(report.events)")
        #expect(report.crashCount > 2 && report.restartCount > 1 && report.resetCount > 0)
        // The flapping link alone is cut five times, in both directions.
        #expect(report.partitionCount > 0 && report.cutCount > 10)
        #expect(report.delivered > 20)
    }

    /// Whoever is stopped in order says that it leaves, and is to be believed when it is back.
    @Test func whoSeesToItsLinksItselfIsReachedAgainAfterItsRestarts() throws {
        let options = try Self.options(
            """
            {
              "nodes": 12, "minutes": 15, "quiet_minutes": 7, "routes": true,
              "topology": {"shape": "random", "degree": 3},
              "traffic": {"messages_per_hour": 60},
              "faults": {"churn": {"per_minute": 0.2, "crashes": 0.5, "down_s": [1, 40]}}
            }
            """
        )
        let report = try DeliveryFleet(options).run().report
        #expect(report.violations == [], "\(report.events)")
        #expect(report.crashCount > 2 && report.restartCount > 2)
        #expect(report.delivered > 50)
    }

    /// A mailbox that lies delays what was left with it; the others have it, and its sender tries on.
    @Test(arguments: [0.0, 0.3]) func mailboxesHelpAndThoseThatLieDoNoHarm(liarRatio: Double) throws {
        var options = try Self.options(
            """
            {
              "nodes": 8, "minutes": 45, "quiet_minutes": 25,
              "topology": {"shape": "full"},
              "mailboxes": 4,
              "traffic": {"messages_per_hour": 90},
              "faults": {"churn": {"per_minute": 0.05, "down_s": [60, 400]}}
            }
            """
        )
        (options.hostilities, options.hostileRatio) = ([.mailbox], liarRatio)
        let report = try DeliveryFleet(options).run().report
        #expect(report.violations == [], "\(report.events)")
        #expect(report.hostileCount == Int(8 * liarRatio))
        #expect(try #require(report.mailCopyCount) > 10)
        #expect(report.leftCopyCount == 0)
        if liarRatio > 0 {
            #expect(try #require(report.hostileMailCount) > 0)
        } else {
            #expect(report.hostileMailCount == nil)
        }
    }

    /// Where nobody is away, nothing is kept, and a run shows nothing of mailboxes that lie.
    @Test(arguments: [0, 2]) func whatMailboxesTookThatLieIsToldAlsoWhereItIsNothing(mailboxCount: Int) throws
    {
        var options = try Self.options(
            """
            {
              "nodes": 4, "minutes": 4, "quiet_minutes": 2,
              "topology": {"shape": "full"},
              "traffic": {"messages_per_hour": 300},
              "hostile": {"share": 0.25, "does": ["mailbox"]}
            }
            """
        )
        options.mailboxCount = mailboxCount
        let report = try DeliveryFleet(options).run().report
        #expect(report.hostileCount == 1 && report.mailCopyCount == (mailboxCount > 0 ? 0 : nil))
        #expect(report.hostileMailCount == (mailboxCount > 0 ? 0 : nil))
        #expect(report.violations.isEmpty, "\(report.violations)")
    }

    /// What lives longer than the run has to be delivered, whoever was away meanwhile.
    @Test func nothingExpiresThatLivesForLongEnough() throws {
        let options = try Self.options(
            """
            {
              "nodes": 5, "minutes": 20, "quiet_minutes": 12,
              "topology": {"shape": "full"},
              "traffic": {"messages_per_hour": 400, "lifetime_min_s": 3600},
              "events": [
                {"what": "crash", "node": 1, "at_s": 60, "for_s": 300},
                {"what": "crash", "node": 2, "at_s": 180, "for_s": 280}
              ]
            }
            """
        )
        let report = try DeliveryFleet(options).run().report
        #expect(report.violations == [], "\(report.events)")
        #expect(report.accepted > 50 && report.delivered == report.accepted && report.expired == 0)
        // The same run with lives as they usually are: some are over while their recipient is away.
        var usual = options
        usual.traffic.lifetimeMin = .zero
        #expect(try DeliveryFleet(usual).run().report.expired > 0)
    }

    /// A cost that followed each lost packet would have the mesh tell itself all its routes again and again, some 14,000 times.
    @Test func routesStandStillWhereLinksLosePackets() throws {
        let options = try Self.options(
            """
            {
              "nodes": 12, "minutes": 12, "quiet_minutes": 2, "routes": true,
              "topology": {"shape": "random", "degree": 4, "forced": true},
              "link": {"latency_ms": 15, "jitter_ms": 5, "loss": 0.2},
              "traffic": {"messages_per_hour": 20}
            }
            """
        )
        let report = try DeliveryFleet(options).run().report
        #expect(report.violations == [], "\(report.events)")
        let changeCount = try #require(report.routeChangeCount)
        #expect(changeCount >= 12 * 11 && changeCount < 3000)
    }

    /// Who drops everything delays what goes over it; what was accepted stays with its sender until it is delivered.
    @Test(arguments: FleetHostility.allCases)
    func nothingIsLostNorDeliveredTwiceAmongHostileNodes(hostility: FleetHostility) throws {
        var options = try Self.options(
            """
            {
              "nodes": 8, "minutes": 16, "quiet_minutes": 8, "routes": true,
              "topology": {"shape": "random", "degree": 4, "forced": true},
              "traffic": {"messages_per_hour": 120},
              "hostile": {"share": 0.25}
            }
            """
        )
        options.hostilities = [hostility]
        // Each of its words is work for all.
        if hostility == .flood { (options.duration, options.quietTime) = (.seconds(240), .seconds(120)) }
        // A mailbox is asked where somebody is away.
        if hostility == .mailbox {
            (options.mailboxCount, options.topology.shape) = (6, .full)
            options.plan = [1, 3, 5].map { node in
                FleetStep(.crash(node, losesPower: true), at: .seconds(60), for: .seconds(360))
            }
        }
        let report = try DeliveryFleet(options).run().report
        #expect(report.violations == [], "\(report.events)")
        #expect(report.hostileCount == 2)
        #expect(report.duplicated == 0 && report.lost == 0 && report.pending == 0)
        #expect(report.delivered > report.accepted / 2)
        try Self.look(at: report, whatWasDoneBy: hostility)
    }

    /// Nodes of a kind did what they are there for, and nothing else.
    private static func look(at report: DeliveryFleet.Report, whatWasDoneBy hostility: FleetHostility) throws
    {
        let deeds = report.hostileDeeds
        #expect((deeds.dropped != nil) == [.drop, .flatter, .flood].contains(hostility))
        #expect((deeds.replayed != nil) == (hostility == .replay))
        #expect((deeds.flattered != nil) == (hostility == .flatter))
        #expect((deeds.flooded != nil) == (hostility == .flood))
        #expect((report.hostileMailCount != nil) == (hostility == .mailbox))
        let count =
            switch hostility {
            case .drop: deeds.dropped
            case .replay: deeds.replayed
            case .flatter: deeds.flattered
            case .flood: deeds.flooded
            case .mailbox: report.hostileMailCount
            }
        #expect(try #require(count) > 0, "\(hostility)")
    }
}
