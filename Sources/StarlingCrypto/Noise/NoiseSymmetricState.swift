internal import CSodium
internal import StarlingCore

/// The keys that a handshake ends with, one for each direction.
struct NoiseKeys: ~Copyable {
    /// What the initiator sends with.
    let initiator: SecretBytes
    /// What the responder sends with.
    let responder: SecretBytes
}

/// The secrets of a handshake under way: chaining key, transcript hash, cipher key.
///
/// Handshake messages are small and few, so this encrypts with libsodium's one-shot calls, which need no context.
///
/// Spec: The Noise Protocol Framework r34, sections 5.1 and 5.2, with ChaChaPoly and SHA256.
struct NoiseSymmetricState: ~Copyable {
    static let hashByteCount = SHA256.byteCount
    static let tagByteCount = ChaChaPoly.tagByteCount

    /// Chaining key, transcript hash and cipher key, one behind the other.
    private var secrets: SecretBytes
    /// The next nonce; `nil` while there is no cipher key and everything goes in the clear.
    private var nonce: UInt64?

    /// Begins a transcript.
    ///
    /// - Precondition: the name has at most 32 bytes, else it would have to be hashed.
    init(protocolName: String, prologue: Span<UInt8>) {
        let name = Array(protocolName.utf8)
        precondition(name.count <= Self.hashByteCount)
        secrets = unsafe SecretBytes(byteCount: 3 * Self.hashByteCount) { memory in
            for (index, byte) in name.enumerated() {
                unsafe memory[index] = byte
                unsafe memory[Self.hashByteCount + index] = byte
            }
        }
        mixHash(prologue)
    }

    mutating func mixHash(_ bytes: Span<UInt8>) {
        unsafe secrets.withUnsafeMutableBytes { secrets in
            let hash = unsafe secrets + Self.hashByteCount
            unsafe bytes.withUnsafeBytes { bytes in
                unsafe SHA256.hash(
                    into: hash,
                    UnsafeRawBufferPointer(start: hash, count: Self.hashByteCount),
                    bytes
                )
            }
        }
    }

    mutating func mixKey(_ secret: borrowing SecretBytes) {
        let keys = secret.withSpan { derive(from: $0) }
        unsafe keys.withUnsafeBytes { keys in
            unsafe secrets.withUnsafeMutableBytes { secrets in
                unsafe secrets.update(from: keys, count: Self.hashByteCount)
                unsafe (secrets + 2 * Self.hashByteCount)
                    .update(from: keys + Self.hashByteCount, count: Self.hashByteCount)
            }
        }
        nonce = 0
    }

    /// Appends the ciphertext, or the plaintext while there is no key.
    mutating func encryptAndHash(_ plaintext: Span<UInt8>, appendingTo message: inout [UInt8]) {
        guard let nonce else {
            message += plaintext.array()
            return mixHash(plaintext)
        }
        let start = message.count
        message += [UInt8](repeating: 0, count: plaintext.count + Self.tagByteCount)
        unsafe message.withUnsafeMutableBufferPointer { message in
            unsafe plaintext.withUnsafeBufferPointer { plaintext in
                unsafe secrets.withUnsafeBytes { secrets in
                    unsafe CipherNonce(counter: nonce).withUnsafeBytes { nonce in
                        guard let output = message.baseAddress else { return }
                        _ = unsafe crypto_aead_chacha20poly1305_ietf_encrypt(
                            output + start,
                            nil,
                            plaintext.baseAddress,
                            UInt64(plaintext.count),
                            secrets + Self.hashByteCount,
                            UInt64(Self.hashByteCount),
                            nil,
                            nonce.assumingMemoryBound(to: UInt8.self),
                            secrets + 2 * Self.hashByteCount
                        )
                    }
                }
            }
        }
        self.nonce = nonce + 1
        mixHash(message.span.extracting(start..<message.count))
    }

    /// The plaintext of a part of a message.
    mutating func decryptAndHash(_ ciphertext: Span<UInt8>) throws(NoiseError) -> [UInt8] {
        guard let nonce else {
            mixHash(ciphertext)
            return ciphertext.array()
        }
        guard ciphertext.count >= Self.tagByteCount else { throw .messageTooShort }
        var plaintext = [UInt8](repeating: 0, count: ciphertext.count - Self.tagByteCount)
        let code = unsafe plaintext.withUnsafeMutableBufferPointer { plaintext in
            unsafe ciphertext.withUnsafeBufferPointer { ciphertext in
                unsafe secrets.withUnsafeBytes { secrets in
                    unsafe CipherNonce(counter: nonce).withUnsafeBytes { nonce -> Int32 in
                        guard let input = ciphertext.baseAddress else { return -1 }
                        return unsafe crypto_aead_chacha20poly1305_ietf_decrypt(
                            plaintext.baseAddress,
                            nil,
                            nil,
                            input,
                            UInt64(ciphertext.count),
                            secrets + Self.hashByteCount,
                            UInt64(Self.hashByteCount),
                            nonce.assumingMemoryBound(to: UInt8.self),
                            secrets + 2 * Self.hashByteCount
                        )
                    }
                }
            }
        }
        guard code == 0 else { throw .authenticationFailed }
        self.nonce = nonce + 1
        mixHash(ciphertext)
        return plaintext
    }

    /// The hash of everything said so far; after the handshake, a name for the channel.
    var transcriptHash: [UInt8] {
        secrets.withSpan { $0.array(Self.hashByteCount..<2 * Self.hashByteCount) }
    }

    /// The keys of both directions.
    borrowing func split() -> NoiseKeys {
        let nothing: [UInt8] = []
        let keys = derive(from: nothing.span)
        return keys.withSpan { keys in
            NoiseKeys(
                initiator: SecretBytes(copying: keys.extracting(0..<Self.hashByteCount)),
                responder: SecretBytes(copying: keys.extracting(Self.hashByteCount..<2 * Self.hashByteCount))
            )
        }
    }

    /// Noise's HKDF with two outputs, which is RFC 5869's with no info and 64 bytes.
    private borrowing func derive(from input: Span<UInt8>) -> SecretBytes {
        let nothing: [UInt8] = []
        return secrets.withSpan { secrets in
            HKDF.derive(
                from: input,
                salt: secrets.extracting(0..<Self.hashByteCount),
                info: nothing.span,
                byteCount: 2 * Self.hashByteCount
            )
        }
    }
}
