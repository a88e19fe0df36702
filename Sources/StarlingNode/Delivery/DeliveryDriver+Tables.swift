package import StarlingMesh

// What has a limit, for those who check that it is kept.
extension DeliveryDriver {
    /// The tables of delivery and of the swarm under it, each against its limit.
    package var tableFills: [TableFill] {
        let ledger = swarm.protocols.withLedger { $0 }
        return outbox.tableFills + inbox.tableFills + flood.tableFills + (blobs?.tableFills ?? []) + [
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
