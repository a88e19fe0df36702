package import StarlingCore
package import StarlingNode

extension OutboxStatus: APIValue {
    package var json: JSON {
        JSON(
            members: messages.members("messages") + [
                ("priorities", .array(fills.map(\.json))), ("recipients", .array(backlogs.map(\.json))),
                ("stalls", .array(stalls.map(\.json))), ("stalls_total", JSON(stallCount)),
            ]
        )
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            messages: try Occupancy(fields, "messages"),
            fills: try fields.list("priorities") { (json, path) throws(JSONShapeError) in
                try Fill(json, path: path)
            },
            backlogs: try fields.list("recipients") { (json, path) throws(JSONShapeError) in
                try Backlog(json, path: path)
            },
            stalls: try fields.list("stalls") { (json, path) throws(JSONShapeError) in
                try Stall(json, path: path)
            },
            stallCount: try fields.count("stalls_total")
        )
    }
}

extension OutboxStatus.Fill: APIValue {
    package var json: JSON {
        [
            "priority": .string(priority.rawValue), "queued": JSON(queuedCount),
            "queued_bytes": JSON(queuedByteCount), "sent": JSON(sentCount), "sent_bytes": JSON(sentByteCount),
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            priority: try fields.word("priority"),
            queuedCount: try fields.count("queued"),
            queuedByteCount: try fields.count("queued_bytes"),
            sentCount: try fields.count("sent"),
            sentByteCount: try fields.count("sent_bytes")
        )
    }
}

extension OutboxStatus.Backlog: APIValue {
    package var json: JSON {
        [
            "to": JSON(to), "messages": JSON(messageCount), "bytes": JSON(byteCount),
            "oldest_id": .string(oldestID), "oldest_age_ms": JSON(milliseconds: oldestAge),
            "obstacle": NodeFailure.json(ofObstacle: obstacle),
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            to: try fields.peerID("to"),
            messageCount: try fields.count("messages"),
            byteCount: try fields.count("bytes"),
            oldestID: try fields.text("oldest_id"),
            oldestAge: try fields.milliseconds("oldest_age_ms"),
            obstacle: try fields.obstacleIfAny("obstacle")
        )
    }
}

extension OutboxStatus.Stall: APIValue {
    package var json: JSON {
        [
            "to": JSON(to), "priority": .string(priority.rawValue), "messages": JSON(messageCount),
            "oldest_id": .string(oldestID), "stuck_ms": JSON(milliseconds: duration),
            "reason": NodeFailure.json(ofObstacle: reason),
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            to: try fields.peerID("to"),
            priority: try fields.word("priority"),
            messageCount: try fields.count("messages"),
            oldestID: try fields.text("oldest_id"),
            duration: try fields.milliseconds("stuck_ms"),
            reason: try NodeFailure(obstacle: fields.object("reason"))
        )
    }
}
