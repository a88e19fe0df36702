internal import StarlingCore
internal import StarlingMesh
internal import StarlingTransports
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

    init(_ error: StreamError, peer: PeerID) {
        switch error {
        case .protocolNotSupported, .negotiationFailed:
            self.init(
                .peerFailed,
                "\(peer) does not speak the protocol.",
                nextStep: "Check what it runs: starling peers"
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
        case .busy: self.init(.internal, "A stream with \(peer) was used twice at once.")
        case .cancelled: self.init(.stopping, "The request was cancelled.")
        }
    }

    init(_ failure: PingFailure, peer: PeerID) {
        switch failure {
        case .stream(let error): self.init(error, peer: peer)
        case .ping: self.init(.peerFailed, "\(peer) did not send back what the ping held.", nextStep: "")
        }
    }

    init(_ error: OutboxError, peer: PeerID) {
        switch error {
        case .message(let failure): self.init(failure, peer: peer)
        case .full:
            self.init(
                .limitReached,
                "Too many messages wait to be delivered.",
                nextStep: "Try again when some have been."
            )
        case .stopped: self.init(.stopping, "The node is stopping.")
        }
    }

    init(_ failure: MessageFailure, peer: PeerID) {
        switch failure {
        case .message(.content(.payloadTooLarge(let byteCountMax))):
            self.init(
                .tooLarge,
                "The payload is larger than \(byteCountMax) bytes.",
                nextStep: "Send it in parts."
            )
        case .invalidType:
            self.init(
                .invalidRequest,
                "The message's type is empty or too long.",
                nextStep: "Use a name of 1 to \(MessageType.byteCountMax) bytes."
            )
        case .message(let error): self.init(.internal, "The message cannot be sealed: \(error).")
        case .unreachable(let error): self.init(error)
        case .stream(.stream(let error)): self.init(error, peer: peer)
        case .stream(.invalid):
            self.init(.peerFailed, "\(peer) answered with what is no message.", nextStep: "")
        case .receiptTimedOut:
            self.init(
                .timedOut,
                "\(peer) sent no receipt in time.",
                nextStep: "Check that it runs and is not overloaded."
            )
        case .invalidReceipt: self.init(.peerFailed, "The receipt of \(peer) is not valid.", nextStep: "")
        case .refused(.refusedFull):
            self.init(
                .refused,
                "The inbox of \(peer) is full.",
                nextStep: "It takes messages again once its are taken."
            )
        case .refused(.refusedTooLarge):
            self.init(.refused, "\(peer) does not take messages so large.", nextStep: "Send it in parts.")
        case .refused(.expired):
            self.init(
                .refused,
                "The message is too old by the clock of \(peer).",
                nextStep: "Compare the clocks of both devices."
            )
        case .refused(.unreadable):
            self.init(.refused, "\(peer) cannot read the message.", nextStep: "Ask which version it runs.")
        case .refused(.refusedByPolicy), .refused(.delivered), .refused(.heldBack):
            self.init(.refused, "\(peer) does not take this message.", nextStep: "Ask whoever runs it.")
        case .ownAddress:
            self.init(.invalidRequest, "The recipient is this node itself.", nextStep: "Name another peer.")
        }
    }
}

/// Durations in messages: `12 ms`, `5.3 s`.
enum DurationWords {
    static func text(_ duration: Duration) -> String {
        let milliseconds = duration.nanosecondsClamped / 1_000_000
        if milliseconds < 10_000 { return "\(milliseconds) ms" }
        return "\(milliseconds / 1000) s"
    }
}
