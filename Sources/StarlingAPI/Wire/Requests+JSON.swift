package import StarlingCore
package import StarlingNode

extension NodeFailure: APIValue {
    package var json: JSON {
        [
            "error": [
                "code": .string(code.rawValue), "message": .string(message), "next_step": .string(nextStep),
            ]
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self = try NodeFailure(obstacle: fields.object("error"))
    }
}

extension NodeFailure {
    /// The failure without the member that wraps it where it is an answer of its own; null for none.
    static func json(ofObstacle failure: NodeFailure?) -> JSON {
        failure.flatMap { $0.json["error"] } ?? .null
    }

    init(obstacle fields: JSONFields) throws(JSONShapeError) {
        self.init(try fields.word("code"), try fields.text("message"), nextStep: try fields.text("next_step"))
    }
}

extension ConnectRequest: APIValue {
    package static let timeoutIfNone: Duration = .seconds(30)

    package var json: JSON {
        ["multiaddr": JSON(address), "timeout_ms": JSON(milliseconds: timeout)]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        try fields.refuseAllBut(["multiaddr", "timeout_ms"])
        self.init(
            address: try fields.multiaddr("multiaddr"),
            timeout: try fields.millisecondsIfAny("timeout_ms") ?? Self.timeoutIfNone
        )
    }
}

extension PingRequest: APIValue {
    package static let countIfNone = 5
    package static let intervalIfNone: Duration = .seconds(1)
    package static let timeoutIfNone: Duration = .seconds(10)

    package var json: JSON {
        let peer: JSON =
            switch target {
            case .peer(let peer): JSON(peer)
            case .address(let address): JSON(address)
            }
        return [
            "peer": peer, "count": JSON(count), "interval_ms": JSON(milliseconds: interval),
            "timeout_ms": JSON(milliseconds: timeout),
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        try fields.refuseAllBut(["peer", "count", "interval_ms", "timeout_ms"])
        let isAddress = try fields.text("peer").hasPrefix("/")
        let count = try fields.numberIfAny("count", in: 1...Int64(Self.countMax))
        self.init(
            target: isAddress ? .address(try fields.multiaddr("peer")) : .peer(try fields.peerID("peer")),
            count: count.map { Int($0) } ?? Self.countIfNone,
            interval: try fields.millisecondsIfAny("interval_ms") ?? Self.intervalIfNone,
            timeout: try fields.millisecondsIfAny("timeout_ms") ?? Self.timeoutIfNone
        )
    }
}

extension PingReport: APIValue {
    package var json: JSON {
        let figure: (Int) -> JSON = { percent in percentile(percent).map { JSON(microseconds: $0) } ?? .null }
        return [
            "peer_id": JSON(peerID), "sent": JSON(roundTrips.count + lostCount), "lost": JSON(lostCount),
            "min_us": figure(0), "median_us": figure(50), "p99_us": figure(99), "max_us": figure(100),
            "path": path.json, "round_trips_us": .array(roundTrips.map { JSON(microseconds: $0) }),
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            peerID: try fields.peerID("peer_id"),
            path: try ConnectionSummary(fields.object("path")),
            roundTrips: try fields.microsecondsList("round_trips_us"),
            lostCount: try fields.count("lost")
        )
    }
}
