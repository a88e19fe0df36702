internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingIO
internal import StarlingSimulator
internal import StarlingWorld

/// A scenario of messages: `delivery`, those that are written down in the simulator, and those of files.
struct SimFleetScenario: SimScenario {
    let name: String
    var options: DeliveryFleet.Options
    let ownFlags: String

    /// - Parameter word: the scenario's name, or the path of its file.
    init(_ word: String, _ invocation: Invocation) throws(Diagnostic) {
        var scenario = try Self.scenario(word)
        try scenario.options.apply(invocation)
        let forcesRoutes = invocation[StarlingFlags.routes] && !scenario.options.usesRoutes
        if forcesRoutes { scenario.options.usesRoutes = true }
        var ownFlags = forcesRoutes ? " \(StarlingFlags.routes.spec.dashed)" : ""
        if let count = invocation[StarlingFlags.routesMax] {
            let flag = StarlingFlags.routesMax.spec.dashed
            guard scenario.options.usesRoutes else {
                throw Diagnostic(
                    code: "misused",
                    message: "\(flag) says nothing to \(word), which uses no routes.",
                    nextStep: "Add \(StarlingFlags.routes.spec.dashed), or go without \(flag)."
                )
            }
            scenario.options.routeCountMax = count
            ownFlags += " \(flag) \(count)"
        }
        self.ownFlags = ownFlags
        do throws(ScenarioError) { try scenario.check() } catch { throw Self.diagnostic(error, word) }
        name = word
        options = scenario.options
    }

    private static func isBuiltIn(_ word: String) -> Bool {
        word == SimScenarioName.delivery.rawValue || Scenario.text(ofBuiltIn: word) != nil
    }

    private static func scenario(_ word: String) throws(Diagnostic) -> Scenario {
        if word == SimScenarioName.delivery.rawValue { return .delivery }
        if let text = Scenario.text(ofBuiltIn: word) { return try parse(Array(text.utf8), word) }
        let path = try WorkingFolder.absolute(word)
        let text: [UInt8]
        do throws(FileError) {
            text = try SystemFiles().read(path, byteCountMax: Scenario.byteCountMax, isSecret: false)
        } catch {
            throw unreadable(error, word)
        }
        return try parse(text, word)
    }

    private static func unreadable(_ error: FileError, _ word: String) -> Diagnostic {
        switch error {
        case .tooLarge: diagnostic(.tooLong, word)
        case .isFolder:
            Diagnostic(
                code: "misused",
                message: "\(word) is a folder, and no scenario.",
                nextStep: "Name a file in it, or see what is built in: starling sim --list"
            )
        case .notFound:
            Diagnostic(
                code: "misused",
                message: "there is no scenario '\(word)', and no file of that name.",
                nextStep: "See what is built in: starling sim --list"
            )
        case .alreadyExists, .notPermitted, .readableByOthers, .noSpace, .readOnly, .other:
            Diagnostic(
                code: "unreadable",
                message: "the scenario \(word) cannot be read: \(error).",
                nextStep: "See that it is a file that you may read."
            )
        }
    }

    private static func parse(_ text: [UInt8], _ word: String) throws(Diagnostic) -> Scenario {
        do throws(ScenarioError) { return try Scenario(word, parsing: text) } catch {
            throw diagnostic(error, word)
        }
    }

    private static func diagnostic(_ error: ScenarioError, _ word: String) -> Diagnostic {
        let message =
            switch error {
            case .tooLong: "\(word) is larger than \(ByteCountText.write(Scenario.byteCountMax))."
            case .syntax(let line, let column, let reason):
                "\(word), line \(line), column \(column): \(reason)."
            case .field("", let expectation): "\(word): the whole must be \(expectation)."
            case .field(let field, let expectation): "\(word): the field '\(field)' must be \(expectation)."
            }
        return Diagnostic(
            code: "invalid_scenario",
            message: message,
            nextStep: isBuiltIn(word)
                ? "It is built in: choose other --nodes, --minutes or --hours."
                : "The fields are in docs/scenarios.md; 'starling sim --list --json' shows whole examples."
        )
    }

    func run(_ watch: SimWatch) throws -> SimFinding {
        var probes = DeliveryFleet.Probes()
        probes.memory = { ProcessUsage.allocatedByteCount() ?? ProcessUsage().residentByteCount }
        probes.progress = watch.progress
        if watch.wantsPicture {
            let minutes = options.duration.components.seconds / 60
            probes.pictureTitle = "\(name): \(nodeCount) nodes, \(minutes) virtual minutes, seed \(seed)"
        }
        let outcome = try DeliveryFleet(options, probes: probes).run()
        let report = outcome.report
        return SimFinding(
            virtualSeconds: report.virtualSeconds,
            figures: Self.figures(report, options),
            traceHash: report.traceHash,
            violations: report.violations,
            firstViolation: report.firstViolation,
            events: report.events,
            usage: Self.usage(outcome.memory, nodeCount: nodeCount),
            usageViolations: outcome.memory.violations,
            picture: outcome.picture,
            text: Self.text(report, options) + "\n" + Self.text(outcome.memory, options)
        )
    }

    // MARK: Words

