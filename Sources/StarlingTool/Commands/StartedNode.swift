internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCrypto
internal import StarlingWorld

/// A node that `starling up` has started.
struct StartedNode: Sendable {
    var identity: NodeIdentity
    var operations: any NodeOperations
    private let end: @Sendable () async -> Void

    /// Says goodbye to all peers and ends.
    func stop() async { await end() }

    /// Builds the node from the settings and starts it; `say` tells people what differs from what they asked for.
    static func start(
        _ settings: UpSettings,
        identity: IdentityKey,
        world: World,
        say: @Sendable (String) -> Void
    ) async throws(Diagnostic) -> StartedNode {
        throw Diagnostic(code: "not_available", message: "'up' is not part of this build.", nextStep: "")
    }
}
