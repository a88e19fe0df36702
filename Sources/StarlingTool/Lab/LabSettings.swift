internal import StarlingCommandLine
internal import StarlingCore

/// What `starling lab` was asked for, read from its flags.
struct LabSettings: Sendable {
    let nodeCount: Int
    /// What to run, in this order.
    let scenarios: [LabScenarioName]
    /// The seed of the lab's own chance: when it kills, and whom.
    let seed: UInt64
    /// How long one scenario may wait for what it expects.
    let patience: Duration
    /// The size of the large file.
    let fileByteCount: Int
    let keepsHomes: Bool
    let isJSON: Bool
    /// What the report says of the choice of scenarios.
    let notes: [String]

    private static let nodeCountIfNone = 10
    static let fileByteCountIfNone = 1 << 30

    init(_ invocation: Invocation) throws(Diagnostic) {
        nodeCount = invocation[StarlingFlags.labNodes] ?? Self.nodeCountIfNone
        let named = invocation.all(StarlingFlags.scenario).compactMap(LabScenarioName.init(rawValue:))
        let obstacle = named.isEmpty ? LabNamespaces.obstacle : nil
        notes = obstacle.map { ["partition was left out: \($0)"] } ?? []
        scenarios =
            named.isEmpty
            ? LabScenarioName.allCases.filter { $0.isUsual && ($0 != .partition || obstacle == nil) } : named
        seed = UInt64(invocation[StarlingFlags.seed] ?? 1)
        patience = invocation[StarlingFlags.timeout] ?? .seconds(60)
        fileByteCount = invocation[StarlingFlags.fileSize] ?? Self.fileByteCountIfNone
        keepsHomes = invocation[StarlingFlags.keep]
        isJSON = invocation[StarlingFlags.json]
        let sensitive = scenarios.first { $0 == .largeFile || $0 == .fileOverHops }
        if sensitive == nil, invocation.names(StarlingFlags.fileSize.spec) {
            throw Diagnostic(
                code: "misused",
                message:
                    "none of these scenarios has a use for \(StarlingFlags.fileSize.spec.dashed).",
                nextStep: "Go without it, or add --scenario large-file."
            )
        }
        if let sensitive, fileByteCount < LabStage.fileByteCountMin {
            let size = ByteCountText.write(LabStage.fileByteCountMin)
            throw Diagnostic(
                code: "misused",
                message:
                    "with a file of less than \(size), \(sensitive.rawValue) cannot tell "
                    + "whether a node starts over.",
                nextStep: "Use \(StarlingFlags.fileSize.spec.dashed) \(size), or a larger one."
            )
        }
    }
}
