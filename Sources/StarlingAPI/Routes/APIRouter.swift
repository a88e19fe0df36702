package import StarlingCore
package import StarlingNode

/// Turns requests into operations of a node, and what comes of them into answers.
package struct APIRouter: APIResponder {
    /// Most messages in one answer of the inbox or the outbox.
    static let messageCountMax = 1000
    private static let messageCountIfNone = 100
    /// How long one request may wait for a message to come or to end; whoever wants to wait longer asks again.
    ///
    /// A request that waits holds one of the server's connections.
    package static let waitMax: Duration = .seconds(60)
    /// Requests that may wait at once, so that they leave connections to those that do not.
    ///
    /// Beyond that who asks for what is to come is refused, and a message is sent without waiting for its receipt.
    package static let waitingCountMax = 32
    /// Most bytes of payload in one answer of the inbox, so that an answer stays within tens of megabytes.
    private static let inboxPayloadByteCountMax = 4 << 20
    /// The largest body: a message's largest payload in Base64, with room around it.
    package static let bodyByteCountMax = 3 << 19

    private let node: any NodeOperations
    private let version: String
    private let places: WaitingPlaces

    /// - Parameter version: the release of the software, for the OpenAPI document.
    package init(
        node: any NodeOperations,
        version: String,
        waitingCountMax: Int = APIRouter.waitingCountMax
    ) {
        self.node = node
        self.version = version
        places = WaitingPlaces(countMax: waitingCountMax)
    }

    package func respond(to request: APIRequest) async -> APIResponse {
        do throws(NodeFailure) {
            let (route, arguments) = try Self.route(for: request)
            let json = try await answer(route.operation, arguments, request)
            return APIResponse(json: json, status: route.status)
        } catch {
            var response = APIResponse(error)
            if error.code == .methodNotAllowed {
                response.allowedMethods = Self.routes(at: request.path).map(\.route.method.rawValue)
            }
            return response
        }
    }

    private static func routes(at path: String) -> [(route: APIRoute, arguments: [String])] {
        APIRoute.all.compactMap { route in route.arguments(of: path).map { (route, $0) } }
    }

    private static func route(
        for request: APIRequest
    ) throws(NodeFailure) -> (route: APIRoute, arguments: [String]) {
        let routes = routes(at: request.path)
        guard !routes.isEmpty else {
            throw NodeFailure(
                .unknownPath,
                "There is nothing at \(request.path).",
                nextStep: "See what there is: GET /v1/openapi.json"
            )
        }
        guard let found = routes.first(where: { $0.route.method.rawValue == request.method }) else {
            let methods = routes.map(\.route.method.rawValue).joined(separator: " or ")
            throw NodeFailure(
                .methodNotAllowed,
                "\(request.path) does not take \(request.method).",
                nextStep: "Use \(methods)."
            )
        }
        let route = found.route
        for (name, _) in request.query where !route.query.contains(where: { $0.name == name }) {
            throw NodeFailure(
                .invalidRequest,
                "\(request.path) does not know the query '\(name)'.",
                nextStep: route.query.isEmpty
                    ? "Leave the query out." : "Known are \(route.query.map(\.name).joined(separator: ", "))."
            )
        }
        return found
    }

    private func answer(
        _ operation: APIOperation,
        _ arguments: [String],
        _ request: APIRequest
    ) async throws(NodeFailure) -> JSON {
        switch operation {
        case .getStatus: return try await node.status().json
        case .getIdentity: return try await node.identity().json
        case .listPeers: return PeerList(peers: try await node.peers()).json
        case .listRoutes: return RouteList(routes: try await node.routes()).json
        case .connect: return try await node.connect(Self.body(of: request)).json
        case .ping:
            let ping: PingRequest = try Self.body(of: request)
            return try await waiting(for: ping.timeout) { () throws(NodeFailure) in
                try await node.ping(ping).json
            }
        case .trace:
            let trace: TraceRequest = try Self.body(of: request)
            return try await waiting(for: trace.timeout) { () throws(NodeFailure) in
                try await node.trace(trace).json
            }
        case .sendMessage: return try await send(Self.body(of: request)).json
        case .broadcast: return try await node.broadcast(Self.body(of: request)).json
        case .getMessage:
            let timeout = try Self.wait(request)
            return try await waiting(for: timeout) { () throws(NodeFailure) in
                try await node.message(arguments.first ?? "", settledWithin: timeout).json
            }
        case .listOutbox: return try await node.outbox(Self.outboxQuery(request)).json
        case .listInbox:
            let query = try Self.inboxQuery(request)
            return try await waiting(for: query.arrivalTimeout) { () throws(NodeFailure) in
                try await node.inbox(query).json
            }
        case .takeInbox:
            let take: InboxTake = try Self.body(of: request)
            return ["taken": JSON(try await node.takeInbox(take))]
        case .saveFile: return try await node.saveFile(Self.body(of: request)).json
        case .getMailbox: return try await node.mailbox().json
        case .shutdown:
            try await node.shutdown()
            return ["state": "stopping"]
        case .getOpenAPI: return OpenAPIDocument.json(version: version)
        }
    }

    /// Answers a request that may wait for so long, in one of the places for such requests.
    private func waiting(
        for timeout: Duration,
        _ answer: () async throws(NodeFailure) -> JSON
    ) async throws(NodeFailure) -> JSON {
        guard timeout > .zero else { return try await answer() }
        guard places.take() else { throw Self.tooManyWait }
        defer { places.giveBack() }
        return try await answer()
    }

    /// Sends a message, and waits for its receipt where there is a place to wait: what is accepted is told at once else.
    private func send(_ message: OutgoingMessage) async throws(NodeFailure) -> SendReport {
        guard message.receiptTimeout > .zero else { return try await node.send(message) }
        if places.take() {
            defer { places.giveBack() }
            return try await node.send(message)
        }
        var message = message
        message.receiptTimeout = .zero
        var report = try await node.send(message)
        if report.state != .delivered, report.obstacle == nil { report.obstacle = Self.tooManyWait }
        return report
    }

    private static let tooManyWait = NodeFailure(
        .limitReached,
        "As many requests wait at this node as may.",
        nextStep: "End one that waits, such as a starling inbox --follow, or ask without waiting."
    )

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
        var query = InboxQuery(
            after: try number("after", in: 0...(.max), of: request) ?? 0,
            messageCountMax: try limit(request),
            payloadByteCountMax: inboxPayloadByteCountMax
        )
        query.arrivalTimeout = try wait(request)
        return query
    }

    private static func outboxQuery(_ request: APIRequest) throws(NodeFailure) -> OutboxQuery {
        OutboxQuery(
            part: try word("part", of: request) ?? .waiting,
            after: value("after", of: request),
            messageCountMax: try limit(request)
        )
    }

    private static func limit(_ request: APIRequest) throws(NodeFailure) -> Int {
        let limit = try number("limit", in: 1...Int64(messageCountMax), of: request)
        return limit.map { Int($0) } ?? messageCountIfNone
    }

    private static func wait(_ request: APIRequest) throws(NodeFailure) -> Duration {
        let range = 0...waitMax.milliseconds
        return .milliseconds(try number("wait_ms", in: range, of: request) ?? 0)
    }

    private static func value(_ name: String, of request: APIRequest) -> String? {
        request.query.last { $0.name == name }?.value
    }

    private static func word<Word: RawRepresentable & CaseIterable>(
        _ name: String,
        of request: APIRequest
    ) throws(NodeFailure) -> Word? where Word.RawValue == String {
        guard let text = value(name, of: request) else { return nil }
        guard let word = Word(rawValue: text) else {
            let words = Word.allCases.map(\.rawValue).joined(separator: " or ")
            throw NodeFailure(
                .invalidRequest,
                "The query '\(name)' must be \(words), not '\(text)'.",
                nextStep: "See: GET /v1/openapi.json"
            )
        }
        return word
    }

    private static func number(
        _ name: String,
        in range: ClosedRange<Int64>,
        of request: APIRequest
    ) throws(NodeFailure) -> Int64? {
        guard let text = value(name, of: request) else { return nil }
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
