internal import CSodium
public import StarlingCore

/// The private key that a node is known by: Ed25519, with both halves in wiped memory.
///
/// Signing costs some 25 µs and touches nothing shared, so any thread may sign.
///
/// Spec: libp2p/specs `peer-ids/peer-ids.md` r2, "Ed25519"; RFC 8032.
public final class IdentityKey: Sendable {
    /// The size of the seed that makes a key.
    package static let seedByteCount = 32
    /// The size of a signature.
    package static let signatureByteCount = 64

    /// The other half.
    public let publicKey: PublicKey

    /// The name of whoever has this key.
    public let peerID: PeerID

    /// Seed, then public key, as the library wants it.
    private let secret: SecretBytes

    /// A key from 32 random bytes.
    package init(seed: borrowing SecretBytes) throws(KeyError) {
        guard seed.count == Self.seedByteCount else { throw .wrongLength }
        var publicBytes = [UInt8](repeating: 0, count: 32)
        secret = unsafe SecretBytes(byteCount: 64) { memory in
            unsafe seed.withUnsafeBytes { seed in
                guard let base = unsafe memory.bindMemory(to: UInt8.self).baseAddress else { return }
                _ = unsafe crypto_sign_ed25519_seed_keypair(&publicBytes, base, seed)
            }
        }
        publicKey = PublicKey(checked: .ed25519, data: publicBytes)
        peerID = publicKey.peerID
    }

    /// A key from 32 random bytes, such as `world.random.bytes(count: 32)`, which are zeroed.
    package convenience init(wipingSeed seed: inout [UInt8]) throws(KeyError) {
        guard !seed.isEmpty else { throw .wrongLength }
        try self.init(seed: SecretBytes(wiping: &seed))
    }

    /// A key from 32 random bytes; the caller's copy is not zeroed.
    package convenience init(seed: [UInt8]) throws(KeyError) {
        guard !seed.isEmpty else { throw .wrongLength }
        try self.init(seed: SecretBytes(copying: seed.span))
    }

    /// Parses the message `PrivateKey`, as key files hold it.
    ///
    /// The data is seed and public key, or the older form that repeats the public key. Halves that do not
    /// belong together are refused: signing with them would give the private half away.
    package convenience init(protobuf message: Span<UInt8>) throws(KeyError) {
        guard message.count <= PublicKey.protobufByteCountMax else { throw .tooLarge }
        let (type, range) = try KeyMessage.parse(message)
        guard type == UInt64(PublicKey.Kind.ed25519.rawValue) else { throw .unsupportedType(type) }
        guard range.count == 64 || range.count == 96 else { throw .wrongLength }
        let data = message.extracting(range)
        let publicHalf = data.extracting(32..<64)
        if data.count == 96 {
            guard data.extracting(64..<96).isEqual(to: publicHalf) else { throw .halvesDiffer }
        }
        try self.init(seed: SecretBytes(copying: data.extracting(0..<32)))
        guard publicKey.data.span.isEqual(to: publicHalf) else { throw .halvesDiffer }
    }

    /// The message `PrivateKey`, for the key file.
    package func protobuf() -> SecretBytes {
        let header: [UInt8] = [0x08, PublicKey.Kind.ed25519.rawValue, 0x12, 64]
        return unsafe SecretBytes(byteCount: header.count + 64) { memory in
            unsafe memory.copyBytes(from: header)
            secret.withSpan { secret in
                unsafe secret.withUnsafeBytes { secret in
                    unsafe UnsafeMutableRawBufferPointer(rebasing: memory[header.count...])
                        .copyMemory(from: secret)
                }
            }
        }
    }

    /// The signature of `message`, 64 bytes.
    package func sign(_ message: Span<UInt8>) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: Self.signatureByteCount)
        unsafe message.withUnsafeBufferPointer { message in
            unsafe secret.withUnsafeBytes { secret in
                _ = unsafe crypto_sign_ed25519_detached(
                    &signature,
                    nil,
                    message.baseAddress,
                    UInt64(message.count),
                    secret
                )
            }
        }
        return signature
    }

    /// The signature of `message`, 64 bytes.
    package func sign(_ message: [UInt8]) -> [UInt8] { sign(message.span) }

    /// The private key for Diffie-Hellman that belongs to this identity, 32 bytes.
    ///
    /// Its public half is the identity's, on the other form of the curve.
    ///
    /// Spec: RFC 7748, section 4.1; the private half is RFC 8032's, section 5.1.5, step 2.
    func agreementSecret() -> SecretBytes {
        unsafe SecretBytes(byteCount: X25519Key.byteCount) { memory in
            unsafe secret.withUnsafeBytes { secret in
                guard let base = unsafe memory.bindMemory(to: UInt8.self).baseAddress else { return }
                // Fails for no input: it hashes the seed.
                _ = unsafe crypto_sign_ed25519_sk_to_curve25519(base, secret)
            }
        }
    }
}

extension IdentityKey: CustomStringConvertible {
    /// The name only: a private key is never printed.
    public var description: String { "identity of \(peerID)" }
}

extension IdentityKey: CustomReflectable {
    /// Shows nothing of the private half to debuggers and `dump`.
    public var customMirror: Mirror { Mirror(self, children: ["peerID": peerID]) }
}
