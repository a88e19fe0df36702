internal import StarlingMesh
internal import StarlingNode

extension Node {
    /// The tables of all that the node drives, each against its limit.
    ///
    /// - Parameter turnCount: those of its delivery's machines are left out where these had their last turn before.
    /// - Precondition: the caller runs on the node's loop.
    func tableFills(after turnCount: UInt64? = nil) -> [TableFill] {
        var fills = delivery.assumeIsolated { $0.tableFills(after: turnCount) }
        fills += routes.assumeIsolated { $0.tableFills }
        fills += liveness.assumeIsolated { $0.tableFills }
        fills += records.assumeIsolated { $0.tableFills }
        fills += tunnels.assumeIsolated { $0.tableFills }
        fills += traces.assumeIsolated { $0.tableFills }
        fills += mailboxes.assumeIsolated { $0.tableFills }
        fills += shelf.assumeIsolated { $0.tableFills }
        if let topology { fills += topology.assumeIsolated { $0.tableFills } }
        return fills
    }
}
