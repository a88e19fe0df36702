internal import StarlingCommandLine
internal import StarlingCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// A plain blocking TCP socket on 127.0.0.1: what the ceiling is measured with.
struct LoopbackSocket: ~Copyable {
    /// How long any one call may block, in seconds: the other process may have died.
    private static let patience = 10

    private let descriptor: Int32

    private init(taking descriptor: Int32) {
        self.descriptor = descriptor
        var patience = timeval()
        patience.tv_sec = Self.patience
        let size = socklen_t(MemoryLayout<timeval>.size)
        _ = setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        _ = setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
        var isOn: Int32 = 1
        _ = setsockopt(
            descriptor,
            Int32(IPPROTO_TCP),
            TCP_NODELAY,
            &isOn,
            socklen_t(MemoryLayout<Int32>.size)
        )
        #if canImport(Glibc)
            // A node's connections within a machine are not paced either.
            let unpaced = "reno"
            _ = setsockopt(
                descriptor,
                Int32(IPPROTO_TCP),
                TCP_CONGESTION,
                unpaced,
                socklen_t(unpaced.utf8.count)
            )
        #endif
    }

    deinit { _ = close(descriptor) }

    /// Listens on a port that the system chooses.
    static func listening() throws(Diagnostic) -> LoopbackSocket {
        let socket = LoopbackSocket(taking: try open())
        var address = loopback(port: 0)
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket.descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isBound, listen(socket.descriptor, 1) == 0 else { throw failure("listen") }
        return socket
    }

    /// Connects to a port of this machine.
    static func connected(to port: UInt16) throws(Diagnostic) -> LoopbackSocket {
        let socket = LoopbackSocket(taking: try open())
        var address = loopback(port: port)
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket.descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { throw failure("connect") }
        return socket
    }

    /// The port that a listening socket got.
    var port: UInt16 {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = getsockname(descriptor, $0, &size)
            }
        }
        return UInt16(bigEndian: address.sin_port)
    }

    /// The next connection.
    func accepted() throws(Diagnostic) -> LoopbackSocket {
        let end = BenchClock.seconds + Double(Self.patience)
        guard BenchPipe.waitForInput(descriptor, until: end) else { throw Self.failure("accept") }
        let accepted = accept(descriptor, nil, nil)
        guard accepted >= 0 else { throw Self.failure("accept") }
        return LoopbackSocket(taking: accepted)
    }

    /// Writes all of it.
    func write(_ block: Buffer, _ range: Range<Int>) throws(Diagnostic) {
        var rest = range
        while !rest.isEmpty {
            let memory = block.memory(rest)
            let count = send(descriptor, memory.baseAddress, memory.count, 0)
            guard count > 0 else { throw Self.failure("send") }
            rest = rest.lowerBound + count..<rest.upperBound
        }
    }

    /// Reads into the range: all of it with `isWhole`, else what is there; 0 at the end.
    func read(_ block: Buffer, _ range: Range<Int>, isWhole: Bool) throws(Diagnostic) -> Int {
        let memory = block.memory(range)
        let count = recv(descriptor, memory.baseAddress, memory.count, isWhole ? Int32(MSG_WAITALL) : 0)
        guard count >= 0 else { throw Self.failure("recv") }
        return count
    }

    /// Ends our direction.
    func closeWrite() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    private static func open() throws(Diagnostic) -> Int32 {
        #if canImport(Darwin)
            let kind = SOCK_STREAM
        #else
            let kind = Int32(SOCK_STREAM.rawValue)
        #endif
        let descriptor = socket(AF_INET, kind, 0)
        guard descriptor >= 0 else { throw failure("socket") }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return descriptor
    }

    private static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static func failure(_ call: String) -> Diagnostic {
        Diagnostic(
            code: "bench_failed",
            message: "the plain loopback socket fails: \(call): \(String(cString: strerror(errno))).",
            nextStep: ""
        )
    }
}
