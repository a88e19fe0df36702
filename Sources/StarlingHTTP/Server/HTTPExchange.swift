internal import CMicrohttpd
internal import StarlingAPI
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// One request and its answer, as libmicrohttpd's thread and the node's loop see it.
///
/// libmicrohttpd calls several times for one request: at its head, for each part of its body, at its end, and
/// again after the connection has been resumed with an answer.
final class HTTPExchange: Sendable {
    enum Phase {
        /// The body is being read.
        case reading
        /// The node works on it; the connection is suspended.
        case working
        /// The answer is there, the library has not taken it.
        case answered(APIResponse)
        /// The answer has been handed to the library.
        case written
    }

    struct State {
        /// The suspended connection's address.
        ///
        /// Only while it is suspended, when the library does not free it; a number, so that the two threads
        /// may share it under the lock.
        var connection: UInt?
        var phase = Phase.reading
        var body: [UInt8] = []
        /// Bytes of a body past the limit, dropped.
        var droppedByteCount = 0
    }

    let state = Mutex(State())

    /// Takes a part of the body.
    ///
    /// False where the client has gone so far past the limit that it is cut off.
    func take(_ bytes: UnsafeRawBufferPointer, byteCountMax: Int) -> Bool {
        state.withLock { state in
            let room = byteCountMax - state.body.count
            if bytes.count <= room && state.droppedByteCount == 0 {
                state.body.append(contentsOf: bytes)
                return true
            }
            state.droppedByteCount += bytes.count
            return state.droppedByteCount <= byteCountMax
        }
    }

    /// Suspends the connection until ``answer(_:)``.
    func suspend(_ connection: OpaquePointer) {
        // First, because the library refuses to resume what it has not suspended.
        MHD_suspend_connection(connection)
        let address = UInt(bitPattern: connection)
        state.withLock { $0.connection = address }
    }

    /// Whether the client of a suspended connection has closed it, which the library does not look for.
    var isAbandoned: Bool {
        // Under the lock the connection stays suspended, so that the descriptor stays its own.
        state.withLock { state in
            guard let address = state.connection, let connection = OpaquePointer(bitPattern: address) else {
                return false
            }
            // The end of both directions is always told; a client that only writes no more still waits.
            var entry = pollfd(fd: cmicrohttpd_descriptor(connection), events: 0, revents: 0)
            return poll(&entry, 1, 0) > 0 && entry.revents & Int16(POLLHUP | POLLERR) != 0
        }
    }

    /// Hands the answer over and lets the library go on with the connection.
    func answer(_ response: APIResponse) {
        let address: UInt? = state.withLock { state in
            guard case .working = state.phase, let address = state.connection else { return nil }
            state.phase = .answered(response)
            state.connection = nil
            return address
        }
        if let address { MHD_resume_connection(OpaquePointer(bitPattern: address)) }
    }
}
