package import StarlingCore
internal import StarlingNode

/// The shape of a JSON value of the API, for its document.
package indirect enum APISchema: Sendable {
    case text(example: String)
    case word([String])
    case integer(minimum: Int? = nil, maximum: Int? = nil)
    case number
    case boolean
    case list(APISchema)
    case object([APIField], String)

    /// The schema in the words of JSON Schema 2020-12, as OpenAPI 3.1 uses it.
    package var json: JSON {
        switch self {
        case .text(let example): return ["type": "string", "examples": [.string(example)]]
        case .word(let words): return ["type": "string", "enum": JSON(words)]
        case .integer(let minimum, let maximum):
            var json: JSON = ["type": "integer"]
            if let minimum { json["minimum"] = JSON(minimum) }
            if let maximum { json["maximum"] = JSON(maximum) }
            return json
        case .number: return ["type": "number"]
        case .boolean: return ["type": "boolean"]
        case .list(let element): return ["type": "array", "items": element.json]
        case .object(let fields, let summary):
            var json: JSON = ["type": "object", "description": .string(summary)]
            if !fields.isEmpty {
                json["properties"] = JSON(members: fields.map { ($0.name, $0.json) })
                json["required"] = JSON(fields.filter(\.isRequired).map(\.name))
            }
            return json
        }
    }
}

/// A member of an object, or a name of a query.
package struct APIField: Sendable {
    package var name: String
    package var schema: APISchema
    package var isRequired: Bool
    /// Whether the value may be `null`.
    package var isNullable: Bool
    package var summary: String

    init(
        _ name: String,
        _ schema: APISchema,
        isRequired: Bool = true,
        isNullable: Bool = false,
        _ summary: String
    ) {
        self.name = name
        self.schema = schema
        self.isRequired = isRequired
        self.isNullable = isNullable
        self.summary = summary
    }

    package var json: JSON {
        var json = schema.json
        if isNullable { json = ["anyOf": [json, ["type": "null"]]] }
        json["description"] = .string(summary)
        return json
    }
}

// MARK: The API's values

extension APISchema {
    static let peerID = APISchema.text(
        example: "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"
    )
    static let multiaddr = APISchema.text(example: "/ip4/192.0.2.7/tcp/4001")
    static let text = APISchema.text(example: "")
    static let natural = APISchema.integer(minimum: 0)

    static let identity = APISchema.object(
        [
            APIField("peer_id", peerID, "The node's PeerID."),
            APIField("name", text, isNullable: true, "The name that its user gave it."),
            APIField("agent_version", text, "What it tells others of its software."),
            APIField("addrs", .list(multiaddr), "Where others reach it, with its PeerID at the end."),
        ],
        "Who the node is and where it listens."
    )

    private static let loss = APISchema.object(
        [
            APIField("table", text, isNullable: true, "The table, where it is known."),
            APIField("rows", natural, isNullable: true, "How many rows, where they can be counted."),
            APIField("reason", text, "What is wrong."),
        ],
        "Rows, or a part of the file, that are no longer what was written."
    )

    private static let store = APISchema.object(
        [
            APIField("damaged", .list(loss), "What was found damaged since the node started."),
            APIField("put_aside", .list(text), "Where damaged files were put aside."),
        ],
        "What the node's store found damaged."
    )

    static let status = APISchema.object(
        [
            APIField("identity", identity, "Who the node is."),
            APIField("version", .text(example: "0.1.0"), "The release of the software."),
            APIField("uptime_ms", natural, "Time since it started."),
            APIField("loops", natural, "Event loops, a thread each."),
            APIField("security", .list(.word(["noise", "tls"])), "Offered, the preferred one first."),
            APIField("mdns", .boolean, "Whether it looks for peers on the LAN."),
            APIField("known_peers", natural, "Peers that it knows."),
            APIField("connections", natural, "Connections that stand."),
            APIField("max_connections", natural, "The most there may be."),
            APIField("streams", natural, "Streams that are open."),
            APIField("reserved_bytes", natural, "Memory reserved for connections and streams."),
            APIField("max_reserved_bytes", natural, "The most that may be reserved."),
            APIField("received_bytes", natural, "Bytes that came over connections since the start."),
            APIField("sent_bytes", natural, "Bytes that went over connections since the start."),
            APIField("inbox", inboxStatus, "Messages received and not taken."),
            APIField("outbox", outboxStatus, "Messages accepted and not settled."),
            APIField("mesh", mesh, isNullable: true, "The mesh; null where the node uses no routes."),
            APIField(
                "files",
                .object(
                    occupancy("files", "Files, sent and received.", bytes: "Their bytes."),
                    "What the store of files holds."
                ),
                isNullable: true,
                "Files of messages, those under way counted in full."
            ),
            APIField("store", store, "What the node's store found damaged."),
        ],
        "What the node is doing."
    )

