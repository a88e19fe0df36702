internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingCrypto
internal import StarlingIO
internal import StarlingNode
internal import StarlingWorld

/// The key in a home folder: libp2p's `PrivateKey` message, in a file that only its owner may read.
enum StoredIdentity {
    private static let byteCountMax = 1024

    /// Who a node with this home's key is; nil if there is no key.
    static func read(_ home: Home) throws(Diagnostic) -> NodeIdentity? {
        guard let key = try readKey(home) else { return nil }
        return NodeIdentity(
            peerID: key.peerID,
            name: nil,
            agentVersion: "starling/\(Version.number)",
            addresses: []
        )
    }

    /// The key, or nil if there is none.
    static func readKey(_ home: Home) throws(Diagnostic) -> IdentityKey? {
        let content: [UInt8]
        do throws(FileError) {
            content = try SystemFiles().read(home.keyPath, byteCountMax: byteCountMax, isSecret: true)
        } catch {
            if case .notFound = error { return nil }
            throw diagnostic(error)
        }
        do throws(KeyError) {
            return try IdentityKey(protobuf: content.span)
        } catch {
            throw Diagnostic(
                code: "invalid_key",
                message: "the key file \(home.keyPath) is damaged: \(error).",
                nextStep: "Restore it from a copy; or move it away, and the node takes a new identity."
            )
        }
    }

    /// The key, which is made where there is none: 32 random bytes of the system.
    static func readOrCreate(_ home: Home) throws(Diagnostic) -> IdentityKey {
        if let key = try readKey(home) { return key }
        let key: IdentityKey
        do throws(KeyError) {
            var seed = SystemRandom().bytes(count: IdentityKey.seedByteCount)
            key = try IdentityKey(wipingSeed: &seed)
        } catch {
            throw Diagnostic(code: "internal", message: "a key cannot be made: \(error).", nextStep: "")
        }
        do throws(FileError) {
            var content: [UInt8] = []
            key.protobuf().withSpan { content = $0.array() }
            defer { for index in content.indices { content[index] = 0 } }
            try SystemFiles().create(home.keyPath, content: content)
        } catch {
            throw diagnostic(error)
        }
        return key
    }

    static func diagnostic(_ error: FileError) -> Diagnostic {
        switch error {
        case .notFound(let path):
            Diagnostic(code: "not_found", message: "there is no file \(path).", nextStep: "")
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
                nextStep: "Make some."
            )
        case .other(let path, let name):
            Diagnostic(code: "system", message: "the system refused to use \(path): \(name).", nextStep: "")
        }
    }
}
