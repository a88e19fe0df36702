#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// A listening Unix socket that only its owner may connect to.
struct UnixListener {
    let descriptor: Int32
    private let path: String
    /// Tells our file from one that another process has put in its place since.
    private let inode: ino_t

    private static let backlog: Int32 = 64

    /// Binds `path` with mode 0600 and listens.
    ///
    /// A file that a dead process left behind is replaced.
    init(path: String) throws(HTTPServerError) {
        try Self.removeStale(path)
        let descriptor = try UnixSocket.open()
        do throws(HTTPServerError) {
            // Nobody can connect before listen(), so that there is no moment at which the mode is another.
            guard try UnixSocket.withAddress(path, { bind(descriptor, $0, $1) }) == 0 else {
                throw HTTPServerError.system(call: "bind", name: SystemError.name)
            }
            guard chmod(path, 0o600) == 0 else { throw .system(call: "chmod", name: SystemError.name) }
            var file = stat()
            guard lstat(path, &file) == 0 else { throw .system(call: "lstat", name: SystemError.name) }
            guard listen(descriptor, Self.backlog) == 0 else {
                throw .system(call: "listen", name: SystemError.name)
            }
            inode = file.st_ino
        } catch {
            _ = close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        self.path = path
    }

    /// Stops listening and removes the file, unless another has taken its place.
    func remove() {
        var file = stat()
        if lstat(path, &file) == 0, file.st_ino == inode { _ = unlink(path) }
        _ = close(descriptor)
    }

    private static func removeStale(_ path: String) throws(HTTPServerError) {
        var file = stat()
        guard lstat(path, &file) == 0 else {
            if errno == ENOENT { return }
            throw .system(call: "lstat", name: SystemError.name)
        }
        guard file.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path: path) }
        let descriptor = try UnixSocket.open()
        defer { _ = close(descriptor) }
        let isServed = try UnixSocket.withAddress(path) { connect(descriptor, $0, $1) } == 0
        if isServed { throw .alreadyServed(path: path) }
        guard errno == ECONNREFUSED else { throw .system(call: "connect", name: SystemError.name) }
        guard unlink(path) == 0 || errno == ENOENT else {
            throw .system(call: "unlink", name: SystemError.name)
        }
    }
}

/// The calls that both ends of a Unix socket make.
enum UnixSocket {
    /// How long a path may be: the system's field less its closing zero.
    static let pathByteCountMax = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    /// A fresh stream socket that child processes do not inherit.
    static func open() throws(HTTPServerError) -> Int32 {
        #if canImport(Darwin)
            let kind = SOCK_STREAM
        #else
            let kind = Int32(SOCK_STREAM.rawValue)
        #endif
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { throw .system(call: "socket", name: SystemError.name) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return descriptor
    }

    static func withAddress(
        _ path: String,
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws(HTTPServerError) -> Int32 {
        var address = sockaddr_un()
        let bytes = Array(path.utf8)
        guard bytes.count <= pathByteCountMax else {
            throw .pathTooLong(path: path, byteCountMax: pathByteCountMax)
        }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}

/// The operating system's own names of its errors.
enum SystemError {
    /// The name of `errno`: `EACCES` where we know it, else the number.
    static var name: String { name(of: errno) }

    static func name(of code: Int32) -> String {
        switch code {
        case EACCES: "EACCES"
        case EADDRINUSE: "EADDRINUSE"
        case ECONNREFUSED: "ECONNREFUSED"
        case ECONNRESET: "ECONNRESET"
        case EMFILE: "EMFILE"
        case ENFILE: "ENFILE"
        case ENOENT: "ENOENT"
        case ENOSPC: "ENOSPC"
        case ENOTDIR: "ENOTDIR"
        case EPERM: "EPERM"
        case EPIPE: "EPIPE"
        case EROFS: "EROFS"
        default: "errno \(code)"
        }
    }
}
