/// The answer to an ``APIRequest``, free of any transport.
package struct APIResponse: Sendable, Equatable {
    /// The status code of HTTP.
    package var status: Int
    package var contentType: String
    /// The methods that the path takes, where the request's was none of them.
    package var allowedMethods: [String]
    package var body: [UInt8]

    package init(status: Int, contentType: String, allowedMethods: [String] = [], body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.allowedMethods = allowedMethods
        self.body = body
    }
}
