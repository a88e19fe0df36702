internal import StarlingAPI

/// What a client of the ``HTTPServer`` may take up.
package struct HTTPServerLimits: Sendable {
    /// The largest request body, as the API sets it.
    ///
    /// A larger one is answered with 413; a client that nevertheless sends twice as much is cut off.
    package var bodyByteCountMax = APIRouter.bodyByteCountMax
    /// Connections at once, each with a descriptor and a block of memory.
    ///
    /// Further ones wait in the backlog. Requests that wait hold at most half of them.
    package var connectionCountMax = 2 * APIRouter.waitingCountMax
    /// A connection's memory for the request line and headers; more is answered with 431 or 414.
    package var headByteCountMax = 32 << 10
    /// Seconds without a byte after which a connection is closed, while it is the client's turn.
    package var idleSecondsMax = 30
    /// How often a client that waits for an answer is looked at.
    ///
    /// The work for one that has gone is cancelled: it would hold one of the connections.
    package var absenceCheckInterval: Duration = .milliseconds(500)
    /// How long ``HTTPServer/stop()`` waits for answers that are being written; then it cuts them off.
    package var drainTimeMax: Duration = .seconds(1)

    package init() {}
}

/// Why the ``HTTPServer`` could not start.
package enum HTTPServerError: Error, Equatable, Sendable {
    /// The socket's path has more bytes than the operating system takes.
    case pathTooLong(path: String, byteCountMax: Int)
    /// Another process answers on that socket.
    case alreadyServed(path: String)
    /// Something that is not a socket stands at the path.
    case notASocket(path: String)
    /// A call of the operating system failed, by its own name for the reason, such as `EACCES`.
    case system(call: String, name: String)
    /// The HTTP library refused to start.
    case microhttpdFailed
}
