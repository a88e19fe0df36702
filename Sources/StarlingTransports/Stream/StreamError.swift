/// Why a stream could not be opened, read or written.
package enum StreamError: Error, Equatable, Sendable {
    /// The peer reset the stream.
    case reset
    /// This side closed or reset it before.
    case closed
    /// The connection under it has ended.
    case connectionClosed(ConnectionError)
    /// The peer does not speak the protocol.
    case protocolNotSupported
    /// The peer broke the rules of protocol negotiation.
    case negotiationFailed
    /// A limit of this node, or of the peer, refused another stream.
    case tooManyStreams
    /// The stream ended before the bytes that were asked for.
    case ended
    /// Another task already reads, or writes: one of each at a time.
    case busy
    /// The peer sent more on its streams than one connection keeps unread.
    case unreadLimit
    /// What came is not what the peer has sent: somebody on the way has changed it. For streams with a session of their own.
    case forged
    /// The task was cancelled. Bytes may have been written; reset the stream unless its protocol allows that.
    case cancelled
}
