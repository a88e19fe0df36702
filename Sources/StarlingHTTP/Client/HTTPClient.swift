#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Why the ``HTTPClient`` has no answer.
package enum HTTPClientError: Error, Equatable, Sendable {
    /// No socket stands at the path, or nobody serves it.
    case notServed(path: String)
    /// The operating system does not let this user connect.
    case notPermitted(path: String)
    case pathTooLong(path: String, byteCountMax: Int)
    case timedOut
    /// The server closed the connection without an answer.
    case closed
    case response(HTTPResponseError)
    /// Anything else, by the call and the system's own name for the reason.
    case system(call: String, name: String)
}

/// A client of HTTP/1.1 on a Unix socket: one connection for each request.
///
/// It blocks its thread until the answer is there: for command-line tools and tests, never for a loop.
package struct HTTPClient: Sendable {
    private let path: String
    private let limits: HTTPResponseLimits

    package init(socketPath: String, limits: HTTPResponseLimits = HTTPResponseLimits()) {
        path = socketPath
        self.limits = limits
    }

    /// Sends a request and reads its answer.
    ///
    /// - Parameters:
    ///   - target: path and query, percent-encoded: `/v1/inbox?limit=5`.
    ///   - body: JSON; nil for none.
    ///   - timeout: for all of it, from connecting to the last byte.
    package func send(
        _ method: String,
        _ target: String,
        body: [UInt8]? = nil,
        timeout: Duration
    ) throws(HTTPClientError) -> HTTPResponse {
        let connection = try HTTPClientConnection(path: path, timeout: timeout)
        var head = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        if let body { head += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n" }
        // A server that refuses a body may answer and close before it has read all of it.
        _ = try connection.write(Array((head + "\r\n").utf8) + (body ?? []))
        var reader = HTTPResponseReader(limits: limits)
        while let bytes = try connection.read() {
            if let response = try Self.naming({ () throws(HTTPResponseError) in try reader.read(bytes) }) {
                return response
            }
        }
        return try Self.naming { () throws(HTTPResponseError) in
            try reader.end()
        }
    }

    private static func naming<Value>(
        _ body: () throws(HTTPResponseError) -> Value
    ) throws(HTTPClientError) -> Value {
        do { return try body() } catch { throw .response(error) }
    }
}

/// One connection of the client, with one deadline for all that is done on it.
private struct HTTPClientConnection: ~Copyable {
    private let descriptor: Int32
    private let deadline: timespec

    private static let readByteCount = 64 << 10

    init(path: String, timeout: Duration) throws(HTTPClientError) {
        descriptor = try Self.connected(path, timeout)
        deadline = MonotonicTime.now(plus: timeout)
    }

    deinit { _ = close(descriptor) }

    /// Connecting to a Unix socket waits only for room in the backlog.
    private static func connected(_ path: String, _ timeout: Duration) throws(HTTPClientError) -> Int32 {
        let descriptor: Int32
        do throws(HTTPServerError) {
            descriptor = try UnixSocket.open()
        } catch {
            throw .system(call: "socket", name: SystemError.name)
        }
        let (seconds, attoseconds) = timeout.components
        var limit = timeval()
        limit.tv_sec = Int(clamping: max(0, seconds))
        limit.tv_usec = .init(max(1, attoseconds / 1_000_000_000_000))
        _ = setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let result: Int32
        do throws(HTTPServerError) {
            result = try UnixSocket.withAddress(path) { systemConnect(descriptor, $0, $1) }
        } catch {
            _ = close(descriptor)
            throw .pathTooLong(path: path, byteCountMax: UnixSocket.pathByteCountMax)
        }
        if result == 0 {
            _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
            return descriptor
        }
        let code = errno
        _ = close(descriptor)
        switch code {
        case EAGAIN, EWOULDBLOCK: throw .timedOut
        case ENOENT, ECONNREFUSED, ENOTDIR: throw .notServed(path: path)
        case EACCES, EPERM: throw .notPermitted(path: path)
        default: throw .system(call: "connect", name: SystemError.name(of: code))
        }
    }

    /// Writes all, or false where the server has stopped reading.
    borrowing func write(_ bytes: [UInt8]) throws(HTTPClientError) -> Bool {
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                systemSend(descriptor, $0.baseAddress.map { $0 + offset }, $0.count - offset)
            }
            if count > 0 {
                offset += count
            } else if count < 0, errno == EAGAIN || errno == EWOULDBLOCK {
                try wait(for: Int16(POLLOUT))
            } else if count < 0, errno == EPIPE || errno == ECONNRESET {
                return false
            } else if count < 0, errno != EINTR {
                throw .system(call: "send", name: SystemError.name)
            }
        }
        return true
    }

    /// Some bytes, or nil at the connection's end.
    borrowing func read() throws(HTTPClientError) -> [UInt8]? {
        while true {
            var count = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: Self.readByteCount) { buffer, initialized in
                count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
                initialized = max(0, count)
            }
            if count > 0 { return bytes }
            if count == 0 || errno == ECONNRESET { return nil }
            if errno == EAGAIN || errno == EWOULDBLOCK {
                try wait(for: Int16(POLLIN))
            } else if errno != EINTR {
                throw .system(call: "recv", name: SystemError.name)
            }
        }
    }

    private borrowing func wait(for events: Int16) throws(HTTPClientError) {
        while true {
            guard let milliseconds = MonotonicTime.milliseconds(until: deadline) else { throw .timedOut }
            var entry = pollfd(fd: descriptor, events: events, revents: 0)
            let count = poll(&entry, 1, milliseconds)
            if count > 0 { return }
            if count < 0, errno != EINTR { throw .system(call: "poll", name: SystemError.name) }
        }
    }
}

private func systemConnect(_ descriptor: Int32, _ address: UnsafePointer<sockaddr>, _ count: socklen_t)
    -> Int32
{
    while true {
        let result = connect(descriptor, address, count)
        if result == 0 || errno != EINTR { return result }
    }
}

private func systemSend(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    #if canImport(Darwin)
        send(descriptor, bytes, count, 0)
    #else
        send(descriptor, bytes, count, Int32(MSG_NOSIGNAL))
    #endif
}

/// The system's monotonic clock: the client runs outside any loop.
private enum MonotonicTime {
    static func now(plus duration: Duration) -> timespec {
        var time = timespec()
        _ = clock_gettime(CLOCK_MONOTONIC, &time)
        let (seconds, attoseconds) = duration.components
        let nanoseconds = time.tv_nsec + Int(attoseconds / 1_000_000_000)
        // A century stands for any longer time-out.
        time.tv_sec += Int(min(max(0, seconds), 3_155_760_000)) + nanoseconds / 1_000_000_000
        time.tv_nsec = nanoseconds % 1_000_000_000
        return time
    }

    /// The time left, rounded up, at most a minute; nil when it is over.
    static func milliseconds(until deadline: timespec) -> Int32? {
        let now = now(plus: .zero)
        let left =
            (deadline.tv_sec - now.tv_sec) * 1000 + (deadline.tv_nsec - now.tv_nsec + 999_999) / 1_000_000
        return left > 0 ? Int32(min(left, 60_000)) : nil
    }
}
