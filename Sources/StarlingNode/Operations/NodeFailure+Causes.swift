package import StarlingCore
package import StarlingMesh
internal import StarlingProtocols
package import StarlingTransports
internal import StarlingWorld

extension NodeFailure {
    /// Each address that was tried, why it failed, how long it took, and the next step.
    package init(_ error: DialError) {
        let peer = error.peer.map { "\($0)" } ?? "the peer"
        let start = error.peer.map { "\($0)" } ?? "The peer"
        let code: Code
        var message: String
        switch error.cause {
        case .noAddresses: (code, message) = (.unknownPeer, "No address of \(peer) is known.")
        case .noUsableAddresses:
            (code, message) = (.unreachable, "No address of \(peer) can be dialled from here.")
        case .allFailed: (code, message) = (.unreachable, "\(start) cannot be reached.")
        case .timedOut: (code, message) = (.timedOut, "No connection with \(peer) stood in time.")
        case .backingOff(let remaining):
            (code, message) = (
                .unreachable,
                "\(start) could not be reached a moment ago; the next attempt is due in \(DurationWords.text(remaining))."
            )
        case .dialledSelf: (code, message) = (.invalidRequest, "That is this node itself.")
        case .limit(let name): (code, message) = (.limitReached, "A limit of this node is reached: \(name).")
        case .cancelled: (code, message) = (.stopping, "The dial was cancelled.")
        case .stopped: (code, message) = (.stopping, "The node is stopping.")
        }
        for attempt in error.attempts {
            let time = DurationWords.text(attempt.duration)
            message += " \(attempt.address): \(Self.reason(attempt.failure)) after \(time)."
        }
        self.init(code, message, nextStep: error.nextStep)
    }

    private static func reason(_ failure: DialError.Attempt.Failure) -> String {
        switch failure {
        case .connection(let error): error.reason
        case .resolver(.notFound): "no such name"
        case .resolver(.unavailable(let text)): "the name servers do not answer (\(text))"
        case .resolver(.invalidName): "not a name that can be asked for"
        case .resolver(.cancelled): "cancelled"
        case .unsupported: "no transport of this node dials it"
        case .backingOff(let remaining): "failed before, due in \(DurationWords.text(remaining))"
        case .ownAddress: "it is this node's own"
        case .outOfTime: "no answer in time"
        case .notTried: "not tried"
        }
    }

    package init(_ error: StreamError, peer: PeerID) {
        switch error {
        case .protocolNotSupported, .negotiationFailed:
            self.init(
                .peerFailed,
                "\(peer) does not speak the protocol.",
                nextStep: "Ask which version it runs."
            )
        case .connectionClosed(let reason):
            self.init(
                .peerFailed,
                "The connection with \(peer) ended: \(reason.reason).",
                nextStep: "Try again."
            )
        case .reset, .ended, .closed:
            self.init(.peerFailed, "\(peer) ended the stream.", nextStep: "Try again.")
        case .tooManyStreams:
            self.init(.limitReached, "There are too many streams with \(peer).", nextStep: "Try again later.")
        case .unreadLimit:
            self.init(
                .limitReached,
                "\(peer) sent more than this node keeps unread.",
                nextStep: "Try again with less at a time."
            )
        case .forged:
            self.init(
                .peerFailed,
                "What came from \(peer) was changed on the way.",
                nextStep: "Connect to it directly."
            )
        case .busy: self.init(.internal, "A stream with \(peer) was used twice at once.")
        case .cancelled: self.init(.stopping, "The request was cancelled.")
        }
    }

    package init(_ failure: PingFailure, peer: PeerID) {
        switch failure {
        case .stream(let error): self.init(error, peer: peer)
        case .ping(.timedOut):
            let limit = DurationWords.text(PingDialer.Limits().echoTimeout)
            self.init(
                .timedOut,
                "\(peer) sent no echo within \(limit).",
                nextStep: "Check the network between the two."
            )
        case .ping(.streamEnded): self.init(.peerFailed, "\(peer) ended the stream.", nextStep: "Try again.")
        case .ping(.busy), .ping(.echoMismatch), .ping(.unexpectedBytes):
            self.init(
                .peerFailed,
                "\(peer) did not send back what the ping held.",
                nextStep: "Ask which version it runs."
            )
        }
    }

