internal import StarlingMesh
internal import StarlingWorld

extension BlobFailure {
    /// What went wrong, in a sentence.
    package var what: String {
        switch self {
        case .store(let error): error.what
        case .unreachable: "The peer cannot be reached."
        case .tunnel(let error): error.what
        case .stream: "The stream to the peer failed."
        case .fetch(.refused(.unknown)): "The sender does not offer the file."
        case .fetch(.refused(.busy)): "The sender is busy with other files."
        case .fetch(.refused(.unreadable)): "The sender cannot read the file."
        case .fetch(.stalled): "Nothing came for too long."
        case .fetch(.ended): "The sender ended the transfer."
        case .fetch(.yielded): "Files of others have their turn."
        case .fetch: "The sender sent something else than the file."
        case .tooMany: "Too many files are on their way."
        case .unusableKey: "The file's key is of no use."
        case .cancelled: "It was cancelled."
        }
    }
}

extension BlobError {
    /// What went wrong, in a sentence.
    fileprivate var what: String {
        switch self {
        case .notFound: "The file is not here."
        case .full(let wanted, let left):
            "The file takes \(wanted) bytes, and the store of files has room for \(left)."
        case .tooManyBlobs: "The store holds as many files as it may."
        case .noSpace: "The disk is full."
        case .notPermitted(let path): "\(path) may not be read or written."
        case .fileNotFound(let path): "\(path) is not there."
        case .noFolder(let path): "There is no folder \(path)."
        case .isFolder(let path): "\(path) is a folder."
        case .fileExists(let path): "\(path) exists already."
        case .fileTooLarge: "The file is larger than 4 GiB."
        case .fileChanged(let path): "\(path) became shorter while it was read."
        case .wrongChunk: "A part of the file is not what it was when it was sent."
        case .wrongLeaves: "The list of the file's parts is not the sender's."
        case .incomplete: "The file is not here as a whole."
        case .wrongKey: "The key does not open the file."
        case .closed: "The node is stopping."
        case .other(let path, let name): "\(path): the system says \(name)."
        }
    }
}
