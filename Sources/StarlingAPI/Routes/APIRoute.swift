internal import StarlingCore
internal import StarlingNode

/// What the API can be asked for.
///
/// The raw value is the operation's name in the OpenAPI document.
package enum APIOperation: String, Sendable, CaseIterable {
    case getStatus, getIdentity, listPeers, listRoutes, connect, trace, ping, sendMessage, broadcast,
        getMessage,
        listOutbox
    case listInbox, takeInbox, saveFile, getMailbox, shutdown, getOpenAPI
}

/// One row of the route table: all that router and OpenAPI document know of an operation.
package struct APIRoute: Sendable {
    package enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
    }

    package var method: Method
    /// The path; a part in braces, such as `{id}`, stands for any text.
    package var path: String
    package var operation: APIOperation
    package var summary: String
    /// What the path's parts in braces are, in their order.
    package var parameters: [APIField]
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
        parameters: [APIField] = [],
        query: [APIField] = [],
        body: APISchema? = nil,
        status: Int = 200,
        answer: APISchema
    ) {
        self.method = method
        self.path = path
        self.operation = operation
        self.summary = summary
        self.parameters = parameters
        self.query = query
        self.body = body
        self.status = status
        self.answer = answer
    }

    private static let limit = APIField(
        "limit",
        .integer(minimum: 1, maximum: APIRouter.messageCountMax),
        isRequired: false,
        "At most so many messages; 100 if left out."
    )

    private static func waiting(_ summary: String) -> APIField {
        let maximum = Int(APIRouter.waitMax.milliseconds)
        return APIField("wait_ms", .integer(minimum: 0, maximum: maximum), isRequired: false, summary)
    }

    /// The texts in place of the path's parts in braces; nil for a path that is not this route's.
    func arguments(of path: String) -> [String]? {
        let (own, given) = (Self.parts(self.path), Self.parts(path))
        guard own.count == given.count else { return nil }
        var arguments: [String] = []
        for (own, given) in zip(own, given) {
            if own.hasPrefix("{") { arguments.append(String(given)) } else if own != given { return nil }
        }
        return arguments
    }

    private static func parts(_ path: String) -> [Substring] {
        path.split(separator: "/", omittingEmptySubsequences: false)
    }

    /// Every route, in the order of the document.
    package static let all: [APIRoute] = [
        APIRoute(.get, "/v1/status", .getStatus, "What the node is doing", answer: .status),
        APIRoute(.get, "/v1/id", .getIdentity, "Who the node is and where it listens", answer: .identity),
        APIRoute(.get, "/v1/peers", .listPeers, "The peers that the node knows", answer: .peerList),
        APIRoute(.get, "/v1/routes", .listRoutes, "How peers are reached, and over whom", answer: .routeList),
        APIRoute(
            .post,
            "/v1/connect",
            .connect,
            "Connect to a peer",
            body: .connectRequest,
            answer: .peer
        ),
        APIRoute(
            .post,
            "/v1/trace",
            .trace,
            "Ask hop by hop for the way to a peer",
            body: .traceRequest,
            answer: .traceReport
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
            .post,
            "/v1/broadcasts",
            .broadcast,
            "Send a message to everybody",
            body: .broadcast,
            answer: .broadcastReport
        ),
        APIRoute(
            .get,
            "/v1/messages/{id}",
            .getMessage,
            "What became of a message, and when",
            parameters: [APIField("id", .messageID, "The message's id in hexadecimal.")],
            query: [
                waiting("How long to wait for the message's end, in milliseconds; not at all if left out.")
            ],
            answer: .messageStatus
        ),
        APIRoute(
            .get,
            "/v1/outbox",
            .listOutbox,
            "Messages accepted and not settled, or those that are",
            query: [
                APIField(
                    "part",
                    .word(OutboxQuery.Part.allCases.map(\.rawValue)),
                    isRequired: false,
                    "Those that wait, or those that ended, the last first; waiting if left out."
                ),
                APIField("after", .messageID, isRequired: false, "Go on behind the message of this id."),
                limit,
            ],
            answer: .outboxPage
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
                limit,
                waiting("How long to wait where there is none, in milliseconds; not at all if left out."),
            ],
            answer: .inboxPage
        ),
        APIRoute(
            .post,
            "/v1/inbox/take",
            .takeInbox,
            "Acknowledge messages without files",
            body: .inboxTake,
            answer: .inboxTaken
        ),
        APIRoute(
            .post,
            "/v1/inbox/save",
            .saveFile,
            "Write the file of a message out, and acknowledge the message",
            body: .fileSave,
            answer: .fileSaved
        ),
        APIRoute(
            .get,
            "/v1/mailbox",
            .getMailbox,
            "What the node keeps for others, and others for it",
            answer: .mailbox
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
