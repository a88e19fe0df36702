internal import StarlingCore
internal import StarlingSimulator

/// What came of one run.
struct SimFinding {
    var virtualSeconds: Double
    /// What each run of the same seed has to find: keys of the report, in order.
    var figures: JSONObject
    var traceHash: UInt64
    /// Rules that were broken, in words.
    var violations: [String]
    /// When the first of them was found, where a run found it, and not who compares runs.
    var firstViolation: FleetMoment?
    /// What happened last where they were.
    var events: [String] = []
    /// What this process used meanwhile, which may differ between runs.
    var usage = JSONObject()
    /// Rules that were broken by what this process used.
    var usageViolations: [String] = []
    /// The end of the run as an SVG document, where it was asked for.
    var picture: String?
    /// For people: what was done.
    var text: String

    /// The trace as people compare it.
    var trace: String {
        let digits = String(traceHash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Whether another run of the seed was the same.
    func repeats(_ other: SimFinding) -> Bool {
        figures == other.figures && traceHash == other.traceHash && violations == other.violations
            && events == other.events
    }

    /// What was not the same in another run of the seed, in words.
    func differences(from other: SimFinding) -> String {
        var differences: [String] = []
        if traceHash != other.traceHash { differences.append("trace \(trace) and \(other.trace)") }
        for figure in figures.members {
            let value = other.figures[figure.key] ?? .null
            if figure.value != value {
                differences.append("\(figure.key) \(figure.value.text) and \(value.text)")
            }
        }
        if violations != other.violations { differences.append("broken rules") }
        if events != other.events { differences.append("last events") }
        return differences.joined(separator: ", ")
    }
}
