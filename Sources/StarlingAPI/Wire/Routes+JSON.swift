package import StarlingCore
package import StarlingNode

extension RouteSummary.Hop: APIValue {
    package var json: JSON {
        [
            "peer_id": JSON(peerID), "metric_us": metric.map { JSON(microseconds: $0) } ?? .null,
            "link_cost_us": JSON(microseconds: linkCost), "penalty_us": JSON(microseconds: penalty),
            "suspicion_us": JSON(microseconds: suspicion),
            "hops": JSON(hopCount), "age_ms": JSON(milliseconds: age), "reason": .string(reason.rawValue),
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            peerID: try fields.peerID("peer_id"),
            metric: try fields.microsecondsIfAny("metric_us"),
            linkCost: try fields.microseconds("link_cost_us"),
            penalty: try fields.microseconds("penalty_us"),
            suspicion: try fields.microseconds("suspicion_us"),
            hopCount: try fields.count("hops"),
            age: try fields.milliseconds("age_ms"),
            reason: try fields.word("reason")
        )
    }
}

extension RouteSummary: APIValue {
    package var json: JSON {
        ["peer_id": JSON(peerID), "over": .array(hops.map(\.json)), "age_ms": JSON(milliseconds: age)]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            peerID: try fields.peerID("peer_id"),
            hops: try fields.list("over") { (json, path) throws(JSONShapeError) in try Hop(json, path: path)
            },
            age: try fields.milliseconds("age_ms")
        )
    }
}

/// The answer to `GET /v1/routes`.
package struct RouteList: Sendable, Equatable, APIValue {
    package var routes: [RouteSummary]

    package init(routes: [RouteSummary]) { self.routes = routes }

    package var json: JSON { ["routes": .array(routes.map(\.json))] }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        routes = try fields.list("routes") { (json, path) throws(JSONShapeError) in
            try RouteSummary(json, path: path)
        }
    }
}

extension TraceRequest: APIValue {
    package static let timeoutIfNone: Duration = .seconds(10)

    package var json: JSON {
        ["peer": JSON(peer), "hop_limit": JSON(hopLimit), "timeout_ms": JSON(milliseconds: timeout)]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        try fields.refuseAllBut(["peer", "hop_limit", "timeout_ms"])
        let hopLimit = try fields.numberIfAny("hop_limit", in: 1...Int64(Self.hopLimitMax))
        self.init(
            peer: try fields.peerID("peer"),
            hopLimit: hopLimit.map { Int($0) } ?? Self.hopLimitMax,
            timeout: try fields.millisecondsIfAny("timeout_ms") ?? Self.timeoutIfNone
        )
    }
}

extension TraceReport.Hop: APIValue {
    package var json: JSON {
        [
            "peer_id": JSON(peerID), "standing": .string(standing.rawValue),
            "next": next.map { JSON($0) } ?? .null, "round_trip_us": JSON(microseconds: roundTrip),
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            peerID: try fields.peerID("peer_id"),
            standing: try fields.word("standing"),
            next: try fields.peerIDIfAny("next"),
            roundTrip: try fields.microseconds("round_trip_us")
        )
    }
}

extension TraceReport: APIValue {
    package var json: JSON {
        ["peer_id": JSON(peerID), "arrived": .bool(hasArrived), "hops": .array(hops.map(\.json))]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            peerID: try fields.peerID("peer_id"),
            hops: try fields.list("hops") { (json, path) throws(JSONShapeError) in try Hop(json, path: path) }
        )
    }
}
