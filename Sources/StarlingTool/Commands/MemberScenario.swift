internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingSimulator

/// `starling sim members`.
struct MemberScenario: SimScenario {
    static let summary = "nodes that know one stay connected, and find out who dies, also when they lack time"
    let name = SimScenarioName.members.rawValue
    var options = MemberFleet.Options()

    init(_ invocation: Invocation) throws(Diagnostic) {
        try options.apply(invocation)
        try invocation.refuseFlagsOfFleets("members, who always use routes")
        guard options.nodeCount >= options.nodeCountMin else {
            throw Diagnostic(
                code: "misused",
                message:
                    "of the nodes \(options.deathCount) die, and then all neighbours of one, and too few would be left.",
                nextStep: "Simulate more: --nodes \(options.nodeCountMin)"
            )
        }
        guard options.duration >= options.durationMin else {
            let minutes = Int((options.durationMin.inSeconds / 60).rounded(.up))
            throw Diagnostic(
                code: "misused",
                message:
                    "until \(options.nodeCount) nodes have joined, and some of them died, it may take \(minutes) minutes.",
                nextStep: "Simulate for longer: --minutes \(minutes)"
            )
        }
    }

    func run(_ watch: SimWatch) throws -> SimFinding {
        let minutes = options.duration.components.seconds / 60
        let title = "\(name): \(nodeCount) nodes, \(minutes) virtual minutes, seed \(seed)"
        let outcome = try MemberFleet(options).run(
            pictureTitle: watch.wantsPicture ? title : nil,
            progress: watch.progress
        )
        let report = outcome.report
        var figures = JSONObject()
        figures["join_s"] = report.joinSeconds.map(JSON.double) ?? .null
        figures["degrees"] = .array(report.degrees.map { JSON($0) })
        figures["detection_median_s"] = report.detectionMedianSeconds.map(JSON.double) ?? .null
        figures["known_to_all_median_s"] = report.knownMedianSeconds.map(JSON.double) ?? .null
        figures["known_to_all_max_s"] = report.knownMaxSeconds.map(JSON.double) ?? .null
        figures["heal_s"] = report.healSeconds.map(JSON.double) ?? .null
        figures["false_deaths_joining"] = JSON(report.joiningDeathCount)
        figures["false_deaths"] = JSON(report.falseDeathCount)
        figures["false_deaths_short_of_time"] = JSON(report.shortOfTimeDeathCount)
        figures["false_deaths_starved"] = JSON(report.starvedDeathCount)
        figures["starved_s"] = .double(report.starvedSeconds)
        figures["route_changes"] = report.routeChangeCount.map { JSON($0) } ?? .null
        figures["events"] = JSON(report.eventCount)
        return SimFinding(
            virtualSeconds: report.virtualSeconds,
            figures: figures,
            traceHash: report.traceHash,
            violations: report.violations,
            firstViolation: report.firstViolation,
            events: report.violations.isEmpty ? [] : report.events,
            picture: outcome.picture,
            text: """
                all know all \(Self.text(report.joinSeconds)) after the last start; links of a node: \
                \(report.degrees.map(String.init).joined(separator: ", ")) (least, median, most)
                a death is known to a node after \(Self.text(report.detectionMedianSeconds)) (median), to all \
                after \(Self.text(report.knownMedianSeconds)) (median), \(Self.text(report.knownMaxSeconds)) (most)
                whoever lost all neighbours is back after \(Self.text(report.healSeconds))
                running nodes taken for dead: \(report.joiningDeathCount) while joining, \(report.falseDeathCount) later; in \
                \(Self.text(report.starvedSeconds)) each, with 90 % of the processor for all \
                \(report.shortOfTimeDeathCount), with 10 % for a tenth \(report.starvedDeathCount)
                \(SimFleetScenario.routes(report.routeChangeCount))
                """
        )
    }

    private static func text(_ seconds: Double?) -> String {
        seconds.map { DecimalText.write($0, fractionDigits: 1) + " s" } ?? "(never)"
    }
}
