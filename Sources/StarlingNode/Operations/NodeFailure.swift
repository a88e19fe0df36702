/// Why the node did not do what it was asked to: what, why, and what the user can do next.
package struct NodeFailure: Error, Equatable, Sendable {
    /// The kind of failure, a word that programs may rely on.
    package enum Code: String, Sendable, CaseIterable {
        /// The request does not say what it must, or says it wrongly.
        case invalidRequest = "invalid_request"
        /// There is no such path in the API.
        case unknownPath = "unknown_path"
        /// The path does not take this method.
        case methodNotAllowed = "method_not_allowed"
        /// The request's body is larger than the node takes.
        case tooLarge = "too_large"
        /// No address of the peer is known.
        case unknownPeer = "unknown_peer"
        /// The node has sent no such message, or has forgotten it.
        case unknownMessage = "unknown_message"
        /// Every way to the peer was tried in vain.
        case unreachable
        /// The peer is reached and does not do its part: no common protocol, a reset, a wrong answer.
        case peerFailed = "peer_failed"
        /// The recipient refused the message.
        case refused
        /// The time that the caller allowed was over first.
        case timedOut = "timed_out"
        /// The message's lifetime ended before it was delivered.
        case expired
        /// A limit of this node: connections, memory, queue.
        case limitReached = "limit_reached"
        /// The node's disk does not take or give what it must: it is full, read-only or broken.
        case storeFailed = "store_failed"
        /// The node is stopping, or whoever asked gave up.
        case stopping
        /// A bug of ours.
        case `internal` = "internal"
    }

    package var code: Code
    /// What happened and why, in a sentence or two that end with a full stop.
    package var message: String
    /// What the user can do about it; may be empty.
    package var nextStep: String

    package init(_ code: Code, _ message: String, nextStep: String = "") {
        self.code = code
        self.message = message
        self.nextStep = nextStep
    }
}

extension NodeFailure {
    /// The status code with which HTTP tells the failure.
    package var statusCode: Int {
        switch code {
        case .invalidRequest: 400
        case .unknownPath, .unknownPeer, .unknownMessage: 404
        case .methodNotAllowed: 405
        case .refused: 409
        case .tooLarge: 413
        case .limitReached: 429
        case .internal: 500
        case .unreachable, .peerFailed: 502
        case .stopping: 503
        case .timedOut, .expired: 504
        case .storeFailed: 507
        }
    }
}
