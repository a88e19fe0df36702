internal import StarlingCore
internal import StarlingNode
internal import StarlingTransports
internal import StarlingWorld

/// Why a node could not do something, and what to do about it.
public struct NodeError: Error, Sendable {
    /// The kind of failure.
    ///
    /// More kinds may come; compare with the ones that matter to you.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The kind as text: the word that the HTTP API and the tool's JSON have for it, too.
        public let rawValue: String

        /// A kind of this text.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// A text is not a multiaddr, or it does not name the peer that it must.
        public static let invalidAddress = Code(rawValue: "invalid_address")
        /// A setting of ``Node/Configuration`` is out of its range.
        public static let invalidConfiguration = Code(rawValue: "invalid_configuration")
        /// What was asked for is none that can be done: a message that cannot be sent, a file that cannot be read or written.
        public static let invalidRequest = Code(rawValue: "invalid_request")
        /// A message or a file is larger than may be sent.
        public static let tooLarge = Code(rawValue: "too_large")
        /// The node cannot listen where it should.
        public static let cannotListen = Code(rawValue: "cannot_listen")
        /// The identity key cannot be read or made.
        public static let identity = Code(rawValue: "identity")
        /// The node's disk does not take or give what it must: it is full, read-only or broken.
        public static let storeFailed = Code(rawValue: "store_failed")
        /// No address of the peer is known.
        public static let unknownPeer = Code(rawValue: "unknown_peer")
        /// The node has accepted no such message, or has forgotten it.
        public static let unknownMessage = Code(rawValue: "unknown_message")
        /// Every way to the peer was tried in vain.
        public static let unreachable = Code(rawValue: "unreachable")
        /// The peer was reached, and failed.
        public static let peerFailed = Code(rawValue: "peer_failed")
        /// The recipient refused.
        public static let refused = Code(rawValue: "refused")
        /// Nothing came in the time that the caller allowed.
        public static let timedOut = Code(rawValue: "timed_out")
        /// A message's lifetime ended before it was delivered.
        public static let expired = Code(rawValue: "expired")
        /// A limit of this node is reached: connections, memory, the outbox, the place for files.
        public static let limitReached = Code(rawValue: "limit_reached")
        /// The node is stopping, or the caller's task was cancelled.
        public static let stopped = Code(rawValue: "stopping")
        /// The operating system lacks something.
        public static let system = Code(rawValue: "system")
        /// A bug of Starling's.
        public static let `internal` = Code(rawValue: "internal")
    }

    /// The kind of failure.
    public let code: Code
    /// What happened, in a sentence for people.
    public let message: String
    /// What the user can do about it; empty when there is nothing.
    public let nextStep: String
    /// The error underneath, for logs.
    public let cause: (any Error)?

    init(_ code: Code, _ message: String, nextStep: String = "", cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.nextStep = nextStep
        self.cause = cause
    }
}

extension NodeError: CustomStringConvertible {
    /// What happened, and what to do about it.
    public var description: String { nextStep.isEmpty ? message : "\(message) \(nextStep)" }
}

extension NodeError {
    init(_ error: NodeStartError) {
        switch error {
        case .delivery(.store(let error)): self.init(error)
        case .delivery(.crypto(let reason)):
            self.init(.system, "The ciphers cannot be had: \(reason).", cause: error)
        case .listen(.socket(let address, .addressInUse)):
            self.init(
                .cannotListen,
                "Another program listens on \(address).",
                nextStep: "Choose another port, or 0 for any.",
                cause: error
            )
        case .listen(.unsupported(let address)):
            self.init(
                .cannotListen,
                "No transport of this node listens on \(address).",
                nextStep: "Use TCP: /ip4/0.0.0.0/tcp/0",
                cause: error
            )
        case .listen(.socket(let address, let reason)):
            self.init(
                .cannotListen,
                "The node cannot listen on \(address): \(reason).",
                nextStep: "Use an address of this machine, and a port above 1023.",
                cause: error
            )
        case .setup, .discovery:
            self.init(
                .system,
                "The node's libraries did not start: \(error).",
                nextStep: "Check the system's memory, and that its libraries are those it was built with.",
                cause: error
            )
        }
    }

    init(_ failure: NodeFailure, cause: (any Error)? = nil) {
        self.init(
            Code(rawValue: failure.code.rawValue),
            failure.message,
            nextStep: failure.nextStep,
            cause: cause
        )
    }

    init(_ error: DialError) { self.init(NodeFailure(error), cause: error) }

    init(_ error: NodePingError, peer: PeerID) {
        switch error {
        case .swarm(.dial(let error)): self.init(error)
        case .swarm(.stream(let reason)): self.init(NodeFailure(reason, peer: peer), cause: error)
        case .ping(let failure): self.init(NodeFailure(failure, peer: peer), cause: error)
        }
    }

    init(_ error: DeliveryError, peer: PeerID) { self.init(NodeFailure(error, peer: peer), cause: error) }

    init(_ failure: BlobFailure) { self.init(NodeFailure(failure), cause: failure) }

    init(_ error: FileSaveError) {
        switch error {
        case .noMessage:
            self.init(
                .invalidRequest,
                "The message is no longer in the inbox.",
                nextStep: "Save its file before it is acknowledged.",
                cause: error
            )
        case .noFile: self.init(.invalidRequest, "The message has no file.", cause: error)
        case .store(let error): self.init(error)
        case .file(let failure): self.init(failure)
        }
    }

    init(_ error: StoreError) { self.init(NodeFailure(error), cause: error) }

    init(_ error: RequestError, peer: PeerID) {
        switch error {
        case .delivery(let error): self.init(error, peer: peer)
        case .timedOut:
            self.init(
                .timedOut,
                "No answer of \(peer) came in time; the request may have been dealt with.",
                nextStep: "Ask again, or look into the inbox later: an answer that comes stays there.",
                cause: error
            )
        case .failed(let reason):
            self.init(
                .refused,
                "\(peer) has no answer: \(reason)",
                nextStep: "Ask for something else, or ask whoever runs it.",
                cause: error
            )
        case .undelivered(let state):
            self.init(NodeFailure(undelivered: state, peer: peer), cause: error)
        }
    }
}
