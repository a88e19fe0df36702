extension Liveness {
    /// The tables that have a limit.
    package var tableFills: [TableFill] {
        [
            TableFill("liveness members", memberCount, of: limits.memberCountMax + 1),
            TableFill("liveness links", upLinks.nonzeroBitCount, of: limits.linkCountMax),
            newsAllowances.tableFill("liveness former links"),
            TableFill("liveness news", news.count, of: memberCount),
            TableFill("liveness young members", young.count, of: memberCount),
            TableFill("liveness proofs", proofs.count, of: memberCount),
            // One for each neighbour, and for links that broke.
            TableFill("liveness probes", probes.count, of: memberCount),
            TableFill(
                "liveness errands",
                errands.count,
                of: upLinks.nonzeroBitCount * limits.neighbourErrandCountMax
            ),
        ]
    }
}
