internal import StarlingCommandLine
internal import StarlingWorld

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Holds a home folder for one node, so that no second one uses its key.
///
/// Ends with the process.
struct HomeLock: ~Copyable {
    private let descriptor: Int32

    /// - Throws: `already_running` where another process holds the folder.
    init(_ home: Home) throws(Diagnostic) {
        let descriptor = open(home.lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StoredIdentity.diagnostic(Self.error(errno, home.lockPath)) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            _ = close(descriptor)
            throw Diagnostic(
                code: "already_running",
                message: "a node is running in \(home.shown) already.",
                nextStep: "See it with: starling status\(home.flagText); or run another with its own --home."
            )
        }
        self.descriptor = descriptor
    }

    /// Returns when no process holds the folder, at once where none does.
    static func waitForRelease(_ home: Home) {
        let descriptor = open(home.lockPath, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        while flock(descriptor, LOCK_EX) != 0, errno == EINTR {}
        _ = close(descriptor)
    }

    /// Whether a process holds the folder.
    static func isHeld(_ home: Home) -> Bool {
        let descriptor = open(home.lockPath, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { _ = close(descriptor) }
        return flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }

    private static func error(_ code: Int32, _ path: String) -> FileError {
        switch code {
        case EACCES, EPERM: .notPermitted(path: path)
        case ENOSPC, EDQUOT: .noSpace(path: path)
        case EROFS: .readOnly(path: path)
        default: .other(path: path, name: String(cString: strerror(code)))
        }
    }

    deinit { _ = close(descriptor) }
}