    static let connection = APISchema.object(
        [
            APIField("id", text, "Unique in this run of the node."),
            APIField("direction", .word(["inbound", "outbound"]), "Who dialled."),
            APIField("remote_addr", multiaddr, isNullable: true, "The peer's end."),
            APIField("security", .text(example: "/noise"), "What secures it."),
            APIField("muxer", .text(example: "/yamux/1.0.0"), "What carries its streams."),
            APIField("age_ms", natural, "How long it stands."),
            APIField("streams", natural, "Streams that are open."),
            APIField("round_trip_us", .number, isNullable: true, "The last round trip measured."),
        ],
        "A connection with a peer."
    )

    static let peer = APISchema.object(
        [
            APIField("peer_id", peerID, "The peer's PeerID."),
            APIField("name", text, isNullable: true, "What it calls itself."),
            APIField("agent_version", text, isNullable: true, "What it said of its software."),
            APIField("addrs", .list(multiaddr), "Its known addresses."),
            APIField("connections", .list(connection), "The oldest first; none if it is only known."),
            APIField(
                "membership",
                membership,
                isNullable: true,
                "As a member of the mesh; null if it is none."
            ),
        ],
        "What the node knows of a peer."
    )

    static let peerList = APISchema.object(
        [APIField("peers", .list(peer), "The connected ones first.")],
        "The peers that the node knows."
    )

    static let connectRequest = APISchema.object(
        [
            APIField("multiaddr", multiaddr, "Where the peer is."),
            APIField("timeout_ms", natural, isRequired: false, "How long it may take; 30000 if left out."),
        ],
        "Whom to connect to."
    )

    static let pingRequest = APISchema.object(
        [
            APIField("peer", peerID, "A PeerID or a multiaddr."),
            APIField(
                "count",
                .integer(minimum: 1, maximum: PingRequest.countMax),
                isRequired: false,
                "How many pings; 5 if left out."
            ),
            APIField("interval_ms", natural, isRequired: false, "From one to the next; 1000 if left out."),
            APIField("timeout_ms", natural, isRequired: false, "For each; 10000 if left out."),
        ],
        "Whom to ping, and how."
    )

    static let pingReport = APISchema.object(
        [
            APIField("peer_id", peerID, "Who answered."),
            APIField("sent", natural, "Pings sent."),
            APIField("lost", natural, "Pings without an answer in time."),
            APIField("min_us", .number, isNullable: true, "The shortest round trip."),
            APIField("median_us", .number, isNullable: true, "The median."),
            APIField("p99_us", .number, isNullable: true, "The 99th percentile."),
            APIField("max_us", .number, isNullable: true, "The longest."),
            APIField("path", connection, "The connection that the pings took."),
            APIField("round_trips_us", .list(.number), "All that came back, in order."),
        ],
        "How the pings went."
    )

    static let error = APISchema.object(
        [
            APIField("code", .word(NodeFailure.Code.allCases.map(\.rawValue)), "The kind of failure."),
            APIField("message", text, "What happened and why."),
            APIField("next_step", text, "What to do about it; may be empty."),
        ],
        "Why the node did not do it."
    )

    static let failure = APISchema.object([APIField("error", error, "The failure.")], "A failure.")

    static let shutdown = APISchema.object(
        [APIField("state", .word(["stopping"]), "What the node does now.")],
        "The node is stopping."
    )
}
