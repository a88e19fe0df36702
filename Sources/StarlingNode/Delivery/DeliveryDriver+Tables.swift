package import StarlingMesh

// What has a limit, for those who check that it is kept.
extension DeliveryDriver {
    /// The tables of delivery and of the swarm under it, each against its limit.
    package var tableFills: [TableFill] { tableFills(after: nil) }

    /// The tables that have a limit, without those of the machines where these had their last turn before.
    ///
    /// - Parameter turnCount: ``turnCount`` as it was when they were looked at last.
    package func tableFills(after turnCount: UInt64?) -> [TableFill] {
        let ledger = swarm.protocols.withLedger { $0 }
        let machines =
            turnCount == self.turnCount ? [] : outbox.tableFills + inbox.tableFills + flood.tableFills
        return machines + (blobs?.tableFills ?? []) + [
            paths.tableFill, TableFill("delivery dials", reaching, of: limits.reachCountMax),
            TableFill("delivery obstacles", obstacles.count, of: limits.obstacleCountMax),
            TableFill("connections", ledger.connectionCount, of: ledger.limits.connectionCountMax),
            TableFill(
                "pending connections",
                ledger.pendingConnectionCount,
                of: ledger.limits.pendingConnectionCountMax
            ),
            TableFill("streams", ledger.streamCount, of: ledger.limits.streamCountMax),
            TableFill("charged bytes", ledger.memoryByteCount, of: ledger.limits.memoryByteCountMax),
        ]
    }

    /// Whether a message is in the inbox, as its application sees it or will once it is on the disk.
    package func inboxHolds(_ id: MessageID) -> Bool { inbox.entry(of: id) != nil }
}