    package init(_ error: DeliveryError, peer: PeerID) {
        switch error {
        case .ownAddress:
            self.init(.invalidRequest, "The recipient is this node itself.", nextStep: "Name another peer.")
        case .message(let error): self.init(error, peer: peer)
        case .refused(let error): self.init(error)
        case .store(let error):
            let words = error.words
            self.init(.storeFailed, "The message was not accepted: \(words.what)", nextStep: words.nextStep)
        case .noFiles:
            self.init(
                .invalidRequest,
                "This node has no place for files.",
                nextStep: "Check the folder blobs in its home, and start it again."
            )
        case .fileName:
            self.init(
                .invalidRequest,
                """
                The file's name is empty, "." or "..", has a slash, a backslash or a control character in it, \
                or more than \(BlobAttachment.nameByteCountMax) bytes.
                """,
                nextStep: "Send it under another name."
            )
        case .file(let failure): self.init(failure)
        case .broadcast(.tooLarge):
            self.init(
                .tooLarge,
                "A message to everybody takes at most \(Flood.Limits().byteCountMax) bytes with its envelope.",
                nextStep: "Send less, or to each peer by itself."
            )
        case .broadcast:
            self.init(
                .invalidRequest,
                "A message to everybody lives for at most \(DurationWords.text(Flood.Limits().lifetimeMax)).",
                nextStep: "Use a shorter lifetime."
            )
        case .stopped: self.init(.stopping, "The node is stopping.")
        case .undecided:
            self.init(
                .stopping,
                "The node stopped while the message was being written: it may have been accepted.",
                nextStep:
                    "Start the node, and see whether its outbox has the message. With the same key it goes out once."
            )
        }
    }

    private init(_ error: SealError, peer: PeerID) {
        switch error {
        case .content(.payloadTooLarge(let byteCountMax)):
            self.init(
                .tooLarge,
                "The payload is larger than \(byteCountMax) bytes.",
                nextStep: "Send it as a file."
            )
        case .content(.contentTypeTooLong(let byteCountMax)):
            self.init(
                .invalidRequest,
                "The content type is longer than \(byteCountMax) bytes.",
                nextStep: "Use a media type such as text/plain."
            )
        case .content(let error):
            self.init(
                .invalidRequest,
                "The message cannot be made: \(error).",
                nextStep: "Change what it says of itself."
            )
        case .recipientKey:
            self.init(
                .invalidRequest,
                "Nothing can be sealed to the key of \(peer).",
                nextStep: "Send it with the privacy standard: it is signed, and encrypted on each link."
            )
        case .envelope(let error): self.init(.internal, "The message cannot be signed: \(error).")
        }
    }

    private init(_ error: AcceptError) {
        switch error {
        case .tooManyMessages(let countMax):
            self.init(
                .limitReached,
                "\(countMax) messages wait to be delivered; there is room for no more.",
                nextStep: "Try again when some have been delivered; the outbox lists them."
            )
        case .tooManyBytes(let byteCountMax):
            self.init(
                .limitReached,
                "\(byteCountMax) bytes of messages wait to be delivered; there is room for no more.",
                nextStep: "Try again when some have been delivered; the outbox lists them."
            )
        case .lifetimeOutOfRange:
            self.init(.invalidRequest, "The lifetime is out of range.", nextStep: "Use 1 ms to 30 days.")
        case .hopLimitOutOfRange:
            let range = OutboxRequest.hopLimits
            self.init(
                .invalidRequest,
                "The number of links that the message may cross is out of range.",
                nextStep: "Use \(range.lowerBound) to \(range.upperBound)."
            )
        case .invalidKey:
            self.init(
                .invalidRequest,
                "The idempotency key is empty or too long.",
                nextStep: "Use 1 to 64 bytes."
            )
        case .keyTaken(let id):
            self.init(
                .invalidRequest,
                "The idempotency key names message \(id), which goes to another peer.",
                nextStep: "Use another key."
            )
        case .idTaken:
            self.init(
                .internal,
                "The random source repeats itself.",
                nextStep: "Check the system's random source."
            )
        }
    }

    /// Why a message that was accepted will not be delivered.
    package init(undelivered state: OutboxMessage.State, peer: PeerID) {
        switch state {
        case .refused(.refusedTooLarge):
            self.init(.refused, "\(peer) does not take messages so large.", nextStep: "Send it as a file.")
        case .refused(.expired):
            self.init(
                .refused,
                "The message is too old by the clock of \(peer).",
                nextStep: "Compare the clocks of both devices."
            )
        case .refused(.unreadable):
            self.init(.refused, "\(peer) cannot read the message.", nextStep: "Ask which version it runs.")
        case .refused:
            self.init(.refused, "\(peer) does not take this message.", nextStep: "Ask whoever runs it.")
        case .expired:
            self.init(
                .expired,
                "\(peer) sent no receipt before the message's lifetime ended.",
                nextStep: "Send it again with a longer lifetime."
            )
        case .damaged:
            self.init(
                .storeFailed,
                "The message could not be read back from the store.",
                nextStep: "Check the disk; send the message again."
            )
        case .storing, .queued, .sent, .fetching, .delivered:
            self.init(.internal, "The message is on its way.")
        }
    }

