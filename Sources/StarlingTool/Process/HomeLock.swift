internal import StarlingCommandLine

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
        guard descriptor >= 0 else {
            throw Diagnostic(
                code: "not_permitted",
                message: "\(home.lockPath) cannot be opened.",
                nextStep: "Check the folder's owner and mode, or use another with --home."
            )
        }
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

    deinit { _ = close(descriptor) }
}
