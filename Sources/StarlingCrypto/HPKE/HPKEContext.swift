internal import StarlingCore

/// How the two sides know each other.
enum HPKEMode: UInt8, Sendable {
    /// Only the recipient is known.
    case base = 0
    /// The sender proves that it has its private key.
    case auth = 2
}

/// What both sides of a setup share: the cipher's key, its nonces in order, and the secret for exports.
///
/// Spec: RFC 9180, sections 5.1 (without pre-shared keys), 5.2 and 5.3.
struct HPKEContext: ~Copyable {
    let key: SecretBytes
    let firstNonce: CipherNonce
    let exporterSecret: SecretBytes
    /// The number of the next message.
    var sequence: UInt64 = 0

    /// The key schedule.
    init(mode: HPKEMode, sharedSecret: borrowing SecretBytes, info: Span<UInt8>) {
        let labeled = LabeledHKDF.hpke
        let nothing: [UInt8] = []
        var context = [mode.rawValue]
        labeled.extract(salt: nothing.span, "psk_id_hash", from: nothing.span).withSpan {
            $0.append(to: &context)
        }
        labeled.extract(salt: nothing.span, "info_hash", from: info).withSpan { $0.append(to: &context) }
        let secret = sharedSecret.withSpan { labeled.extract(salt: $0, "secret", from: nothing.span) }
        key = labeled.expand(secret, "key", info: context.span, byteCount: ChaChaPoly.keyByteCount)
        firstNonce = labeled.expand(
            secret,
            "base_nonce",
            info: context.span,
            byteCount: CipherNonce.byteCount
        )
        .withSpan { CipherNonce(bytes: $0) }
        exporterSecret = labeled.expand(secret, "exp", info: context.span, byteCount: SHA256.byteCount)
    }

    /// The nonce of the next message: the number stands with its high byte first.
    func nonce() throws(HPKEError) -> CipherNonce {
        guard sequence < .max else { throw .sequenceExhausted }
        return CipherNonce(prefix: firstNonce.prefix, counter: firstNonce.counter ^ sequence.byteSwapped)
    }

    /// Goes on to the next message.
    mutating func advance() { sequence += 1 }

    mutating func seal(
        _ plaintext: Span<UInt8>,
        authenticating data: Span<UInt8>,
        _ cipher: ChaChaPoly
    ) throws(HPKEError) -> [UInt8] {
        let nonce = try nonce()
        let sealed: [UInt8]
        do throws(CipherError) {
            sealed = try cipher.seal(plaintext, key: key, nonce: nonce, authenticating: data)
        } catch {
            throw HPKEError(error)
        }
        advance()
        return sealed
    }

    mutating func open(
        _ ciphertext: Span<UInt8>,
        authenticating data: Span<UInt8>,
        _ cipher: ChaChaPoly
    ) throws(HPKEError) -> [UInt8] {
        let nonce = try nonce()
        let plaintext: [UInt8]
        do throws(CipherError) {
            plaintext = try cipher.open(ciphertext, key: key, nonce: nonce, authenticating: data)
        } catch {
            throw HPKEError(error)
        }
        advance()
        return plaintext
    }

    func exportSecret(_ context: Span<UInt8>, byteCount: Int) -> SecretBytes {
        LabeledHKDF.hpke.expand(exporterSecret, "sec", info: context, byteCount: byteCount)
    }
}

extension CipherNonce {
    /// The nonce that stands in 12 bytes.
    fileprivate init(bytes: Span<UInt8>) {
        var (prefix, counter): (UInt32, UInt64) = (0, 0)
        for index in 0..<4 { prefix |= UInt32(bytes[index]) << UInt32(8 * index) }
        for index in 0..<8 { counter |= UInt64(bytes[4 + index]) << UInt64(8 * index) }
        self.init(prefix: prefix, counter: counter)
    }
}

