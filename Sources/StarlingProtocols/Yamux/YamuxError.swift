/// Why a session is over: the peer broke the protocol or a limit, or fell silent.
///
/// The session has queued a go-away frame with ``goAwayCode`` that may still be written.
package enum YamuxError: Error, Equatable, Sendable {
    /// A frame has a version other than 0.
    case unknownVersion(UInt8)
    /// A frame has a type that the specification does not have.
    case unknownType(UInt8)
    /// A frame has flags that the specification does not have, or that do not belong together.
    case invalidFlags(UInt16)
    /// A data frame is for stream 0, or a ping or go-away frame for another one.
    case invalidStreamID(UInt32)
    /// The peer opened a stream with an id of our side.
    case wrongParity(UInt32)
    /// The peer opened a stream that is open already.
    case duplicateStream(UInt32)
    /// A frame is for a stream of our side that we have not opened.
    case unopenedStream(UInt32)
    /// The peer sent more than the window of a stream allows, or than any window could allow.
    case windowExceeded(UInt32)
    /// A window update lifts a window above what 32 bits hold.
    case windowOverflow(UInt32)
    /// The peer sent data on a stream after it had ended it.
    case dataAfterEnd(UInt32)
    /// More frames wait to be written than ``YamuxSession/Limits/queuedFrameCountMax``: the peer opens
    /// streams and does not read.
    case tooManyQueuedFrames
    /// Nothing came within ``YamuxSession/Limits/keepAliveTimeout`` of a keep-alive ping.
    case peerSilent

    /// What the go-away frame says.
    package var goAwayCode: YamuxGoAwayCode {
        switch self {
        case .peerSilent: .normal
        case .unknownVersion, .unknownType, .invalidFlags, .invalidStreamID, .wrongParity, .duplicateStream,
            .unopenedStream, .windowExceeded, .windowOverflow, .dataAfterEnd, .tooManyQueuedFrames:
            .protocolError
        }
    }
}

/// Why an operation on a stream was refused.
///
/// The session goes on.
package enum YamuxStreamError: Error, Equatable, Sendable {
    /// The stream was reset, or ended by both sides, or never opened.
    case unknownStream
    /// The stream was ended by us: nothing can be written behind that.
    case writeClosed
    /// As many streams of ours are open as ``YamuxSession/Limits/outboundStreamCountMax`` says.
    case tooManyStreams
    /// As many streams of ours wait for the peer's acknowledgement as
    /// ``YamuxSession/Limits/acceptBacklogMax`` says; the peer would refuse more.
    case tooManyUnacknowledged
    /// As many frames wait to be written as ``YamuxSession/Limits/queuedFrameCountMax`` says: the connection
    /// does not move.
    case tooManyQueuedFrames
    /// All 2^31 ids of our side were used: a fresh connection is needed.
    case idsExhausted
    /// The peer or we said go-away, or the session failed.
    case goingAway
}

/// Why a session is given up, as the go-away frame says it.
///
/// Spec: hashicorp/yamux `spec.md`, "Session termination". Unknown codes are kept.
package struct YamuxGoAwayCode: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let normal = YamuxGoAwayCode(rawValue: 0)
    package static let protocolError = YamuxGoAwayCode(rawValue: 1)
    package static let internalError = YamuxGoAwayCode(rawValue: 2)
}

/// The number of a stream in its session: odd when the session's dialer opened it, even otherwise.
package struct YamuxStreamID: RawRepresentable, Hashable, Comparable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}