    /// What stands between a message and its recipient.
    package init(_ obstacle: DeliveryObstacle, peer: PeerID) {
        switch obstacle {
        case .unreachable(let error), .stream(.dial(let error)): self.init(error)
        case .stream(.frames(.stream(let error))): self.init(error, peer: peer)
        case .stream(.frames(.invalid)), .stream(.forged):
            self.init(
                .peerFailed,
                "\(peer) answered with what is no message.",
                nextStep: "Ask which version it runs."
            )
        case .stream(.unread):
            self.init(
                .peerFailed,
                "\(peer) takes nothing of what is sent to it.",
                nextStep: "It is tried again by itself; restart that device's node if that goes on."
            )
        case .held(.refusedFull):
            self.init(
                .peerFailed,
                "The inbox of \(peer) has no room for more from this node.",
                nextStep: "It is offered again by itself; messages that are acknowledged there make room."
            )
        case .held(.refusedNoSpace): self.init(.noSpace, peer: peer)
        case .held:
            self.init(
                .peerFailed,
                "\(peer) holds the message back: it waits for earlier ones.",
                nextStep: "It is offered again by itself."
            )
        case .stuck(let reason): self.init(reason, peer: peer)
        case .tooFar(let linkCount, let hopLimit):
            self.init(
                .unreachable,
                "The shortest known way to \(peer) crosses \(linkCount) links, and the message may cross \(hopLimit).",
                nextStep: Self.shorterWay
            )
        }
    }

    private static let shorterWay =
        "It goes by itself once there is a shorter way; or send it again with a higher hop limit."

    /// Why nothing moves though the peer is there.
    private init(_ reason: OutboxStall.Reason, peer: PeerID) {
        let message: String
        var nextStep = "It goes on by itself; if it lasts, restart this node: nothing is lost."
        switch reason {
        case .noReceipt:
            message = "\(peer) is connected and sends no receipt."
            nextStep = "It is sent again by itself; look at the log of that device, its disk may be full."
        case .recipientFull:
            message = "The inbox of \(peer) has no room for more from this node."
            nextStep = "It is offered again by itself; messages that are acknowledged there make room."
        case .fetching:
            message = "\(peer) fetches the message's file, and nothing comes of it."
            nextStep = "Look at the log of that device; it tries again by itself."
        case .noSpace:
            message = "\(peer) has no room for the message's file."
            nextStep = "It comes by itself once there is; files that are saved there make room."
        case .heldBack: message = "\(peer) holds the message back: it waits for earlier ones."
        case .windowFull: message = "Too many messages to \(peer) wait behind one that is not settled."
        case .tooFar:
            message = "No known way to \(peer) is short enough for the message."
            nextStep = Self.shorterWay
        case .linkBlocked:
            message = "The connection with \(peer) takes no bytes."
            nextStep = "Check the network between the two."
        case .loading:
            message = "The message is being read from this node's disk."
            nextStep = "Check the disk."
        case .queueFull: message = "More urgent messages to \(peer) go first."
        }
        self.init(.timedOut, message, nextStep: nextStep)
    }

    /// What is stuck, and why.
    init(_ stall: OutboxStall) { self.init(stall.reason, peer: stall.to) }

    /// The message is not one that this node knows.
    static func unknownMessage(_ id: String) -> NodeFailure {
        NodeFailure(
            .unknownMessage,
            "This node has sent no message \(id), or it ended long ago.",
            nextStep: "Those that it remembers: starling outbox, starling outbox --ended"
        )
    }

    /// The text is not a message's id.
    static func malformedMessageID(_ text: String) -> NodeFailure {
        NodeFailure(
            .invalidRequest,
            "'\(text)' is not a message's id.",
            nextStep: "One has 32 hexadecimal digits; those of this node: starling outbox"
        )
    }
}

/// Durations in messages: `12 ms`, `5.3 s`.
enum DurationWords {
    static func text(_ duration: Duration) -> String {
        let milliseconds = duration.milliseconds
        if milliseconds < 10_000 { return "\(milliseconds) ms" }
        return "\(milliseconds / 1000) s"
    }
}
