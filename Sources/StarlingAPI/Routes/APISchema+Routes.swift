internal import StarlingNode

// The API's values of the ways to peers.
extension APISchema {
    static let routeList = APISchema.object(
        [APIField("routes", .list(route), "By PeerID.")],
        "How peers are reached."
    )

    private static let route = APISchema.object(
        [
            APIField("peer_id", peerID, "Who is reached."),
            APIField("over", .list(routeHop), "The neighbours over which, the one that is used first."),
            APIField("age_ms", natural, "Since when the first one is that."),
        ],
        "How a peer is reached."
    )

    private static let routeHop = APISchema.object(
        [
            APIField("peer_id", peerID, "The neighbour; the peer itself where that is connected."),
            APIField(
                "metric_us",
                natural,
                isNullable: true,
                "The time in which 16 KiB and their answer should cross the way; null where that is too long."
            ),
            APIField("link_cost_us", natural, "What the link to the neighbour has of it."),
            APIField("penalty_us", natural, "What it has of it for what the neighbour did not deliver."),
            APIField("suspicion_us", natural, "What it has of it while the neighbour answers nothing."),
            APIField("hops", natural, "Links to the peer, by the neighbour's word."),
            APIField("age_ms", natural, "Since when the neighbour tells this."),
            APIField(
                "reason",
                .word(RouteSummary.Reason.allCases.map(\.rawValue)),
                "Why it is used, or is not."
            ),
        ],
        "The way over one neighbour."
    )

    static let traceRequest = APISchema.object(
        [
            APIField("peer", peerID, "Whose way to ask for."),
            APIField(
                "hop_limit",
                .integer(minimum: 1, maximum: TraceRequest.hopLimitMax),
                isRequired: false,
                "Links that the question may cross; \(TraceRequest.hopLimitMax) if left out."
            ),
            APIField(
                "timeout_ms",
                natural,
                isRequired: false,
                "For connecting, where there is neither a link nor a route; 10000 if left out."
            ),
        ],
        "Whose way to ask for."
    )

    static let traceReport = APISchema.object(
        [
            APIField("peer_id", peerID, "Whose way was asked for."),
            APIField("arrived", .boolean, "Whether the way leads there."),
            APIField("hops", .list(traceHop), "In the order of the way; the last one says how it ends."),
        ],
        "The way that messages to a peer take, as those on it tell."
    )

    private static let traceHop = APISchema.object(
        [
            APIField("peer_id", peerID, "Who told."),
            APIField(
                "standing",
                .word(TraceReport.Standing.allCases.map(\.rawValue)),
                "How the question stood there."
            ),
            APIField("next", peerID, isNullable: true, "The neighbour that it went to, or that was silent."),
            APIField("round_trip_us", .number, "From the question to the answer's arrival."),
        ],
        "What one peer on the way told."
    )
}
