internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingSimulator

/// One thing that `starling sim` simulates.
protocol SimScenario {
    associatedtype Options: FleetOptions

    /// As the command line names it.
    var name: String { get }
    var options: Options { get set }
    /// Flags of its own that a replay needs.
    var ownFlags: String { get }

    /// Simulates it once, on this thread.
    func run(_ watch: SimWatch) throws -> SimFinding
}

extension SimScenario {
    var seed: UInt64 {
        get { options.seed }
        set { options.seed = newValue }
    }
    var nodeCount: Int { options.nodeCount }
    var duration: Duration { options.duration }
    var ownFlags: String { "" }

    /// The command that does it again, without the common flags.
    var replay: String {
        "starling sim \(ShellText.quoted(name)) --nodes \(nodeCount) --seed \(seed) "
            + "--minutes \(options.duration.components.seconds / 60)" + ownFlags
    }
}

extension FleetOptions {
    /// Takes what the flags ask for.
    mutating func apply(_ invocation: Invocation) throws(Diagnostic) {
        let (minutes, hours) = (invocation[StarlingFlags.minutes], invocation[StarlingFlags.hours])
        if minutes != nil && hours != nil {
            throw Diagnostic(
                code: "misused",
                message: "--minutes and --hours both say how long to simulate.",
                nextStep: "Use one of the two."
            )
        }
        if let nodeCount = invocation[StarlingFlags.nodes] { self.nodeCount = nodeCount }
        if let seed = invocation[StarlingFlags.seed] { self.seed = UInt64(seed) }
        if let minutes = minutes ?? hours.map({ 60 * $0 }) { duration = .seconds(60 * minutes) }
    }
}

extension Invocation {
    /// Refuses the flags that say something to fleets of messages only.
    func refuseFlagsOfFleets(_ scenario: String) throws(Diagnostic) {
        try refuse([StarlingFlags.routes.spec, StarlingFlags.routesMax.spec], scenario)
    }

    /// Refuses to draw a fleet whose links tell nothing.
    func refusePicture(_ scenario: String) throws(Diagnostic) {
        try refuse([StarlingFlags.svg.spec], scenario)
    }

    private func refuse(_ flags: [FlagSpec], _ scenario: String) throws(Diagnostic) {
        for flag in flags where names(flag) {
            throw Diagnostic(
                code: "misused",
                message: "\(flag.dashed) says nothing to \(scenario).",
                nextStep: "Choose another scenario: starling sim --list"
            )
        }
    }
}
