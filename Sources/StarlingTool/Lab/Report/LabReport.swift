internal import StarlingCommandLine
package import StarlingCore

/// What one scenario came to.
package struct LabResult: Equatable, Sendable {
    package var name: String
    /// How many nodes it ran, which may be nodes of its own; `nil` where it did not come so far.
    package var nodeCount: Int?
    /// What the scenario meant to happen: messages that a node accepted, or pairs that should be connected.
    package var sentCount = 0
    /// What of it was seen to have happened, at the recipient.
    package var deliveredCount = 0
    package var duplicatedCount = 0
    package var latency = LatencySample()
    /// What else fell short, in words; each makes the scenario fail.
    package var shortcomings: [String] = []
    /// What is worth knowing beside the figures.
    package var notes: [String] = []
    /// What was measured beside the latency of all, in this order.
    package var figures: [LabFigure] = []

    package init(_ name: String) { self.name = name }

    package var hasPassed: Bool {
        sentCount > 0 && deliveredCount == sentCount && duplicatedCount == 0 && shortcomings.isEmpty
    }

    package var json: JSON {
        var measured = JSONObject()
        for figure in figures { measured[figure.key] = Self.number(figure.value) }
        return [
            "name": .string(name), "nodes": nodeCount.map { JSON($0) } ?? .null, "sent": JSON(sentCount),
            "delivered": JSON(deliveredCount),
            "duplicated": JSON(duplicatedCount), "p50_ms": Self.number(latency.percentile(50)),
            "p99_ms": Self.number(latency.percentile(99)), "passed": .bool(hasPassed),
            "figures": .object(measured), "shortcomings": .array(shortcomings.map { .string($0) }),
            "notes": .array(notes.map { .string($0) }),
        ]
    }

    private static func number(_ value: Double?) -> JSON {
        value.map { .double(($0 * 1000).rounded() / 1000) } ?? .null
    }
}

/// One thing that a scenario has measured.
package struct LabFigure: Equatable, Sendable {
    /// Its name in the report's JSON, with the unit at its end.
    package var key: String
    package var value: Double

    package init(_ key: String, _ value: Double) {
        self.key = key
        self.value = value
    }
}

/// What a run of the lab came to.
package struct LabReport: Equatable, Sendable {
    /// Of those scenarios that have none of their own.
    package var nodeCount: Int
    package var seed: UInt64
    package var results: [LabResult] = []
    /// What is worth knowing of the run as a whole.
    package var notes: [String] = []
    /// The memory of all nodes together when the last scenario ended, in bytes; `nil` where the system does not tell.
    package var residentByteCount: Int?

    package init(nodeCount: Int, seed: UInt64) {
        self.nodeCount = nodeCount
        self.seed = seed
    }

    package var hasPassed: Bool { !results.isEmpty && results.allSatisfy(\.hasPassed) }

    package var json: JSON {
        [
            "passed": .bool(hasPassed), "nodes": JSON(nodeCount), "seed": JSON(seed),
            "resident_bytes": residentByteCount.map { JSON($0) } ?? .null,
            "scenarios": .array(results.map(\.json)), "notes": .array(notes.map { .string($0) }),
        ]
    }

    /// The table, and under it what fell short.
    package func render(colours: Bool) -> String {
        let style = TextStyle(isColoured: colours)
        var table = TextTable([
            ("scenario", .left), ("nodes", .right), ("sent", .right), ("delivered", .right),
            ("duplicates", .right),
            ("p50 ms", .right), ("p99 ms", .right), ("", .left),
        ])
        for result in results {
            table.append([
                result.name, result.nodeCount.map { "\($0)" } ?? "-", "\(result.sentCount)",
                "\(result.deliveredCount)", "\(result.duplicatedCount)",
                Self.text(result.latency.percentile(50)), Self.text(result.latency.percentile(99)),
                result.hasPassed ? "passed" : "FAILED",
            ])
        }
        var text = table.render(style)
        for result in results {
            for line in result.shortcomings { text += style.red("\(result.name): \(line)") + "\n" }
            for line in result.notes { text += style.dim("\(result.name): \(line)") + "\n" }
        }
        for line in notes { text += style.dim(line) + "\n" }
        var memory = ""
        if let residentByteCount {
            memory = "\(nodeCount) nodes, \(ByteCountText.write(residentByteCount)) of memory together, "
        }
        return text + style.dim("\(memory)seed \(seed)") + "\n"
    }

    private static func text(_ milliseconds: Double?) -> String {
        milliseconds.map { DecimalText.write($0, fractionDigits: 3) } ?? "-"
    }
}
