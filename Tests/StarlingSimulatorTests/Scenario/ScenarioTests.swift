import Foundation
import StarlingCore
import StarlingSimulator
import Testing

@Suite struct ScenarioTests {
    private static func error(_ text: String) -> ScenarioError? {
        do throws(ScenarioError) {
            try Scenario("test", parsing: Array(text.utf8)).check()
            return nil
        } catch {
            return error
        }
    }

    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../docs/scenarios").standardized

    @Test func thoseThatAreBuiltInCanBeRead() throws {
        #expect(Scenario.builtIn.map(\.name) == ["soak", "mesh", "partition", "line", "grid", "hostile"])
        for scenario in Scenario.builtIn {
            try scenario.check()
            #expect(!scenario.summary.isEmpty)
            let text = try #require(Scenario.text(ofBuiltIn: scenario.name))
            #expect(try Scenario(scenario.name, parsing: Array(text.utf8)) == scenario)
        }
        #expect(Scenario.text(ofBuiltIn: "nothing") == nil)
    }

    /// What the acceptance of the soak asks for.
    @Test func theSoakIsAsHardAsItSays() throws {
        let options = try #require(Scenario.builtIn.first).options
        #expect(options.nodeCount == 100 && options.usesRoutes && options.topology.isForced)
        #expect(options.faults.lossRatio == 0.2)
        #expect(options.faults.clockErrorMax == .seconds(300))
        #expect(options.quietTime == .seconds(1800))
        let crashes = try #require(options.faults.crashInterval)
        let restarts = try #require(options.faults.restartInterval)
        let leavingPerMinute = 60 / crashes.inSeconds + 60 / restarts.inSeconds
        #expect(abs(leavingPerMinute - 0.1) < 1e-6)
    }

    /// Mailboxes that lie are left nothing unless somebody is away, and what expires is not delivered.
    @Test func amongHostileNodesMailIsKeptAndEverythingHasToBeDelivered() throws {
        let options = try #require(Scenario.builtIn.first { $0.name == "hostile" }).options
        #expect(options.hostileRatio == 0.2 && Set(options.hostilities) == Set(FleetHostility.allCases))
        #expect(options.mailboxCount > 0 && options.hostilities.first == .mailbox)
        #expect(options.faults.crashInterval != nil)
        #expect(options.traffic.lifetimeMin > options.duration)
        // Who went away last is back, and has fetched what was kept, long before the end.
        let downtimeMax = try #require(options.faults.downtime).upperBound
        #expect(options.quietTime >= downtimeMax * 2)
    }

