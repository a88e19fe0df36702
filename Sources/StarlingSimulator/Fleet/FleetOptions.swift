/// What every simulated fleet is told: the same options give the same trace.
package protocol FleetOptions: Sendable {
    var seed: UInt64 { get set }
    var nodeCount: Int { get set }
    /// Virtual time, from the first node's start.
    var duration: Duration { get set }

    /// What is simulated where nothing else is asked for.
    init()
}