    static func figures(_ report: DeliveryFleet.Report, _ options: DeliveryFleet.Options) -> JSONObject {
        var figures = JSONObject()
        figures["accepted"] = JSON(report.accepted)
        figures["delivered"] = JSON(report.delivered)
        figures["pending"] = JSON(report.pending)
        figures["not_accepted"] = JSON(report.unacceptedCount)
        figures["expired"] = JSON(report.expired)
        figures["refused"] = JSON(report.refused)
        figures["lost"] = JSON(report.lost)
        figures["duplicated"] = JSON(report.duplicated)
        figures["answered"] = JSON(report.answered)
        figures["repeated"] = JSON(report.repeated)
        figures["held"] = JSON(report.held)
        figures["crashes"] = JSON(report.crashCount)
        figures["restarts"] = JSON(report.restartCount)
        figures["resets"] = JSON(report.resetCount)
        figures["partitions"] = JSON(report.partitionCount)
        figures["cuts"] = JSON(report.cutCount)
        figures["hostile"] = JSON(report.hostileCount)
        for (name, _, count) in deeds(report) { figures["\(name)_by_hostile"] = JSON(count) }
        if options.usesRoutes { figures["route_changes"] = report.routeChangeCount.map { JSON($0) } ?? .null }
        if let count = report.mailCopyCount {
            figures["mail_copies"] = JSON(count)
            figures["mail_copies_left"] = JSON(report.leftCopyCount ?? 0)
        }
        if let count = report.hostileMailCount { figures["mail_taken_by_hostile"] = JSON(count) }
        if report.healedCount > 0 {
            figures["healed"] = JSON(report.healedCount)
            figures["healing_s"] = report.healingSeconds.map(JSON.double) ?? .null
        }
        figures["events"] = JSON(report.eventCount)
        return figures
    }

    static func text(_ report: DeliveryFleet.Report, _ options: DeliveryFleet.Options) -> String {
        var lines = [
            """
            \(report.accepted) messages accepted: \(report.delivered) delivered, \(report.expired) expired, \
            \(report.refused) refused, \(report.pending) pending, \(report.lost) lost, \
            \(report.duplicated) duplicated
            """,
            """
            \(report.crashCount) crashes, \(report.restartCount) restarts, \(report.resetCount) resets, \
            \(report.partitionCount) partitions, \(report.cutCount) links cut
            """,
        ]
        if report.unacceptedCount > 0 {
            lines.append("\(report.unacceptedCount) further messages were never accepted")
        }
        if report.hostileCount > 0 {
            let deeds = deeds(report).map { _, words, count in "\(count) \(words)" }
            lines.append((["\(report.hostileCount) nodes are hostile"] + deeds).joined(separator: ", "))
        }
        if options.usesRoutes { lines.append(routes(report.routeChangeCount)) }
        if let count = report.mailCopyCount {
            lines.append("\(count) copies kept by mailboxes, \(report.leftCopyCount ?? 0) of them at the end")
        }
        if let count = report.hostileMailCount { lines.append("\(count) copies taken by mailboxes that lie") }
        if report.healedCount > 0 {
            let time = report.healingSeconds.map { "\($0) s" } ?? "not until the end"
            lines.append("\(report.healedCount) messages waited for the end of a partition: \(time)")
        }
        return lines.joined(separator: "\n")
    }

    /// What hostile nodes did, as figures are called and in words.
    private static func deeds(_ report: DeliveryFleet.Report) -> [(name: String, words: String, count: Int)] {
        let deeds = report.hostileDeeds
        let all: [(String, String, Int?)] = [
            ("dropped", "frames dropped", deeds.dropped), ("replayed", "frames replayed", deeds.replayed),
            ("flattered", "routes told falsely", deeds.flattered),
            ("flooded", "routes told anew", deeds.flooded),
        ]
        return all.compactMap { name, words, count in count.map { (name, words, $0) } }
    }

    /// How many changes of routes were watched; `nil` where there were too many nodes for that.
    static func routes(_ changeCount: Int?) -> String {
        changeCount.map { "\($0) changes of routes watched for circles" }
            ?? "routes are not watched above \(RouteWatch.nodeCountMax) nodes"
    }

    /// The memory of the nodes, and beside it what the simulated disks hold.
    private static func usage(_ memory: FleetMemory, nodeCount: Int) -> JSONObject {
        var usage = JSONObject()
        let series = [
            ("memory", memory.nodes, memory.samples.map(\.nodeByteCount)),
            ("disk", memory.disks, memory.samples.map(\.diskByteCount)),
        ]
        for (name, spread, byteCounts) in series {
            guard let spread else { continue }
            usage["\(name)_min_bytes"] = JSON(spread.least)
            usage["\(name)_mean_bytes"] = JSON(spread.mean)
            usage["\(name)_max_bytes"] = JSON(spread.most)
            usage["\(name)_bytes_per_node"] = JSON(spread.most / nodeCount)
            usage["\(name)_spread_ratio"] = .double(spread.ratio)
            usage["\(name)_drift_ratio"] = .double(spread.drift)
            usage["\(name)_bytes"] = .array(byteCounts.map { JSON($0) })
        }
        return usage
    }

    static func text(_ memory: FleetMemory, _ options: DeliveryFleet.Options) -> String {
        guard let nodes = memory.nodes, let disks = memory.disks else {
            // All nodes are up in the quiet time: what they use then says nothing of growth.
            return options.quietTime * 2 >= options.duration
                ? "memory unknown: the quiet time is half of the run or more"
                : "memory unknown: the run is too short to ask for it"
        }
        return
            "second half: memory of the nodes \(text(nodes)), content of their disks \(text(disks))"
    }

    private static func text(_ spread: FleetMemory.Spread) -> String {
        let percent = DecimalText.write(spread.ratio * 100, fractionDigits: 1)
        let drift = DecimalText.write(spread.drift * 100, fractionDigits: 1)
        return "\(ByteCountText.write(spread.mean)) ± \(percent) % (drift \(drift) %)"
    }
}
