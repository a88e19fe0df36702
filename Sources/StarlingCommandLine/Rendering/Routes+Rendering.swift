package import StarlingAPI
internal import StarlingCore
internal import StarlingNode

extension RouteList {
    /// A row for each way, the one that is used first before its peer's others.
    package func render(_ style: TextStyle) -> String {
        var table = TextTable([
            ("PEER", .left), ("OVER", .left), ("HOPS", .right), ("METRIC", .right), ("AGE", .right),
            ("WHY", .left),
        ])
        for route in routes {
            for (index, hop) in route.hops.enumerated() {
                table.append([
                    index == 0 ? route.peerID.base58 : "",
                    hop.peerID == route.peerID ? "its link" : hop.peerID.base58, "\(hop.hopCount)",
                    hop.metric.map(DurationText.write) ?? "", DurationText.writeAge(hop.age), hop.why,
                ])
            }
        }
        return table.render(style)
    }

    /// What to say where there is nothing to list, `flags` being those that mean the same node.
    package static func emptyHint(flags: String) -> String {
        "No routes: no neighbour speaks of routes, or this node was started with --no-routes. "
            + "See who is connected: starling peers\(flags)\n"
    }
}

extension RouteSummary.Hop {
    fileprivate var why: String {
        var words =
            switch reason {
            case .first: "the best"
            case .direct: "its own link goes first"
            case .detour: "its own link is much worse"
            case .kept: "in use, and no other is clearly better"
            case .balanced: "as good, or nearly: takes messages when the first is busy"
            case .spare: "in reserve"
            case .unfeasible: "not used: might lead back here"
            case .waiting: "not used yet: what this node told before its start is not void"
            }
        if penalty > .zero { words += ", \(DurationText.write(penalty)) for what it did not deliver" }
        if suspicion > .zero { words += ", \(DurationText.write(suspicion)) because it does not answer" }
        return words
    }
}
