internal import StarlingCommandLine

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// A file for people to look at, which takes the place of an older one.
enum OutputFile {
    /// Sees whether a file can be written there, before the work that it is for, and leaves everything as it is.
    static func check(_ path: String) throws(Diagnostic) {
        let isThere = access(path, F_OK) == 0
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure(path) }
        _ = close(descriptor)
        if !isThere { _ = unlink(path) }
    }

    static func write(_ content: [UInt8], to path: String) throws(Diagnostic) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure(path) }
        defer { _ = close(descriptor) }
        var written = 0
        while written < content.count {
            let count = content.withUnsafeBytes { bytes in
                #if canImport(Glibc)
                    unsafe Glibc.write(
                        descriptor,
                        bytes.baseAddress.map { $0 + written },
                        bytes.count - written
                    )
                #elseif canImport(Musl)
                    unsafe Musl.write(
                        descriptor,
                        bytes.baseAddress.map { $0 + written },
                        bytes.count - written
                    )
                #else
                    unsafe Darwin.write(
                        descriptor,
                        bytes.baseAddress.map { $0 + written },
                        bytes.count - written
                    )
                #endif
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure(path) }
            written += count
        }
    }

    private static func failure(_ path: String) -> Diagnostic {
        Diagnostic(
            code: "output_failed",
            message: "\(path) cannot be written: \(String(cString: strerror(errno))).",
            nextStep: "Name a file where you may write, and where there is room."
        )
    }
}
