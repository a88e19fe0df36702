internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingCrypto
internal import StarlingIO
internal import StarlingNode
internal import StarlingWorld

/// The key in a home folder: libp2p's `PrivateKey` message, in a file that only its owner may read.
enum StoredIdentity {
    /// Who a node with this home's key is; nil if there is no key.
    static func read(_ home: Home) throws(Diagnostic) -> NodeIdentity? {
        let key: IdentityKey?
        do throws(KeyFileError) { key = try file(home).read() } catch { throw diagnostic(error) }
        guard let key else { return nil }
        return NodeIdentity(
            peerID: key.peerID,
            name: nil,
            agentVersion: "starling/\(Version.number)",
            addresses: []
        )
    }

    /// The key, which is made where there is none.
    static func readOrCreate(_ home: Home) throws(Diagnostic) -> IdentityKey {
        do throws(KeyFileError) { return try file(home).readOrCreate() } catch { throw diagnostic(error) }
    }

    private static func file(_ home: Home) -> KeyFile {
        KeyFile(path: home.keyPath, files: SystemFiles(), random: SystemRandom())
    }

    private static func diagnostic(_ error: KeyFileError) -> Diagnostic {
        switch error {
        case .file(let error): diagnostic(error)
        case .damaged(let path, let error):
            Diagnostic(
                code: "invalid_key",
                message: "the key file \(path) is damaged: \(reason(error)).",
                nextStep: "Restore it from a copy; or move it away, and the node takes a new identity."
            )
        }
    }

    private static func reason(_ error: KeyError) -> String {
        switch error {
        case .unsupportedType: "its key is not an Ed25519 one"
        case .halvesDiffer: "the halves of its key do not belong together"
        case .wrongLength: "its key has the wrong length"
        case .malformedMessage, .notCanonical, .tooLarge, .malformedDER, .unsupportedParameters,
            .invalidPoint:
            "it does not hold libp2p's PrivateKey message"
        }
    }

    /// Why there is no home folder.
    static func folderDiagnostic(_ error: FileError) -> Diagnostic {
        switch error {
        case .notFound(let path):
            Diagnostic(
                code: "not_found",
                message: "the folder \(path) cannot be made there.",
                nextStep: "Check the path for what is no folder, or use another with --home."
            )
        case .alreadyExists, .notPermitted, .readableByOthers, .tooLarge, .noSpace, .readOnly, .isFolder,
            .other:
            diagnostic(error)
        }
    }

    static func diagnostic(_ error: FileError) -> Diagnostic {
        switch error {
        case .notFound(let path):
            Diagnostic(
                code: "not_found",
                message: "there is no file \(path).",
                nextStep: "Check the path, or use another folder with --home."
            )
        case .alreadyExists(let path):
            Diagnostic(code: "already_exists", message: "\(path) exists already.", nextStep: "Try again.")
        case .notPermitted(let path):
            Diagnostic(
                code: "not_permitted",
                message: "the system does not allow this user to use \(path).",
                nextStep: "Check its owner and mode, or use another folder with --home."
            )
        case .readableByOthers(let path):
            Diagnostic(
                code: "readable_by_others",
                message: "others may read the key file \(path), so it is no secret.",
                nextStep: "If nobody has: chmod 600 \(path)"
            )
        case .tooLarge(let path):
            Diagnostic(
                code: "too_large",
                message: "\(path) is too large for a key file.",
                nextStep: "Move it away."
            )
        case .noSpace(let path):
            Diagnostic(
                code: "no_space",
                message: "there is no space left to write \(path).",
                nextStep: "Make some, or use a folder on another disk with --home."
            )
        case .readOnly(let path):
            Diagnostic(
                code: "read_only",
                message: "\(path) is on a disk that is mounted read-only.",
                nextStep: "Mount it writable, or use a folder on another disk with --home."
            )
        case .isFolder(let path):
            Diagnostic(
                code: "is_folder",
                message: "\(path) is a folder, and no key file.",
                nextStep: "Move it away, or use another folder with --home."
            )
        case .other(let path, let name):
            Diagnostic(
                code: "system",
                message: "the system refused to use \(path): \(name).",
                nextStep: "Check what is there, or use another folder with --home."
            )
        }
    }
}
