package import StarlingCore
package import StarlingNode

extension InboxMessage: APIValue {
    package var json: JSON {
        var json: JSON = [
            "position": JSON(position), "id": .string(messageID), "kind": .string(kind.rawValue),
            "from": JSON(from), "broadcast": .bool(isBroadcast), "type": .string(type),
            "content_type": .string(contentType),
            "priority": .string(priority.rawValue),
            "privacy": .string(privacy.rawValue),
            "created_ms": JSON(created.millisecondsSince1970),
            "received_ms": JSON(received.millisecondsSince1970), "file": .file(file),
        ]
        if let text {
            json["text"] = .string(text)
        } else {
            json["payload_base64"] = .string(Base64.encode(payload))
        }
        return json
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
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
            kind: try fields.word("kind"),
            from: try fields.peerID("from"),
            isBroadcast: try fields.bool("broadcast"),
            type: try fields.text("type"),
            contentType: try fields.text("content_type"),
            priority: try fields.word("priority"),
            privacy: try fields.word("privacy"),
            payload: payload,
            file: try fields.fileIfAny("file"),
            created: try fields.wallTime("created_ms"),
            received: try fields.wallTime("received_ms")
        )
    }
}

extension DamagedMessage: APIValue {
    package var json: JSON {
        [
            "position": JSON(position), "id": .string(messageID), "from": JSON(from), "type": .string(type),
            "created_ms": JSON(created.millisecondsSince1970),
            "received_ms": JSON(received.millisecondsSince1970),
            "error": NodeFailure.json(ofObstacle: failure),
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            position: try fields.number("position"),
            messageID: try fields.text("id"),
            from: try fields.peerID("from"),
            type: try fields.text("type"),
            created: try fields.wallTime("created_ms"),
            received: try fields.wallTime("received_ms")
        )
    }
}

extension InboxPage: APIValue {
    package var json: JSON {
        [
            "messages": .array(messages.map(\.json)), "damaged": .array(damaged.map(\.json)),
            "next_after": JSON(last), "has_more": .bool(hasMore), "incoming": .array(incoming.map(\.json)),
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            messages: try fields.list("messages") { (json, path) throws(JSONShapeError) in
                try InboxMessage(json, path: path)
            },
            damaged: try fields.list("damaged") { (json, path) throws(JSONShapeError) in
                try DamagedMessage(json, path: path)
            },
            last: try fields.number("next_after"),
            hasMore: try fields.bool("has_more"),
            incoming: try fields.list("incoming") { (json, path) throws(JSONShapeError) in
                try IncomingMessage(json, path: path)
            }
        )
    }
}

/// The body of `POST /v1/inbox/take`.
extension InboxTake: APIValue {
    package var json: JSON {
        switch self {
        case .through(let position): ["through": JSON(position)]
        case .only(let positions): ["positions": .array(positions.map { JSON($0) })]
        }
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        try fields.refuseAllBut(["through", "positions"])
        let positions = try fields.numbersIfAny("positions", in: 1...(.max), countMax: Self.positionCountMax)
        let last = try fields.numberIfAny("through", in: 1...(.max))
        switch (last, positions) {
        case (let last?, nil): self = .through(last)
        case (nil, let positions?): self = .only(positions)
        case (nil, nil): throw JSONShapeError(field: "through", expectation: "there, or 'positions'")
        case (_?, _?): throw JSONShapeError(field: "positions", expectation: "left out beside 'through'")
        }
    }
}

extension InboxStatus: APIValue {
    package var json: JSON {
        JSON(
            members: messages.members("messages") + [
                ("incoming", JSON(members: incoming.members("messages"))),
                ("unconfirmed_receipts", JSON(unconfirmedReceiptCount)),
            ]
        )
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            messages: try Occupancy(fields, "messages"),
            incoming: try Occupancy(fields.object("incoming"), "messages"),
            unconfirmedReceiptCount: try fields.count("unconfirmed_receipts")
        )
    }
}
