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
        let error = try fields.object("error")
        self.init(try error.word("code"), try error.text("message"), nextStep: try error.text("next_step"))
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

extension OutgoingMessage: APIValue {
    package static let receiptTimeoutIfNone: Duration = .seconds(5)

    package var json: JSON {
        [
            "to": JSON(to), "type": .string(type), "payload_base64": .string(Base64.encode(payload)),
            "wait_ms": JSON(milliseconds: receiptTimeout),
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        try fields.refuseAllBut(["to", "type", "payload", "payload_base64", "wait_ms"])
        let type = try fields.textIfAny("type") ?? Self.typeIfNone
        guard (1...Self.typeByteCountMax).contains(type.utf8.count) else {
            throw JSONShapeError(field: "type", expectation: "a text of 1 to \(Self.typeByteCountMax) bytes")
        }
        self.init(
            to: try fields.peerID("to"),
            type: type,
            payload: try Self.payload(fields),
            receiptTimeout: try fields.millisecondsIfAny("wait_ms") ?? Self.receiptTimeoutIfNone
        )
    }

    /// The payload, which comes as a text or in Base64, never as both.
    private static func payload(_ fields: JSONFields) throws(JSONShapeError) -> [UInt8] {
        let text = try fields.textIfAny("payload")
        let base64 = try fields.textIfAny("payload_base64")
        switch (text, base64) {
        case (let text?, nil): return Array(text.utf8)
        case (nil, let base64?):
            guard let bytes = try? Base64.decode(base64) else {
                throw JSONShapeError(field: "payload_base64", expectation: "Base64 with + and /")
            }
            return bytes
        case (nil, nil): throw JSONShapeError(field: "payload", expectation: "a text, or use payload_base64")
        case (_?, _?): throw JSONShapeError(field: "payload", expectation: "left out beside payload_base64")
        }
    }
}

extension SendReport: APIValue {
    package var json: JSON {
        [
            "id": .string(messageID), "state": .string(state.rawValue),
            "round_trip_us": roundTrip.map { JSON(microseconds: $0) } ?? .null,
            "obstacle": obstacle.flatMap { $0.json["error"] } ?? .null,
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        var obstacle: NodeFailure?
        if let error = try fields.objectIfAny("obstacle") {
            obstacle = NodeFailure(
                try error.word("code"),
                try error.text("message"),
                nextStep: try error.text("next_step")
            )
        }
        self.init(
            messageID: try fields.text("id"),
            state: try fields.word("state"),
            roundTrip: try fields.microsecondsIfAny("round_trip_us"),
            obstacle: obstacle
        )
    }
}

extension InboxMessage: APIValue {
    package var json: JSON {
        var json: JSON = [
            "position": JSON(position), "id": .string(messageID), "from": JSON(from), "type": .string(type),
            "created_ms": JSON(created.millisecondsSince1970),
            "received_ms": JSON(received.millisecondsSince1970),
        ]
        if let text {
            json["text"] = .string(text)
        } else {
            json["payload_base64"] = .string(Base64.encode(payload))
        }
        return json
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        let times: ClosedRange<Int64> = .min ... .max
        let payload: [UInt8]
        if let text = try fields.textIfAny("text") {
            payload = Array(text.utf8)
        } else if let bytes = try? Base64.decode(fields.text("payload_base64")) {
            payload = bytes
        } else {
            throw JSONShapeError(field: "payload_base64", expectation: "Base64 with + and /")
        }
        self.init(
            position: try fields.number("position"),
            messageID: try fields.text("id"),
            from: try fields.peerID("from"),
            type: try fields.text("type"),
            payload: payload,
            created: WallTime(millisecondsSince1970: try fields.number("created_ms", in: times)),
            received: WallTime(millisecondsSince1970: try fields.number("received_ms", in: times))
        )
    }
}

extension InboxPage: APIValue {
    package var json: JSON { ["messages": .array(messages.map(\.json)), "has_more": .bool(hasMore)] }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            messages: try fields.list("messages") { (json, path) throws(JSONShapeError) in
                try InboxMessage(json, path: path)
            },
            hasMore: try fields.bool("has_more")
        )
    }
}

/// The body of `POST /v1/inbox/take`, and in `taken` its answer.
package struct InboxTake: Sendable, Equatable, APIValue {
    /// The position up to and including which messages are acknowledged.
    package var through: Int64

    package init(through: Int64) { self.through = through }

    package var json: JSON { ["through": JSON(through)] }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        try fields.refuseAllBut(["through"])
        through = try fields.number("through", in: 1...(.max))
    }
}
