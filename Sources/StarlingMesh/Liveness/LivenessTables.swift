extension Liveness {
    /// The tables that have a limit.
    package var tableFills: [TableFill] {
        [
            TableFill("liveness members", index.count, of: limits.memberCountMax + 1),
            TableFill("liveness links", upLinks.nonzeroBitCount, of: limits.linkCountMax),
            TableFill("liveness news", news.count, of: index.count),
            TableFill("liveness young members", young.count, of: index.count),
            TableFill("liveness proofs", proofs.count, of: index.count),
            // One for each neighbour, and for links that broke.
            TableFill("liveness probes", probes.count, of: index.count),
            TableFill(
                "liveness errands",
                errands.count,
                of: upLinks.nonzeroBitCount * limits.neighbourErrandCountMax
            ),
        ]
    }
}