    @Test func theExampleOfTheDocumentSaysWhatItMeans() throws {
        let text = try Data(contentsOf: Self.folder.appendingPathComponent("two-sites.json"))
        let scenario = try Scenario("two-sites.json", parsing: Array(text))
        try scenario.check()
        let options = scenario.options
        #expect(options.nodeCount == 8 && options.duration == .seconds(1800) && options.usesRoutes)
        #expect(options.link == LinkProfile(latency: .milliseconds(1), jitter: .microseconds(200)))
        #expect(options.ownLinks.map(\.profile.bytesPerSecond) == [250_000, nil])
        #expect(options.ownLinks.map(\.profile.lossRatio) == [0.01, 0.05])
        #expect(options.ownLinks.map(\.isBothWays) == [true, true])
        #expect(options.traffic.messagesPerHour == 60 && options.traffic.deathRatio == 0.1)
        #expect(options.faults.crashInterval == .seconds(12_000))
        #expect(options.faults.downtime == .seconds(5) ... .seconds(30))
        #expect(
            options.plan == [
                FleetStep(.flap(0, 4, every: .seconds(5)), at: .seconds(240), for: .seconds(60)),
                FleetStep(.cut(from: 6, to: 2), at: .seconds(360), for: .seconds(60)),
                FleetStep(.crash(4, losesPower: true), at: .seconds(480), for: .seconds(90)),
                FleetStep(.partition([[0, 1, 2, 3], [4, 5, 6, 7]]), at: .seconds(720), for: .seconds(120)),
                FleetStep(.skew(1, by: .seconds(-200)), at: .seconds(900), for: .seconds(300)),
            ]
        )
    }

    @Test func whatIsNoJSONIsToldByItsLine() {
        #expect(
            Self.error("{\n  \"nodes\": 3,\n  \"minutes\": x\n}")
                == .syntax(line: 3, column: 14, reason: "this character cannot stand here")
        )
        #expect(
            Self.error("{\"nodes\": 3,\n\"nodes\": 4}")
                == .syntax(line: 2, column: 1, reason: "'nodes' stands there twice")
        )
        #expect(Self.error("{\n") == .syntax(line: 2, column: 1, reason: "the text ends in the middle"))
        #expect(Self.error(String(repeating: " ", count: Scenario.byteCountMax + 1)) == .tooLong)
    }

    @Test(arguments: [
        (#"[]"#, ""), (#"{"node": 3}"#, "node"), (#"{"nodes": 1}"#, "nodes"),
        (#"{"nodes": "many"}"#, "nodes"),
        (#"{"minutes": 10, "quiet_minutes": 10}"#, "minutes"),
        (#"{"topology": {"shape": "star"}}"#, "topology.shape"),
        (#"{"topology": {"shape": "line", "columns": 3}}"#, "topology.columns"),
        (#"{"topology": {"shape": "grid"}}"#, "topology.columns"),
        (#"{"topology": {"shape": "links", "links": [[0, 1], [2]]}}"#, "topology.links[1]"),
        (#"{"nodes": 3, "topology": {"shape": "links", "links": [[0, 1], [1, 3]]}}"#, "topology.links[1]"),
        (#"{"nodes": 3, "topology": {"shape": "links", "links": [[0, 1]]}}"#, "topology.links"),
        (#"{"link": {"loss": 1}}"#, "link.loss"), (#"{"link": {"latency_s": 1}}"#, "link.latency_s"),
        (#"{"links": [{"from": 0, "to": 0}]}"#, "links[0]"), (#"{"links": [{"to": 0}]}"#, "links[0].from"),
        (#"{"traffic": {"links_max": 11}}"#, "traffic.links_max"),
        (#"{"traffic": {"lifetime_min_s": 86401}}"#, "traffic.lifetime_min_s"),
        (#"{"traffic": {"lifetime_min_s": -1}}"#, "traffic.lifetime_min_s"),
        (#"{"faults": {"churn": {"per_minute": 0.1, "down_s": [5, 1]}}}"#, "faults.churn.down_s"),
        (#"{"faults": {"partition_minutes": 0}}"#, "faults.partition_minutes"),
        (#"{"hostile": {"share": 1}}"#, "hostile.share"),
        (#"{"hostile": {"does": ["lie"]}}"#, "hostile.does"),
        (#"{"events": [{"what": "flood"}]}"#, "events[0].what"),
        (#"{"events": [{"what": "stop", "node": 10}]}"#, "events[0]"),
        (#"{"events": [{"what": "stop", "node": 1, "from": 2}]}"#, "events[0].from"),
        (#"{"events": [{"what": "stop", "node": 1, "at_s": 2990, "for_s": 11}]}"#, "events[0]"),
        (#"{"events": [{"what": "stop", "node": 1, "at_s": 2.9}]}"#, "events[0].at_s"),
        (#"{"events": [{"what": "cut", "from": 1, "to": 1}]}"#, "events[0]"),
        (#"{"events": [{"what": "partition", "groups": [[0, 1]]}]}"#, "events[0].groups"),
        (#"{"events": [{"what": "partition", "groups": [[0, 1], [1, 2]]}]}"#, "events[0].groups"),
        (#"{"events": [{"what": "partition", "groups": [[0], []]}]}"#, "events[0].groups"),
        (#"{"events": [{"what": "partition", "groups": [[0], [1]], "share": 0.5}]}"#, "events[0].share"),
        (#"{"events": [{"what": "partition", "share": 0.04}]}"#, "events[0].share"),
        (#"{"heals_within_s": 5}"#, "heals_within_s"), (#"{"hostile": {"share": 0.09}}"#, "hostile.share"),
        (#"{"topology": {"shape": "partners", "forced": true}}"#, "topology.forced"),
        (#"{"topology": {"shape": "line"}}"#, "traffic.links_max"), (#"{"routes_max": 20}"#, "routes_max"),
        (#"{"routes": true, "routes_max": 15}"#, "routes_max"),
        (#"{"faults": {"churn": {"per_minute": 1e-300}}}"#, "faults.churn"),
        (#"{"nodes": 1416, "topology": {"shape": "full"}}"#, "topology.shape"),
        (
            #"{"nodes": 2001, "routes": true, "topology": {"shape": "random", "degree": 1000}}"#,
            "topology.degree"
        ),
        (#"{"nodes": 101, "traffic": {"messages_per_hour": 100000}}"#, "traffic.messages_per_hour"),
    ])
    func whatAFieldCannotBeIsToldByItsPath(text: String, field: String) {
        guard case .field(field, let expectation) = Self.error(text) else {
            Issue.record("\(text): \(String(describing: Self.error(text)))")
            return
        }
        #expect(!expectation.isEmpty)
    }

    /// Nothing passes between others than neighbours, so nothing can be cut there either.
    @Test(arguments: [
        (#""shape": "line""#, [true, false, false, false]),
        (#""shape": "ring""#, [true, false, true, false]),
        (#""shape": "grid", "columns": 3"#, [true, true, false, true]),
        (#""shape": "full""#, [true, true, true, true]),
        (#""shape": "links", "links": [[0, 1], [2, 3], [4, 5], [5, 2]]"#, [true, false, false, true]),
    ])
    func whatIsCutIsALink(shape: String, isLinked: [Bool]) {
        for (pair, isLinked) in zip([(0, 1), (3, 0), (5, 0), (2, 5)], isLinked) {
            let text = """
                {"nodes": 6, "routes": true, "topology": {\(shape), "forced": true},
                 "events": [{"what": "cut", "from": \(pair.0), "to": \(pair.1)}]}
                """
            #expect((Self.error(text) == nil) == isLinked, "\(pair) of \(shape)")
        }
    }

    @Test func limitsOfAScenarioAreReached() throws {
        for text in [
            #"{"nodes": 1414, "topology": {"shape": "full"}}"#, #"{"hostile": {"share": 0.1}}"#,
            #"{"nodes": 100, "traffic": {"messages_per_hour": 100000}}"#,
            #"{"events": [{"what": "stop", "node": 1, "at_s": 3}]}"#,
            #"{"events": [{"what": "partition", "share": 0.05}], "heals_within_s": 5}"#,
            #"{"faults": {"churn": {"per_minute": 0.00001}}}"#,
            #"{"traffic": {"lifetime_min_s": 86400}}"#, #"{"traffic": {"lifetime_min_s": 0}}"#,
            #"{"routes": true, "routes_max": 16}"#, #"{"nodes": 2, "topology": {"shape": "line"}}"#,
        ] { #expect(Self.error(text) == nil, "\(text)") }
    }

    @Test func aFileThatSaysNothingIsQuiet() throws {
        let scenario = try Scenario("empty", parsing: Array("{}".utf8))
        try scenario.check()
        #expect(scenario.options.faults == .none && scenario.options.plan.isEmpty)
        #expect(scenario.options.nodeCount == 10 && !scenario.options.usesRoutes)
        #expect(scenario.options.topology == FleetTopology(.partners))
        #expect(scenario.options.link == LinkProfile(latency: .milliseconds(5)))
        #expect(scenario.options.traffic.deathRatio == 0 && scenario.options.routeCountMax == nil)
        #expect(scenario.options.traffic.lifetimeMin == .zero)
    }
}
