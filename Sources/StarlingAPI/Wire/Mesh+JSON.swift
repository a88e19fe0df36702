package import StarlingCore
package import StarlingNode

extension MeshStatus: APIValue {
    package var json: JSON {
        [
            "topology": JSON(optional: topology), "neighbours": JSON(neighbourCount),
            "alive": JSON(aliveCount), "suspect": JSON(suspectCount), "dead": JSON(deadCount),
            "left": JSON(leftCount), "super_peer": .bool(isSuperPeer), "capacity": JSON(capacity),
            "self_doubt": JSON(selfDoubt),
            "tunnels": JSON(tunnelCount), "max_tunnels": JSON(tunnelCountMax),
            "tunnels_carried": JSON(carriedTunnelCount),
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            topology: try fields.textIfAny("topology"),
            neighbourCount: try fields.count("neighbours"),
            aliveCount: try fields.count("alive"),
            suspectCount: try fields.count("suspect"),
            deadCount: try fields.count("dead"),
            leftCount: try fields.count("left"),
            isSuperPeer: try fields.bool("super_peer"),
            capacity: try fields.count("capacity"),
            selfDoubt: try fields.count("self_doubt"),
            tunnelCount: try fields.count("tunnels"),
            tunnelCountMax: try fields.count("max_tunnels"),
            carriedTunnelCount: try fields.count("tunnels_carried")
        )
    }
}

extension Membership: APIValue {
    package var json: JSON {
        [
            "state": .string(state.rawValue), "age_ms": JSON(milliseconds: age),
            "uptime_ms": JSON(milliseconds: uptime), "capacity": JSON(capacity),
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            state: try fields.word("state"),
            age: try fields.milliseconds("age_ms"),
            uptime: try fields.milliseconds("uptime_ms"),
            capacity: try fields.count("capacity")
        )
    }
}
