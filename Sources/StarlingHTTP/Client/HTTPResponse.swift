/// An answer as the ``HTTPClient`` read it.
package struct HTTPResponse: Sendable, Equatable {
    package var status: Int
    /// Names in lower case, in the order of the answer.
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]

    /// The first value of a header, by its name in lower case.
    package func header(_ name: String) -> String? {
        headers.first { $0.name == name }?.value
    }

    package static func == (lhs: HTTPResponse, rhs: HTTPResponse) -> Bool {
        lhs.status == rhs.status && lhs.body == rhs.body && lhs.headers.elementsEqual(rhs.headers, by: ==)
    }
}

/// What an answer may take up.
package struct HTTPResponseLimits: Sendable {
    /// Status line, headers and trailers together; a longer head is an error.
    package var headByteCountMax = 64 << 10
    /// The body after chunks have been joined; a longer one is an error.
    package var bodyByteCountMax = 64 << 20

    package init() {}
}

/// Why bytes are not an answer that we understand.
package enum HTTPResponseError: Error, Equatable, Sendable {
    /// Not a status line of HTTP/1.0 or HTTP/1.1.
    case invalidStatusLine
    /// A header line without a name or a colon, or one that goes on from the line before.
    case invalidHeader
    /// A `Content-Length` that is no number, or two that differ, or one beside `Transfer-Encoding`.
    case invalidLength
    /// A transfer coding other than chunked.
    case unsupportedTransferCoding
    /// A chunk without a size, or without the line end after it.
    case invalidChunk
    case headTooLarge
    case bodyTooLarge
    /// The connection ended before the answer did.
    case endedEarly
}
