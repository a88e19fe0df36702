/// Why a file could not be read or written.
package enum FileError: Error, Equatable, Sendable {
    case notFound(path: String)
    case alreadyExists(path: String)
    /// The operating system does not allow it.
    case notPermitted(path: String)
    /// Others may read a file that only its owner should.
    case readableByOthers(path: String)
    /// The file is larger than the caller's limit.
    case tooLarge(path: String)
    /// The disk, or the user's share of it, is full.
    case noSpace(path: String)
    /// The file system is mounted read-only.
    case readOnly(path: String)
    /// It is a folder, and no file.
    case isFolder(path: String)
    /// Anything else, by the system's own name for it, such as `EIO`.
    case other(path: String, name: String)
}

/// Small files: keys and settings.
///
/// Blocks its caller; call it at start, not on a busy loop.
package protocol FileStore: Sendable {
    /// The content of a file of at most `byteCountMax` bytes.
    ///
    /// With `isSecret`, a file that group or others may read is refused.
    func read(_ path: String, byteCountMax: Int, isSecret: Bool) throws(FileError) -> [UInt8]

    /// Creates a file that only its owner may read, written to the disk before this returns. All or nothing.
    func create(_ path: String, content: [UInt8]) throws(FileError)

    /// Creates a folder that only its owner may enter, and its parents, where missing.
    func createFolder(_ path: String) throws(FileError)
}
