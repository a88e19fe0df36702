internal import StarlingCore

/// DHKEM(X25519, HKDF-SHA256): a fresh secret between a sender and the owner of a public key.
///
/// Spec: RFC 9180, section 4.1; in the names of its functions, "Auth" is what has a ``StaticAgreement`` here.
enum DHKEM {
    /// A secret, and what the recipient needs to find it.
    struct Encapsulation: ~Copyable {
        let sharedSecret: SecretBytes
        /// The public half of the ephemeral key.
        let encapsulatedKey: [UInt8]
    }

    /// The key pair that random bytes stand for: `DeriveKeyPair`.
    ///
    /// - Precondition: there are at least 32.
    static func keyPair(from seed: borrowing SecretBytes) -> X25519Key {
        precondition(seed.count >= X25519Key.byteCount)
        let nothing: [UInt8] = []
        let key = seed.withSpan { LabeledHKDF.kem.extract(salt: nothing.span, "dkp_prk", from: $0) }
        let secret = LabeledHKDF.kem.expand(key, "sk", info: nothing.span, byteCount: X25519Key.byteCount)
        return X25519Key(seed: secret)
    }

    /// `Encap`: anyone may have made the secret.
    static func encapsulate(
        to recipient: SealingKey,
        ephemeralSeed: consuming SecretBytes
    ) throws(HPKEError) -> Encapsulation {
        let ephemeral = keyPair(from: ephemeralSeed)
        let fresh = try agree(ephemeral, recipient.publicBytes.span)
        let encapsulatedKey = ephemeral.publicBytes
        let secret = extractAndExpand(fresh, context: encapsulatedKey + recipient.publicBytes)
        return Encapsulation(sharedSecret: secret, encapsulatedKey: encapsulatedKey)
    }

    /// `AuthEncap`: the agreement's owner made it for the agreement's peer.
    static func encapsulate(
        _ agreement: StaticAgreement,
        ephemeralSeed: consuming SecretBytes
    ) throws(HPKEError) -> Encapsulation {
        let (recipient, sender) = (agreement.peer.publicBytes, agreement.own.sealingKey.publicBytes)
        let ephemeral = keyPair(from: ephemeralSeed)
        let fresh = try agree(ephemeral, recipient.span)
        let encapsulatedKey = ephemeral.publicBytes
        let secret = extractAndExpand(
            joined(fresh, agreement.secret),
            context: encapsulatedKey + recipient + sender
        )
        return Encapsulation(sharedSecret: secret, encapsulatedKey: encapsulatedKey)
    }

    /// `Decap`.
    static func decapsulate(
        _ encapsulatedKey: Span<UInt8>,
        with recipient: OpeningKey
    ) throws(HPKEError) -> SecretBytes {
        let fresh = try agree(recipient.secret, encapsulatedKey)
        return extractAndExpand(fresh, context: encapsulatedKey.array() + recipient.sealingKey.publicBytes)
    }

    /// `AuthDecap`: the agreement's peer made it for the agreement's owner.
    static func decapsulate(
        _ encapsulatedKey: Span<UInt8>,
        _ agreement: StaticAgreement
    ) throws(HPKEError) -> SecretBytes {
        let (recipient, sender) = (agreement.own.sealingKey.publicBytes, agreement.peer.publicBytes)
        let fresh = try agree(agreement.own.secret, encapsulatedKey)
        return extractAndExpand(
            joined(fresh, agreement.secret),
            context: encapsulatedKey.array() + recipient + sender
        )
    }

    private static func agree(
        _ own: borrowing X25519Key,
        _ other: Span<UInt8>
    ) throws(HPKEError) -> SecretBytes {
        do throws(X25519Error) {
            return try own.sharedSecret(with: other)
        } catch {
            throw HPKEError(error)
        }
    }

    private static func joined(
        _ first: borrowing SecretBytes,
        _ second: borrowing SecretBytes
    ) -> SecretBytes {
        let count = first.count
        return unsafe SecretBytes(byteCount: count + second.count) { memory in
            unsafe first.withUnsafeBytes { first in
                unsafe memory.copyMemory(from: UnsafeRawBufferPointer(start: first, count: count))
            }
            unsafe second.withUnsafeBytes { second in
                let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[count...])
                unsafe rest.copyMemory(from: UnsafeRawBufferPointer(start: second, count: rest.count))
            }
        }
    }

    private static func extractAndExpand(_ agreed: borrowing SecretBytes, context: [UInt8]) -> SecretBytes {
        let nothing: [UInt8] = []
        let key = agreed.withSpan { LabeledHKDF.kem.extract(salt: nothing.span, "eae_prk", from: $0) }
        return LabeledHKDF.kem.expand(
            key,
            "shared_secret",
            info: context.span,
            byteCount: SHA256.byteCount
        )
    }
}