/// The sealing side of one HPKE setup, for a sequence of messages to one recipient.
///
/// Spec: RFC 9180, sections 5.1.1 and 5.1.3.
package struct HPKESender: ~Copyable {
    /// What the recipient needs to set up its side, 32 bytes; it is not secret.
    package let encapsulatedKey: [UInt8]

    var context: HPKEContext

    /// Base mode: the recipient learns nothing about who seals.
    ///
    /// - Parameters:
    ///   - recipient: Whose key opens the messages.
    ///   - info: What both sides know about this use, the same at the recipient.
    ///   - ephemeralSeed: 32 random bytes that nothing else uses.
    /// - Throws: ``HPKEError/smallOrderPoint`` when the recipient's key would make the secret known to everyone.
    package init(
        to recipient: SealingKey,
        info: Span<UInt8>,
        ephemeralSeed: consuming SecretBytes
    ) throws(HPKEError) {
        let encapsulation = try DHKEM.encapsulate(to: recipient, ephemeralSeed: ephemeralSeed)
        encapsulatedKey = encapsulation.encapsulatedKey
        context = HPKEContext(mode: .base, sharedSecret: encapsulation.sharedSecret, info: info)
    }

    /// Auth mode: the recipient knows that the agreement's owner seals.
    ///
    /// - Parameters:
    ///   - agreement: The sender's key with the recipient's.
    ///   - info: What both sides know about this use, the same at the recipient.
    ///   - ephemeralSeed: 32 random bytes that nothing else uses.
    /// - Throws: ``HPKEError/smallOrderPoint`` when the recipient's key would make the secret known to everyone.
    package init(
        _ agreement: StaticAgreement,
        info: Span<UInt8>,
        ephemeralSeed: consuming SecretBytes
    ) throws(HPKEError) {
        let encapsulation = try DHKEM.encapsulate(agreement, ephemeralSeed: ephemeralSeed)
        encapsulatedKey = encapsulation.encapsulatedKey
        context = HPKEContext(mode: .auth, sharedSecret: encapsulation.sharedSecret, info: info)
    }

    /// The ciphertext of the next message, 16 bytes longer than the plaintext; `data` is authenticated with it.
    package mutating func seal(
        _ plaintext: Span<UInt8>,
        authenticating data: Span<UInt8>,
        _ cipher: ChaChaPoly
    ) throws(HPKEError) -> [UInt8] {
        try context.seal(plaintext, authenticating: data, cipher)
    }

    /// A secret that the recipient can export too, for the purpose that `purpose` names.
    ///
    /// - Precondition: `byteCount` is between 1 and ``HKDF/byteCountMax``.
    package borrowing func exportSecret(_ purpose: Span<UInt8>, byteCount: Int) -> SecretBytes {
        context.exportSecret(purpose, byteCount: byteCount)
    }
}

/// The opening side of one HPKE setup; messages are opened in the order in which they were sealed.
///
/// Spec: RFC 9180, sections 5.1.1 and 5.1.3.
package struct HPKERecipient: ~Copyable {
    var context: HPKEContext

    /// Base mode: nothing says who sealed.
    ///
    /// - Throws: ``HPKEError/wrongKeyLength`` and ``HPKEError/smallOrderPoint`` for an encapsulated key that is none.
    package init(
        _ encapsulatedKey: Span<UInt8>,
        with recipient: OpeningKey,
        info: Span<UInt8>
    ) throws(HPKEError) {
        let secret = try DHKEM.decapsulate(encapsulatedKey, with: recipient)
        context = HPKEContext(mode: .base, sharedSecret: secret, info: info)
    }

    /// Auth mode: what opens was sealed by the agreement's peer, or by someone who has the recipient's private key.
    ///
    /// - Throws: ``HPKEError/wrongKeyLength`` and ``HPKEError/smallOrderPoint`` for an encapsulated key that is none.
    package init(
        _ encapsulatedKey: Span<UInt8>,
        _ agreement: StaticAgreement,
        info: Span<UInt8>
    ) throws(HPKEError) {
        let secret = try DHKEM.decapsulate(encapsulatedKey, agreement)
        context = HPKEContext(mode: .auth, sharedSecret: secret, info: info)
    }

    /// The plaintext of the next message.
    ///
    /// After an error the same message is still the next one.
    package mutating func open(
        _ ciphertext: Span<UInt8>,
        authenticating data: Span<UInt8>,
        _ cipher: ChaChaPoly
    ) throws(HPKEError) -> [UInt8] {
        try context.open(ciphertext, authenticating: data, cipher)
    }

    /// A secret that the sender can export too, for the purpose that `purpose` names.
    ///
    /// - Precondition: `byteCount` is between 1 and ``HKDF/byteCountMax``.
    package borrowing func exportSecret(_ purpose: Span<UInt8>, byteCount: Int) -> SecretBytes {
        context.exportSecret(purpose, byteCount: byteCount)
    }
}
