package import StarlingCore
package import StarlingNode

extension OutgoingMessage: APIValue {
    package static let receiptTimeoutIfNone: Duration = .seconds(5)
    /// What a payload is that comes as a text.
    package static let contentTypeOfTexts = "text/plain"

    package var json: JSON {
        [
            "to": JSON(to), "type": .string(type), "content_type": .string(contentType),
            "payload_base64": .string(Base64.encode(payload)), "priority": .string(priority.rawValue),
            "privacy": .string(privacy.rawValue), "lifetime_ms": JSON(milliseconds: lifetime),
            "file": JSON(optional: filePath), "file_name": JSON(optional: fileName),
            "hop_limit": JSON(hopLimit), "record_path": .bool(recordsPath), "key": JSON(optional: key),
            "wait_ms": JSON(milliseconds: receiptTimeout),
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        try fields.refuseAllBut([
            "to", "type", "content_type", "payload", "payload_base64", "priority", "privacy", "lifetime_ms",
            "file", "file_name", "hop_limit", "record_path", "key", "wait_ms",
        ])
        self.init(
            to: try fields.peerID("to"),
            type: try fields.textIfAny("type", byteCounts: 1...Self.typeByteCountMax) ?? Self.typeIfNone,
            payload: try fields.payload(mayBeMissing: try fields.textIfAny("file") != nil),
            receiptTimeout: try fields.millisecondsIfAny("wait_ms") ?? Self.receiptTimeoutIfNone
        )
        contentType = try fields.payloadContentType()
        priority = try fields.wordIfAny("priority") ?? .normal
        privacy = try fields.wordIfAny("privacy") ?? .private
        let lifetimeMax = Self.lifetimeMax.milliseconds
        if let milliseconds = try fields.numberIfAny("lifetime_ms", in: 1...lifetimeMax) {
            lifetime = .milliseconds(milliseconds)
        }
        let hopLimits = Int64(Self.hopLimits.lowerBound)...Int64(Self.hopLimits.upperBound)
        if let count = try fields.numberIfAny("hop_limit", in: hopLimits) { hopLimit = Int(count) }
        recordsPath = try fields.boolIfAny("record_path") ?? false
        key = try fields.textIfAny("key", byteCounts: 1...Self.keyByteCountMax)
        filePath = try fields.textIfAny("file", byteCounts: 1...4096)
        fileName = try fields.textIfAny("file_name", byteCounts: 1...255)
    }
}

extension OutgoingBroadcast: APIValue {
    package var json: JSON {
        [
            "type": .string(type), "content_type": .string(contentType),
            "payload_base64": .string(Base64.encode(payload)), "priority": .string(priority.rawValue),
            "lifetime_ms": JSON(milliseconds: lifetime),
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        try fields.refuseAllBut([
            "type", "content_type", "payload", "payload_base64", "priority", "lifetime_ms",
        ])
        self.init(
            type: try fields.textIfAny("type", byteCounts: 1...OutgoingMessage.typeByteCountMax)
                ?? OutgoingMessage.typeIfNone,
            payload: try fields.payload()
        )
        contentType = try fields.payloadContentType()
        priority = try fields.wordIfAny("priority") ?? .normal
        let lifetimeMax = Self.lifetimeMax.milliseconds
        if let milliseconds = try fields.numberIfAny("lifetime_ms", in: 1...lifetimeMax) {
            lifetime = .milliseconds(milliseconds)
        }
    }
}

extension BroadcastReport: APIValue {
    package var json: JSON { ["id": .string(messageID), "neighbours": JSON(neighbourCount)] }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(messageID: try fields.text("id"), neighbourCount: try fields.count("neighbours"))
    }
}

extension JSONFields {
    /// The payload, which comes as a text or in Base64, never as both.
    fileprivate func payload(mayBeMissing: Bool = false) throws(JSONShapeError) -> [UInt8] {
        let text = try textIfAny("payload")
        let base64 = try textIfAny("payload_base64")
        switch (text, base64) {
        case (let text?, nil): return Array(text.utf8)
        case (nil, let base64?):
            guard let bytes = try? Base64.decode(base64) else {
                throw JSONShapeError(field: "payload_base64", expectation: "Base64 with + and /")
            }
            return bytes
        case (nil, nil) where mayBeMissing: return []
        case (nil, nil): throw JSONShapeError(field: "payload", expectation: "a text, or use payload_base64")
        case (_?, _?): throw JSONShapeError(field: "payload", expectation: "left out beside payload_base64")
        }
    }

