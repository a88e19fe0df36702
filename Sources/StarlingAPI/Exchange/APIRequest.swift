/// A request to the node's API, free of any transport.
package struct APIRequest: Sendable, Equatable {
    /// The method as it was sent: `GET`, `POST`.
    package var method: String
    /// The path, percent-decoded, without the query: `/v1/status`.
    package var path: String
    /// The query's names and values, percent-decoded, in order.
    package var query: [(name: String, value: String)]
    /// The media type of the body, if the client named one.
    package var contentType: String?
    package var body: [UInt8]

    package init(
        method: String,
        path: String,
        query: [(name: String, value: String)] = [],
        contentType: String? = nil,
        body: [UInt8] = []
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.contentType = contentType
        self.body = body
    }

    package static func == (lhs: APIRequest, rhs: APIRequest) -> Bool {
        lhs.method == rhs.method && lhs.path == rhs.path && lhs.contentType == rhs.contentType
            && lhs.body == rhs.body && lhs.query.elementsEqual(rhs.query, by: ==)
    }
}

/// Who answers requests: the ``APIRouter``, or a test's stand-in.
package protocol APIResponder: Sendable {
    /// The answer to `request`. Cancelling the task ends the wait for the node, and still gives an answer.
    func respond(to request: APIRequest) async -> APIResponse
}
