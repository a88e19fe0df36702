package import StarlingCore
package import StarlingNode

/// Turns requests into operations of a node, and what comes of them into answers.
package struct APIRouter: APIResponder {
    /// Most messages in one answer of the inbox.
    static let inboxMessageCountMax = 1000
    private static let inboxMessageCountIfNone = 100
    /// Most bytes of payload in one answer of the inbox, so that an answer stays within tens of megabytes.
    private static let inboxPayloadByteCountMax = 4 << 20
    /// The largest body: a message's largest payload in Base64, with room around it.
    package static let bodyByteCountMax = 3 << 19

    private let node: any NodeOperations
    private let version: String

    /// - Parameter version: the release of the software, for the OpenAPI document.
    package init(node: any NodeOperations, version: String) {
        self.node = node
        self.version = version
    }

    package func respond(to request: APIRequest) async -> APIResponse {
        do throws(NodeFailure) {
            let route = try Self.route(for: request)
            return APIResponse(json: try await answer(route.operation, request), status: route.status)
        } catch {
            var response = APIResponse(error)
            if error.code == .methodNotAllowed {
                response.allowedMethods = Self.routes(at: request.path).map(\.method.rawValue)
            }
            return response
        }
    }

    private static func routes(at path: String) -> [APIRoute] {
        APIRoute.all.filter { $0.path == path }
    }

    private static func route(for request: APIRequest) throws(NodeFailure) -> APIRoute {
        let routes = routes(at: request.path)
        guard !routes.isEmpty else {
            throw NodeFailure(
                .unknownPath,
                "There is nothing at \(request.path).",
                nextStep: "See what there is: GET /v1/openapi.json"
            )
        }
        guard let route = routes.first(where: { $0.method.rawValue == request.method }) else {
            let methods = routes.map(\.method.rawValue).joined(separator: " or ")
            throw NodeFailure(
                .methodNotAllowed,
                "\(request.path) does not take \(request.method).",
                nextStep: "Use \(methods)."
            )
        }
        for (name, _) in request.query where !route.query.contains(where: { $0.name == name }) {
            throw NodeFailure(
                .invalidRequest,
                "\(request.path) does not know the query '\(name)'.",
                nextStep: route.query.isEmpty
                    ? "Leave the query out." : "Known are \(route.query.map(\.name).joined(separator: ", "))."
            )
        }
        return route
    }

    private func answer(_ operation: APIOperation, _ request: APIRequest) async throws(NodeFailure) -> JSON {
        switch operation {
        case .getStatus: return try await node.status().json
        case .getIdentity: return try await node.identity().json
        case .listPeers: return PeerList(peers: try await node.peers()).json
        case .connect: return try await node.connect(Self.body(of: request)).json
        case .ping: return try await node.ping(Self.body(of: request)).json
        case .sendMessage: return try await node.send(Self.body(of: request)).json
        case .listInbox: return try await node.inbox(Self.inboxQuery(request)).json
        case .takeInbox:
            let take: InboxTake = try Self.body(of: request)
            return ["taken": JSON(try await node.takeInbox(through: take.through))]
        case .shutdown:
            try await node.shutdown()
            return ["state": "stopping"]
        case .getOpenAPI: return OpenAPIDocument.json(version: version)
        }
    }

    private static func body<Value: APIValue>(of request: APIRequest) throws(NodeFailure) -> Value {
        // A browser's form cannot claim this type, so that a web page cannot make a user's browser act on the node.
        let type = request.contentType?.prefix { $0 != ";" }.lowercased()
        guard type == "application/json" else {
            throw NodeFailure(
                .invalidRequest,
                "The body must come with the header Content-Type: application/json.",
                nextStep: "Add the header."
            )
        }
        let json: JSON
        do throws(JSONError) {
            json = try JSON(parsing: request.body.span, limits: JSONLimits(byteCountMax: bodyByteCountMax))
        } catch {
            throw NodeFailure(
                .invalidRequest,
                "The body is not JSON: \(error).",
                nextStep: "Send one JSON object."
            )
        }
        do throws(JSONShapeError) {
            return try Value(json: json)
        } catch {
            throw NodeFailure(.invalidRequest, error.message, nextStep: "See: GET /v1/openapi.json")
        }
    }

    private static func inboxQuery(_ request: APIRequest) throws(NodeFailure) -> InboxQuery {
        InboxQuery(
            after: try number("after", in: 0...(.max), of: request) ?? 0,
            messageCountMax: Int(
                try number("limit", in: 1...Int64(inboxMessageCountMax), of: request)
                    ?? Int64(inboxMessageCountIfNone)
            ),
            payloadByteCountMax: inboxPayloadByteCountMax
        )
    }

    private static func number(
        _ name: String,
        in range: ClosedRange<Int64>,
        of request: APIRequest
    ) throws(NodeFailure) -> Int64? {
        guard let text = request.query.last(where: { $0.name == name })?.value else { return nil }
        guard let number = Int64(text), range.contains(number) else {
            throw NodeFailure(
                .invalidRequest,
                "The query '\(name)' must be a whole number from \(range.lowerBound) to \(range.upperBound), "
                    + "not '\(text)'.",
                nextStep: "See: GET /v1/openapi.json"
            )
        }
        return number
    }
}

extension APIResponse {
    package init(json: JSON, status: Int) {
        self.init(status: status, contentType: "application/json", body: json.bytes + Array("\n".utf8))
    }

    package init(_ failure: NodeFailure) {
        self.init(json: failure.json, status: failure.statusCode)
    }

    /// The answer to a body beyond the limit.
    package static func bodyTooLarge(byteCountMax: Int) -> APIResponse {
        APIResponse(
            NodeFailure(
                .tooLarge,
                "The body is larger than \(byteCountMax) bytes.",
                nextStep: "Send less in one message."
            )
        )
    }

    /// The answer to a request that came when the node had begun to stop.
    package static let stopping = APIResponse(
        NodeFailure(.stopping, "The node is stopping.", nextStep: "Start it again with: starling up")
    )
}
