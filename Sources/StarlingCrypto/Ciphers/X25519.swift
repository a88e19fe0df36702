internal import CSodium
internal import StarlingCore

/// Why two keys gave no shared secret.
package enum X25519Error: Error, Equatable, Sendable {
    /// The public key has not 32 bytes.
    case wrongLength
    /// The public key is a point of small order: the secret would be zero whatever the private key.
    case smallOrderPoint
}

/// A private key for Diffie-Hellman on Curve25519, and its public half.
///
/// Spec: RFC 7748, section 6.1.
package struct X25519Key: ~Copyable, Sendable {
    /// The size of both halves and of the shared secret.
    package static let byteCount = 32

    /// The half that the other side gets.
    package let publicBytes: [UInt8]

    private let secret: SecretBytes

    /// A key from 32 random bytes.
    ///
    /// - Precondition: there are 32.
    package init(seed: consuming SecretBytes) {
        precondition(seed.count == Self.byteCount && CryptoLibrary.isStarted)
        var publicBytes = [UInt8](repeating: 0, count: Self.byteCount)
        unsafe seed.withUnsafeBytes { secret in
            _ = unsafe crypto_scalarmult_curve25519_base(&publicBytes, secret)
        }
        self.publicBytes = publicBytes
        secret = seed
    }

    /// What both sides know after they exchanged their public halves.
    package borrowing func sharedSecret(with publicBytes: Span<UInt8>) throws(X25519Error) -> SecretBytes {
        guard publicBytes.count == Self.byteCount else { throw .wrongLength }
        return try unsafe SecretBytes(byteCount: Self.byteCount) { memory throws(X25519Error) in
            let code = unsafe publicBytes.withUnsafeBufferPointer { other in
                unsafe secret.withUnsafeBytes { secret -> Int32 in
                    guard let output = unsafe memory.bindMemory(to: UInt8.self).baseAddress,
                        let other = other.baseAddress
                    else { return -1 }
                    return unsafe crypto_scalarmult_curve25519(output, secret, other)
                }
            }
            // The library checks for the zero result itself.
            guard code == 0 else { throw .smallOrderPoint }
        }
    }
}
