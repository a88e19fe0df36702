/// Why a blob could not be kept, read or given out.
package enum BlobError: Error, Equatable, Sendable {
    /// There is no such blob, or not all of it yet.
    case notFound
    /// The store's limit: this many bytes are wanted, and this many are left.
    case full(wantedByteCount: UInt64, leftByteCount: UInt64)
    /// The store holds as many blobs as it may.
    case tooManyBlobs
    /// The disk, or the user's share of it, is full.
    case noSpace
    /// The operating system does not allow a file to be read or written.
    case notPermitted(path: String)
    /// A file is not there.
    case fileNotFound(path: String)
    /// A folder is not there in which a file is to be made.
    case noFolder(path: String)
    /// A folder where a file is asked for.
    case isFolder(path: String)
    /// A file that is to be made exists.
    case fileExists(path: String)
    /// The file holds more than a blob may.
    case fileTooLarge(byteCount: UInt64)
    /// The file became shorter while it was read.
    case fileChanged(path: String)
    /// The chunk is not the one that the blob has there: what was handed in, or what the disk gave back.
    case wrongChunk(index: Int)
    /// The leaves do not lead to the blob's root.
    case wrongLeaves
    /// Chunks are missing.
    case incomplete(missingChunkCount: Int)
    /// The key does not open the blob.
    case wrongKey
    /// The store's loop has ended.
    case closed
    /// Anything else, by the system's own name for it, such as `EIO`.
    case other(path: String, name: String)

    init(_ error: FileError) {
        switch error {
        case .notFound(let path): self = .fileNotFound(path: path)
        case .isFolder(let path): self = .isFolder(path: path)
        case .alreadyExists(let path): self = .fileExists(path: path)
        case .notPermitted(let path), .readableByOthers(let path), .readOnly(let path):
            self = .notPermitted(path: path)
        case .tooLarge: self = .fileTooLarge(byteCount: 0)
        case .noSpace: self = .noSpace
        case .other(let path, let name): self = .other(path: path, name: name)
        }
    }

    /// What the user can do about it.
    package var nextStep: String {
        switch self {
        case .notFound: "Ask its sender for it again."
        case .full, .tooManyBlobs:
            "Save or discard files that were received, or wait until those being sent have arrived."
        case .noSpace: "Make room on the disk; what has arrived is kept, and the rest follows."
        case .notPermitted(let path): "Give this user access to \(path)."
        case .fileNotFound(let path): "Check the path \(path)."
        case .noFolder(let path): "Make \(path) first, or name another place."
        case .isFolder:
            "Name a file; a folder can be packed into one, for instance with tar."
        case .fileExists(let path): "Choose another name, or move \(path) away."
        case .fileTooLarge: "Cut the file into parts of at most 4 GiB."
        case .fileChanged(let path): "Send \(path) again when nothing writes to it."
        case .wrongChunk: "Check the disk; the chunk is fetched again from the sender."
        case .wrongLeaves, .wrongKey: "Ask the sender to send the file again."
        case .incomplete: "Wait until all of it has arrived."
        case .closed: "Start the node again."
        case .other(let path, let name): "Look up \(name) for \(path)."
        }
    }
}
