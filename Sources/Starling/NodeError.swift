internal import StarlingNode
internal import StarlingTransports
internal import StarlingWorld

/// Why a node could not do something, and what to do about it.
public struct NodeError: Error, Sendable {
    /// The kind of failure.
    ///
    /// More kinds may come; compare with the ones that matter to you.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The kind as text, as logs and the HTTP API have it.
        public let rawValue: String

        /// A kind of this text.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// A text is not a multiaddr.
        public static let invalidAddress = Code(rawValue: "invalid_address")
        /// The node cannot listen where it should.
        public static let cannotListen = Code(rawValue: "cannot_listen")
        /// The identity key cannot be read or made.
        public static let identity = Code(rawValue: "identity")
        /// The node's durable memory cannot be opened.
        public static let store = Code(rawValue: "store")
        /// No address of the peer is known.
        public static let unknownPeer = Code(rawValue: "unknown_peer")
        /// The node has accepted no such message, or has forgotten it.
        public static let unknownMessage = Code(rawValue: "unknown_message")
        /// The peer cannot be reached.
        public static let unreachable = Code(rawValue: "unreachable")
        /// The peer was reached, and failed.
        public static let peerFailed = Code(rawValue: "peer_failed")
        /// The peer refused.
        public static let refused = Code(rawValue: "refused")
        /// The message is not one that can be sent.
        public static let invalidMessage = Code(rawValue: "invalid_message")
        /// A file cannot be sent, or not be written out.
        public static let file = Code(rawValue: "file")
        /// Nothing came in time.
        public static let timedOut = Code(rawValue: "timed_out")
        /// A setting of ``Node/Configuration`` is out of its range.
        public static let invalidConfiguration = Code(rawValue: "invalid_configuration")
        /// The operating system lacks something.
        public static let system = Code(rawValue: "system")
        /// The node is stopping.
        public static let stopped = Code(rawValue: "stopped")
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

    init(_ failure: NodeFailure) {
        self.init(Code(rawValue: failure.code.rawValue), failure.message, nextStep: failure.nextStep)
    }

    init(_ error: DialError) {
        let failure = NodeFailure(error)
        let code: Code = error.cause == .noAddresses ? .unknownPeer : .unreachable
        self.init(code, failure.message, nextStep: failure.nextStep, cause: error)
    }

    init(_ error: NodePingError) {
        switch error {
        case .swarm(.dial(let error)): self.init(error)
        case .swarm(.stream(let reason)), .ping(.stream(let reason)):
            self.init(
                .peerFailed,
                "The ping's stream failed: \(reason).",
                nextStep: "Try again.",
                cause: error
            )
        case .ping(.ping(let reason)):
            self.init(.peerFailed, "The peer does not answer pings as it should: \(reason).", cause: error)
        }
    }

    init(_ error: DeliveryError) {
        switch error {
        case .message(let reason):
            self.init(.invalidMessage, "The message cannot be sent: \(reason).", cause: error)
        case .refused(.tooManyMessages), .refused(.tooManyBytes):
            self.init(
                .refused,
                "Too many messages wait to be delivered.",
                nextStep: "Send again when some have been.",
                cause: error
            )
        case .refused(.hopLimitOutOfRange):
            let range = OutboxRequest.hopLimits
            self.init(
                .invalidMessage,
                "A message may cross \(range.lowerBound) to \(range.upperBound) links.",
                nextStep: "Use a number between these, or leave the limit out.",
                cause: error
            )
        case .refused(let reason):
            self.init(.invalidMessage, "The message is not accepted: \(reason).", cause: error)
        case .ownAddress: self.init(.invalidMessage, "A node sends itself no messages.", cause: error)
        case .store(let reason): self.init(reason)
        case .noFiles:
            self.init(.file, "The node has no place for files.", nextStep: "Check its home.", cause: error)
        case .fileName:
            self.init(
                .file,
                """
                The file's name is empty, "." or "..", has a slash, a backslash or a control character in it, \
                or more than 255 bytes.
                """,
                nextStep: "Send it under a name of its own.",
                cause: error
            )
        case .file(let failure): self.init(failure)
        case .broadcast(.tooLarge):
            self.init(
                .invalidMessage,
                "A message to everybody takes at most \(Flood.Limits().byteCountMax) bytes with its envelope.",
                nextStep: "Send less, or to each peer by itself.",
                cause: error
            )
        case .broadcast:
            self.init(
                .invalidMessage,
                "A message to everybody lives for an hour at most.",
                nextStep: "Use a shorter lifetime.",
                cause: error
            )
        case .stopped: self.init(.stopped, "The node is stopping.", cause: error)
        case .undecided:
            self.init(
                .stopped,
                "The node stopped while the message was being written: it may have been accepted.",
                nextStep: "Start the node and send it again with the same key: then it goes out once.",
                cause: error
            )
        }
    }

    init(_ failure: BlobFailure) {
        let code: Code = failure == .cancelled || failure == .store(.closed) ? .stopped : .file
        self.init(code, failure.what, nextStep: failure.nextStep, cause: failure)
    }

    init(_ error: FileSaveError) {
        switch error {
        case .noMessage:
            self.init(
                .file,
                "The message is no longer in the inbox.",
                nextStep: "Save its file before it is acknowledged.",
                cause: error
            )
        case .noFile: self.init(.file, "The message has no file.", cause: error)
        case .store(let error): self.init(error)
        case .file(let failure): self.init(failure)
        }
    }

    init(_ error: StoreError) {
        self.init(.store, error.words.what, nextStep: error.words.nextStep, cause: error)
    }

    init(_ error: RequestError) {
        switch error {
        case .delivery(let error): self.init(error)
        case .timedOut:
            self.init(
                .timedOut,
                "No answer came in time; the request may have been dealt with.",
                nextStep: "Ask again, or look into the inbox later: an answer that comes stays there.",
                cause: error
            )
        case .failed(let reason): self.init(.refused, "The recipient has no answer: \(reason)", cause: error)
        case .undelivered(let state):
            self.init(
                .refused,
                "The request was not delivered: \(state).",
                nextStep: "Ask again.",
                cause: error
            )
        }
    }
}