    /// What the payload is; where nothing is said of it, a text is `text/plain`.
    fileprivate func payloadContentType() throws(JSONShapeError) -> String {
        let said = try textIfAny("content_type", byteCounts: 0...OutgoingMessage.contentTypeByteCountMax)
        let saidIfNone = try textIfAny("payload") == nil ? "" : OutgoingMessage.contentTypeOfTexts
        return said ?? saidIfNone
    }
}

extension SendReport: APIValue {
    package var json: JSON {
        [
            "id": .string(messageID), "state": .string(state.rawValue),
            "round_trip_us": roundTrip.map { JSON(microseconds: $0) } ?? .null,
            "obstacle": NodeFailure.json(ofObstacle: obstacle),
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            messageID: try fields.text("id"),
            state: try fields.word("state"),
            roundTrip: try fields.microsecondsIfAny("round_trip_us"),
            obstacle: try fields.obstacleIfAny("obstacle")
        )
    }
}

extension MessageStatus: APIValue {
    package var json: JSON {
        [
            "id": .string(messageID), "to": JSON(to), "state": .string(state.rawValue),
            "priority": .string(priority.rawValue), "privacy": .string(privacy.rawValue),
            "bytes": JSON(byteCount), "attempts": JSON(attemptCount),
            "accepted_ms": JSON(accepted.millisecondsSince1970), "age_ms": JSON(milliseconds: age),
            "sent_ms": JSON(optional: sent), "expires_ms": JSON(expires.millisecondsSince1970),
            "ended_ms": JSON(optional: ended), "obstacle": NodeFailure.json(ofObstacle: obstacle),
            "file": .file(file), "stored_by": .array(storedBy.map(\.json)),
            "path": path.map { .array($0.map(\.json)) } ?? .null,
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            messageID: try fields.text("id"),
            to: try fields.peerID("to"),
            state: try fields.word("state"),
            priority: try fields.word("priority"),
            privacy: try fields.word("privacy"),
            byteCount: try fields.count("bytes"),
            attemptCount: try fields.count("attempts"),
            accepted: try fields.wallTime("accepted_ms"),
            age: try fields.milliseconds("age_ms"),
            sent: try fields.wallTimeIfAny("sent_ms"),
            expires: try fields.wallTime("expires_ms"),
            ended: try fields.wallTimeIfAny("ended_ms"),
            obstacle: try fields.obstacleIfAny("obstacle"),
            file: try fields.fileIfAny("file"),
            storedBy: try fields.list("stored_by") { (json, path) throws(JSONShapeError) in
                try StoredCopy(json, path: path)
            },
            path: try fields.listIfAny("path") { (json, path) throws(JSONShapeError) in
                try PathHop(json, path: path)
            }
        )
    }
}

extension PathHop: APIValue {
    package var json: JSON {
        ["peer_id": JSON(peerID), "arrived_ms": JSON(arrived.millisecondsSince1970)]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(peerID: try fields.peerID("peer_id"), arrived: try fields.wallTime("arrived_ms"))
    }
}

extension OutboxPage: APIValue {
    package var json: JSON { ["messages": .array(messages.map(\.json)), "has_more": .bool(hasMore)] }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            messages: try fields.list("messages") { (json, path) throws(JSONShapeError) in
                try MessageStatus(json, path: path)
            },
            hasMore: try fields.bool("has_more")
        )
    }
}
