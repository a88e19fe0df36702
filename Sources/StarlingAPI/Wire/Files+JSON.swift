package import StarlingCore
package import StarlingNode

extension FileStatus: APIValue {
    package var json: JSON {
        [
            "name": JSON(optional: name), "bytes": JSON(byteCount), "arrived_bytes": JSON(arrivedByteCount),
            "bytes_per_second": JSON(bytesPerSecond), "obstacle": NodeFailure.json(ofObstacle: obstacle),
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            name: try fields.textIfAny("name"),
            byteCount: try fields.number("bytes"),
            arrivedByteCount: try fields.number("arrived_bytes"),
            bytesPerSecond: try fields.number("bytes_per_second"),
            obstacle: try fields.obstacleIfAny("obstacle")
        )
    }
}

extension IncomingMessage: APIValue {
    package var json: JSON {
        [
            "id": .string(messageID), "from": JSON(from), "type": .string(type),
            "created_ms": JSON(created.millisecondsSince1970),
            "received_ms": JSON(received.millisecondsSince1970), "file": file.json,
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            messageID: try fields.text("id"),
            from: try fields.peerID("from"),
            type: try fields.text("type"),
            created: try fields.wallTime("created_ms"),
            received: try fields.wallTime("received_ms"),
            file: try FileStatus(fields.object("file"))
        )
    }
}

extension FileSaveRequest: APIValue {
    package var json: JSON {
        ["position": JSON(position), "path": JSON(optional: path), "take": .bool(isTaken)]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        try fields.refuseAllBut(["position", "path", "take"])
        self.init(
            position: try fields.number("position", in: 1...(.max)),
            path: try fields.textIfAny("path", byteCounts: 1...4096),
            isTaken: try fields.bool("take")
        )
        guard isTaken || path != nil else {
            throw JSONShapeError(field: "take", expectation: "true where there is no path")
        }
    }
}

extension FileSaved: APIValue {
    package var json: JSON { ["path": JSON(optional: path), "bytes": JSON(byteCount)] }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(path: try fields.textIfAny("path"), byteCount: try fields.number("bytes"))
    }
}

extension JSON {
    /// A file's status, or null where there is no file.
    static func file(_ status: FileStatus?) -> JSON { status?.json ?? .null }
}

extension JSONFields {
    /// A file's status; nil where there is no file.
    func fileIfAny(_ name: String) throws(JSONShapeError) -> FileStatus? {
        guard let fields = try objectIfAny(name) else { return nil }
        return try FileStatus(fields)
    }
}
