/// What the API can be asked for.
///
/// The raw value is the operation's name in the OpenAPI document.
package enum APIOperation: String, Sendable, CaseIterable {
    case getStatus, getIdentity, listPeers, connect, ping, sendMessage, listInbox, takeInbox, shutdown
    case getOpenAPI
}

/// One row of the route table: all that router and OpenAPI document know of an operation.
package struct APIRoute: Sendable {
    package enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
    }

    package var method: Method
    package var path: String
    package var operation: APIOperation
    package var summary: String
    /// Names that the query may hold.
    package var query: [APIField]
    /// The body that the request must have, if any.
    package var body: APISchema?
    /// The status code of success.
    package var status: Int
    package var answer: APISchema

    init(
        _ method: Method,
        _ path: String,
        _ operation: APIOperation,
        _ summary: String,
        query: [APIField] = [],
        body: APISchema? = nil,
        status: Int = 200,
        answer: APISchema
    ) {
        self.method = method
        self.path = path
        self.operation = operation
        self.summary = summary
        self.query = query
        self.body = body
        self.status = status
        self.answer = answer
    }

    /// Every route, in the order of the document.
    package static let all: [APIRoute] = [
        APIRoute(.get, "/v1/status", .getStatus, "What the node is doing", answer: .status),
        APIRoute(.get, "/v1/id", .getIdentity, "Who the node is and where it listens", answer: .identity),
        APIRoute(.get, "/v1/peers", .listPeers, "The peers that the node knows", answer: .peerList),
        APIRoute(
            .post,
            "/v1/connect",
            .connect,
            "Connect to a peer",
            body: .connectRequest,
            answer: .peer
        ),
        APIRoute(.post, "/v1/ping", .ping, "Measure round trips", body: .pingRequest, answer: .pingReport),
        APIRoute(
            .post,
            "/v1/messages",
            .sendMessage,
            "Send a message, and wait for its receipt",
            body: .message,
            answer: .sendReport
        ),
        APIRoute(
            .get,
            "/v1/inbox",
            .listInbox,
            "Messages received and not taken",
            query: [
                APIField(
                    "after",
                    .integer(minimum: 0),
                    isRequired: false,
                    "Only messages past this position."
                ),
                APIField(
                    "limit",
                    .integer(minimum: 1, maximum: APIRouter.inboxMessageCountMax),
                    isRequired: false,
                    "At most so many messages; 100 if left out."
                ),
            ],
            answer: .inboxPage
        ),
        APIRoute(
            .post,
            "/v1/inbox/take",
            .takeInbox,
            "Acknowledge messages",
            body: .inboxTake,
            answer: .inboxTaken
        ),
        APIRoute(.post, "/v1/shutdown", .shutdown, "Stop the node", status: 202, answer: .shutdown),
        APIRoute(
            .get,
            "/v1/openapi.json",
            .getOpenAPI,
            "This document",
            answer: .object([], "An OpenAPI 3.1 document.")
        ),
    ]
}
