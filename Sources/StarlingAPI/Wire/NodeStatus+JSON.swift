package import StarlingCore
package import StarlingNode

/// A value of the API and its JSON, which both ends of the API share.
package protocol APIValue: Sendable {
    var json: JSON { get }
    init(_ fields: JSONFields) throws(JSONShapeError)
}

extension APIValue {
    package init(json: JSON) throws(JSONShapeError) { try self.init(JSONFields(json)) }

    init(_ json: JSON, path: String) throws(JSONShapeError) { try self.init(JSONFields(json, path: path)) }
}

extension NodeIdentity: APIValue {
    package var json: JSON {
        [
            "peer_id": JSON(peerID), "name": JSON(optional: name), "agent_version": .string(agentVersion),
            "addrs": .array(addresses.map { JSON($0) }),
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            peerID: try fields.peerID("peer_id"),
            name: try fields.textIfAny("name"),
            agentVersion: try fields.text("agent_version"),
            addresses: try fields.multiaddrs("addrs")
        )
    }
}

extension NodeStatus: APIValue {
    package var json: JSON {
        [
            "identity": identity.json, "version": .string(version), "uptime_ms": JSON(milliseconds: uptime),
            "loops": JSON(loopCount), "security": JSON(securities), "mdns": .bool(isMDNSOn),
            "known_peers": JSON(knownPeerCount), "connections": JSON(connectionCount),
            "max_connections": JSON(connectionCountMax), "streams": JSON(streamCount),
            "reserved_bytes": JSON(reservedByteCount), "max_reserved_bytes": JSON(reservedByteCountMax),
            "received_bytes": JSON(Int64(clamping: receivedByteCount)),
            "sent_bytes": JSON(Int64(clamping: sentByteCount)),
            "inbox": inbox.json, "outbox": outbox.json, "mesh": mesh?.json ?? .null,
            "files": files.map { JSON(members: $0.members("files")) } ?? .null, "store": store.json,
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            identity: try NodeIdentity(fields.object("identity")),
            version: try fields.text("version"),
            uptime: try fields.milliseconds("uptime_ms"),
            loopCount: try fields.count("loops"),
            securities: try fields.list("security") { (json, path) throws(JSONShapeError) in
                guard let text = json.string else { throw JSONShapeError(field: path, expectation: "a text") }
                return text
            },
            isMDNSOn: try fields.bool("mdns"),
            knownPeerCount: try fields.count("known_peers"),
            connectionCount: try fields.count("connections"),
            connectionCountMax: try fields.count("max_connections"),
            streamCount: try fields.count("streams"),
            reservedByteCount: try fields.count("reserved_bytes"),
            reservedByteCountMax: try fields.count("max_reserved_bytes"),
            receivedByteCount: UInt64(try fields.count("received_bytes")),
            sentByteCount: UInt64(try fields.count("sent_bytes")),
            inbox: try InboxStatus(fields.object("inbox")),
            outbox: try OutboxStatus(fields.object("outbox")),
            mesh: try fields.objectIfAny("mesh").map { mesh throws(JSONShapeError) in try MeshStatus(mesh) },
            files: try fields.objectIfAny("files").map { files throws(JSONShapeError) in
                try Occupancy(files, "files")
            },
            store: try StoreHealth(fields.object("store"))
        )
    }
}

extension StoreHealth: APIValue {
    package var json: JSON {
        [
            "damaged": .array(
                losses.map { loss in
                    [
                        "table": JSON(optional: loss.table), "rows": loss.rowCount.map { JSON($0) } ?? .null,
                        "reason": .string(loss.reason),
                    ]
                }
            ),
            "put_aside": JSON(asidePaths),
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            losses: try fields.list("damaged") { (json, path) throws(JSONShapeError) in
                let loss = try JSONFields(json, path: path)
                return Loss(
                    table: try loss.textIfAny("table"),
                    rowCount: try loss.numberIfAny("rows", in: 0...(.max)).map { Int(clamping: $0) },
                    reason: try loss.text("reason")
                )
            },
            asidePaths: try fields.list("put_aside") { (json, path) throws(JSONShapeError) in
                guard let text = json.string else { throw JSONShapeError(field: path, expectation: "a text") }
                return text
            }
        )
    }
}

extension ConnectionSummary: APIValue {
    package var json: JSON {
        [
            "id": .string(id), "direction": .string(direction.rawValue),
            "remote_addr": remote.map { JSON($0) } ?? .null, "security": .string(security),
            "muxer": .string(muxer), "age_ms": JSON(milliseconds: age), "streams": JSON(streamCount),
            "round_trip_us": roundTrip.map { JSON(microseconds: $0) } ?? .null,
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            id: try fields.text("id"),
            direction: try fields.word("direction"),
            remote: try fields.multiaddrIfAny("remote_addr"),
            security: try fields.text("security"),
            muxer: try fields.text("muxer"),
            age: try fields.milliseconds("age_ms"),
            streamCount: try fields.count("streams"),
            roundTrip: try fields.microsecondsIfAny("round_trip_us")
        )
    }
}

extension PeerSummary: APIValue {
    package var json: JSON {
        [
            "peer_id": JSON(peerID), "name": JSON(optional: name),
            "agent_version": JSON(optional: agentVersion),
            "addrs": .array(addresses.map { JSON($0) }), "connections": .array(connections.map(\.json)),
            "membership": membership?.json ?? .null,
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            peerID: try fields.peerID("peer_id"),
            name: try fields.textIfAny("name"),
            agentVersion: try fields.textIfAny("agent_version"),
            addresses: try fields.multiaddrs("addrs"),
            connections: try fields.list("connections") { (json, path) throws(JSONShapeError) in
                try ConnectionSummary(json, path: path)
            },
            membership: try fields.objectIfAny("membership").map { membership throws(JSONShapeError) in
                try Membership(membership)
            }
        )
    }
}

/// The answer to `GET /v1/peers`.
package struct PeerList: Sendable, Equatable, APIValue {
    package var peers: [PeerSummary]

    package init(peers: [PeerSummary]) { self.peers = peers }

    package var json: JSON { ["peers": .array(peers.map(\.json))] }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        peers = try fields.list("peers") { (json, path) throws(JSONShapeError) in
            try PeerSummary(json, path: path)
        }
    }
}
