internal import CSys
internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingIO
internal import StarlingSimulator

/// `starling sim`: whole nodes in virtual time, on this thread.
struct SimCommand {
    private let console: Console
    private var scenario: any SimScenario
    private let seeds: ClosedRange<UInt64>
    private let runCount: Int
    private let isJSON: Bool
    private let wantsList: Bool
    /// Where the picture goes.
    private let picturePath: String?
    /// When the whole run is given up; `nil` for never.
    private let timeout: Duration?

    init(_ invocation: Invocation, _ console: Console) throws(Diagnostic) {
        self.console = console
        isJSON = invocation[StarlingFlags.json]
        timeout = invocation[StarlingFlags.timeout]
        runCount = invocation[StarlingFlags.runs] ?? 1
        wantsList = invocation[StarlingFlags.list]
        picturePath = invocation[StarlingFlags.svg]
        let word = invocation.argument(0) ?? SimScenarioName.pings.rawValue
        switch SimScenarioName(rawValue: word) {
        case .pings: scenario = try PingScenario(invocation)
        case .members: scenario = try MemberScenario(invocation)
        case .absence: scenario = try AbsenceScenario(invocation)
        case .delivery, .soak, .mesh, .partition, .line, .grid, .hostile, nil:
            scenario = try SimFleetScenario(word, invocation)
        }
        guard let range = invocation[StarlingFlags.seeds] else {
            seeds = scenario.seed...scenario.seed
            return
        }
        for flag in [StarlingFlags.seed.spec, StarlingFlags.svg.spec] where invocation.names(flag) {
            throw Diagnostic(
                code: "misused",
                message: "\(flag.dashed) is about one seed, and --seeds about several.",
                nextStep: "Use one of the two."
            )
        }
        seeds = UInt64(range.lowerBound)...UInt64(range.upperBound)
    }

    /// Runs the simulation, as often as asked, and reports it; fails when a rule was broken or two runs differ.
    func run() throws(Diagnostic) -> ExitStatus {
        if wantsList { return try list() }
        let watch = try timeout.map { timeout throws(Diagnostic) in
            try ProcessDeadline(
                timeout,
                Diagnostic(
                    code: "timed_out",
                    message: "the simulation is not over after \(DurationText.write(timeout)).",
                    nextStep: "Give it more time with --timeout, or simulate less."
                ),
                isJSON: isJSON
            )
        }
        defer { withExtendedLifetime(watch) {} }
        csys_use_large_pages()
        if let picturePath { try OutputFile.check(picturePath) }
        let progress = SimProgress(console)
        var report = SimReport(seedCount: seeds.count, nodeCount: scenario.nodeCount, runCount: runCount)
        for seed in seeds {
            var scenario = scenario
            scenario.seed = seed
            do throws(Diagnostic) {
                report.results.append(try run(scenario, progress))
            } catch {
                // What is known of the seeds before it is worth as much as without it.
                if !report.results.isEmpty { try tell(report) }
                throw error
            }
            if let result = report.results.last, seeds.count > 1 {
                progress.say(seed, result.finding, result.wallSeconds)
            }
        }
        try tell(report)
        if let picturePath, let picture = report.results.first?.finding.picture {
            try OutputFile.write(Array(picture.utf8), to: picturePath)
        }
        return report.hasPassed ? .succeeded : .failed
    }

    /// Data, and what went wrong.
    private func tell(_ report: SimReport) throws(Diagnostic) {
        try console.write(isJSON ? report.json.text + "\n" : report.text)
        for result in report.results where !result.finding.violations.isEmpty {
            for violation in result.finding.violations { console.say("broken: \(violation)\n") }
            for event in result.finding.events { console.say("  \(event)\n") }
            console.say("Replay it: \(result.replay)\n")
        }
    }

    private func run(_ scenario: any SimScenario, _ progress: SimProgress) throws(Diagnostic)
        -> SimReport.Result
    {
        let replay = scenario.replay + " --runs \(runCount)"
        var findings: [SimFinding] = []
        let clock = SystemWallClock()
        let start = clock.now
        for number in 1...runCount {
            progress.begin(scenario.name, seed: scenario.seed, run: number, of: runCount, scenario.duration)
            let watch = SimWatch(
                progress: { progress.show($0) },
                wantsPicture: picturePath != nil && number == 1
            )
            do { findings.append(try scenario.run(watch)) } catch {
                progress.clear()
                throw Diagnostic(
                    code: "simulation_failed",
                    message: "the simulation of seed \(scenario.seed) broke down: \(error).",
                    nextStep: "Replay it: \(replay)"
                )
            }
        }
        progress.clear()
        var finding = findings[0]
        let milliseconds = clock.now.millisecondsSince1970 - start.millisecondsSince1970
        for (number, other) in findings.enumerated() where !other.repeats(finding) {
            finding.violations.append(
                "run \(number + 1) differs from run 1: \(finding.differences(from: other))"
            )
        }
        finding.violations += findings.flatMap(\.usageViolations)
        return SimReport.Result(
            seed: scenario.seed,
            finding: finding,
            wallSeconds: Double(milliseconds) / 1000 / Double(runCount),
            replay: replay
        )
    }

    // MARK: List

    /// The scenarios that are built in; as JSON each with its text, which may serve as a pattern.
    private func list() throws(Diagnostic) -> ExitStatus {
        var table = TextTable([
            ("SCENARIO", .left), ("NODES", .right), ("MINUTES", .right), ("WHAT IT IS", .left),
        ])
        var entries: [JSON] = []
        func add(_ name: String, _ options: some FleetOptions, _ summary: String, _ text: String?) {
            let minutes = options.duration.components.seconds / 60
            table.append([name, "\(options.nodeCount)", "\(minutes)", summary])
            var entry = JSONObject()
            entry["name"] = .string(name)
            entry["summary"] = .string(summary)
            entry["nodes"] = JSON(options.nodeCount)
            entry["minutes"] = JSON(minutes)
            if let text { entry["scenario"] = try? JSON(parsing: text) }
            entries.append(.object(entry))
        }
        add(SimScenarioName.pings.rawValue, PingFleet.Options(), PingScenario.summary, nil)
        add(SimScenarioName.members.rawValue, MemberFleet.Options(), MemberScenario.summary, nil)
        add(SimScenarioName.absence.rawValue, AbsenceFleet.Options(), AbsenceScenario.summary, nil)
        add(Scenario.delivery.name, Scenario.delivery.options, Scenario.delivery.summary, nil)
        for scenario in Scenario.builtIn {
            add(scenario.name, scenario.options, scenario.summary, Scenario.text(ofBuiltIn: scenario.name))
        }
        try console.write(
            isJSON ? (["scenarios": .array(entries)] as JSON).text + "\n" : table.render(console.outputStyle)
        )
        return .succeeded
    }
}
