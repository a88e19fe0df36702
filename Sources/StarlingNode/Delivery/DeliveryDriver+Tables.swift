internal import StarlingCore
package import StarlingMesh

// What has a limit, for those who check that it is kept.
extension DeliveryDriver {
    /// The tables of delivery and of the swarm under it, each against its limit.
    package var tableFills: [TableFill] { tableFills(after: nil) }

    /// The tables that have a limit, without those of the machines where these had their last turn before.
    ///
    /// - Parameter turnCount: ``turnCount`` as it was when they were looked at last.
    package func tableFills(after turnCount: UInt64?) -> [TableFill] {
        var fills = [
            paths.tableFill, TableFill("delivery dials", reaching, of: limits.reachCountMax),
            TableFill("delivery obstacles", obstacles.count, of: limits.obstacleCountMax),
        ]
        if turnCount != self.turnCount {
            fills += inPlace(&outbox) { $0.tableFills }
            fills += inPlace(&inbox) { $0.tableFills }
            fills += inPlace(&flood) { $0.tableFills }
            fills += inPlace(&forwarder) { $0.tableFills }
        }
        if let blobs { fills += blobs.tableFills }
        fills += swarm.protocols.withLedger { $0.tableFills }
        return fills
    }

    /// Whether a message is in the inbox, as its application sees it or will once it is on the disk.
    package func inboxHolds(_ id: MessageID) -> Bool { inbox.entry(of: id) != nil }
}

extension ResourceLedger {
    /// What the node's connections take, each against its limit.
    fileprivate var tableFills: [TableFill] {
        [
            TableFill("connections", connectionCount, of: limits.connectionCountMax),
            TableFill("pending connections", pendingConnectionCount, of: limits.pendingConnectionCountMax),
            TableFill("streams", streamCount, of: limits.streamCountMax),
            TableFill("charged bytes", memoryByteCount, of: limits.memoryByteCountMax),
        ]
    }
}
