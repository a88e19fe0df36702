internal import StarlingWorld

// What can go wrong with files of messages.
extension NodeFailure {
    /// A file could not be taken, fetched or written out.
    package init(_ failure: BlobFailure) {
        self.init(failure.code, failure.what, nextStep: failure.nextStep)
    }

    /// The file of a message was not written out.
    package init(_ error: FileSaveError) {
        switch error {
        case .noMessage:
            self.init(
                .invalidRequest,
                "There is no such message in the inbox.",
                nextStep: "See what is there: starling inbox"
            )
        case .noFile:
            self.init(
                .invalidRequest,
                "The message has no file.",
                nextStep: "See which messages have one: starling inbox"
            )
        case .store(let error): self.init(.storeFailed, error.words.what, nextStep: error.words.nextStep)
        case .file(let failure): self.init(failure)
        }
    }
}

extension BlobFailure {
    fileprivate var code: NodeFailure.Code {
        switch self {
        case .store(.full), .store(.tooManyBlobs), .tooMany: .limitReached
        case .store(.noSpace), .store(.wrongChunk), .store(.wrongLeaves), .store(.other): .storeFailed
        case .store(.fileTooLarge): .tooLarge
        case .store(.fileNotFound), .store(.noFolder), .store(.isFolder), .store(.fileExists),
            .store(.notPermitted), .store(.fileChanged):
            .invalidRequest
        case .store(.closed), .cancelled: .stopping
        case .store, .unusableKey: .internal
        case .unreachable, .tunnel(.noRoute), .tunnel(.refused), .tunnel(.timedOut): .unreachable
        case .tunnel(.stopped): .stopping
        case .tunnel, .stream, .fetch: .peerFailed
        }
    }
}
