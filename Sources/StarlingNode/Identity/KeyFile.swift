internal import StarlingCore
package import StarlingCrypto
package import StarlingWorld

/// A node's identity on disk: libp2p's `PrivateKey` message, in a file that only its owner may read.
///
/// Spec: libp2p/specs `peer-ids/peer-ids.md`, "Keys".
package struct KeyFile: Sendable {
    /// The most bytes that a key file may have.
    private static let byteCountMax = 1024

    package let path: String
    private let files: any FileStore
    private let random: any RandomSource

    package init(path: String, files: any FileStore, random: any RandomSource) {
        self.path = path
        self.files = files
        self.random = random
    }

    /// The key; `nil` when there is no file.
    package func read() throws(KeyFileError) -> IdentityKey? {
        var content: [UInt8]
        do throws(FileError) {
            content = try files.read(path, byteCountMax: Self.byteCountMax, isSecret: true)
        } catch {
            if case .notFound = error { return nil }
            throw .file(error)
        }
        defer { SecretBytes.wipe(&content) }
        do throws(KeyError) { return try IdentityKey(protobuf: content.span) } catch {
            throw .damaged(path: path, error)
        }
    }

    /// The key, made where there is none: 32 random bytes, on disk before this returns.
    package func readOrCreate() throws(KeyFileError) -> IdentityKey {
        if let key = try read() { return key }
        let key: IdentityKey
        do throws(KeyError) {
            var seed = random.bytes(count: IdentityKey.seedByteCount)
            key = try IdentityKey(wipingSeed: &seed)
        } catch {
            throw .damaged(path: path, error)
        }
        var content: [UInt8] = []
        key.protobuf().withSpan { content = $0.array() }
        defer { SecretBytes.wipe(&content) }
        do throws(FileError) {
            try files.create(path, content: content)
        } catch {
            // Another process of the same home may have been faster; its key counts.
            if case .alreadyExists = error, let key = try read() { return key }
            throw .file(error)
        }
        return key
    }
}

/// Why a node's key cannot be had.
package enum KeyFileError: Error, Equatable, Sendable {
    case file(FileError)
    /// The file does not hold a key of this form.
    case damaged(path: String, KeyError)
}
