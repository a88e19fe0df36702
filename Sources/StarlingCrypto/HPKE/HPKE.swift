/// Hybrid public key encryption, one message at a time: whoever has a recipient's public key can seal to it.
///
/// The suite is DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.
///
///     let agreement = try StaticAgreement(OpeningKey(converting: mine), SealingKey(converting: theirs))
///     let sealed = try HPKE.seal(text.span, agreement, info: …, authenticating: header.span, ephemeralSeed: seed, cipher)
///
/// Auth mode proves to the recipient that the sender has its private key, to nobody else, and only as long as the
/// recipient's own private key is secret. Whoever gets that key later reads everything that was ever sealed to it.
///
/// Spec: RFC 9180, section 6.1.
package enum HPKE {
    /// The size of an encapsulated key.
    package static let encapsulatedKeyByteCount = X25519Key.byteCount
    /// By how much a sealed message is longer than its plaintext, both of its parts together.
    package static let overheadByteCount = encapsulatedKeyByteCount + ChaChaPoly.tagByteCount

    /// A sealed message.
    package struct Sealed: Equatable, Sendable {
        /// What the recipient finds the key with, 32 bytes.
        package let encapsulatedKey: [UInt8]
        /// The ciphertext and its tag.
        package let ciphertext: [UInt8]

        package init(encapsulatedKey: [UInt8], ciphertext: [UInt8]) {
            self.encapsulatedKey = encapsulatedKey
            self.ciphertext = ciphertext
        }
    }

    /// Seals to the agreement's peer, in the name of its owner (auth mode).
    ///
    /// - Parameters:
    ///   - plaintext: What only the recipient may read.
    ///   - agreement: The sender's key with the recipient's.
    ///   - info: What both sides know about this use, the same at the recipient.
    ///   - data: What goes along in the clear and may not be changed.
    ///   - ephemeralSeed: 32 random bytes that nothing else uses.
    ///   - cipher: The loop's.
    package static func seal(
        _ plaintext: Span<UInt8>,
        _ agreement: StaticAgreement,
        info: Span<UInt8>,
        authenticating data: Span<UInt8>,
        ephemeralSeed: consuming SecretBytes,
        _ cipher: ChaChaPoly
    ) throws(HPKEError) -> Sealed {
        var sender = try HPKESender(agreement, info: info, ephemeralSeed: ephemeralSeed)
        let ciphertext = try sender.seal(plaintext, authenticating: data, cipher)
        return Sealed(encapsulatedKey: sender.encapsulatedKey, ciphertext: ciphertext)
    }

    /// Opens what the agreement's peer sealed to its owner (auth mode).
    package static func open(
        _ sealed: Sealed,
        _ agreement: StaticAgreement,
        info: Span<UInt8>,
        authenticating data: Span<UInt8>,
        _ cipher: ChaChaPoly
    ) throws(HPKEError) -> [UInt8] {
        var recipient = try HPKERecipient(sealed.encapsulatedKey.span, agreement, info: info)
        return try recipient.open(sealed.ciphertext.span, authenticating: data, cipher)
    }

    /// Seals without a sender (base mode).
    ///
    /// - Parameters:
    ///   - plaintext: What only the recipient may read.
    ///   - recipient: Whose key opens it.
    ///   - info: What both sides know about this use, the same at the recipient.
    ///   - data: What goes along in the clear and may not be changed.
    ///   - ephemeralSeed: 32 random bytes that nothing else uses.
    ///   - cipher: The loop's.
    package static func seal(
        _ plaintext: Span<UInt8>,
        to recipient: SealingKey,
        info: Span<UInt8>,
        authenticating data: Span<UInt8>,
        ephemeralSeed: consuming SecretBytes,
        _ cipher: ChaChaPoly
    ) throws(HPKEError) -> Sealed {
        var sender = try HPKESender(to: recipient, info: info, ephemeralSeed: ephemeralSeed)
        let ciphertext = try sender.seal(plaintext, authenticating: data, cipher)
        return Sealed(encapsulatedKey: sender.encapsulatedKey, ciphertext: ciphertext)
    }

    /// Opens what somebody sealed to the owner of a key (base mode).
    package static func open(
        _ sealed: Sealed,
        with recipient: OpeningKey,
        info: Span<UInt8>,
        authenticating data: Span<UInt8>,
        _ cipher: ChaChaPoly
    ) throws(HPKEError) -> [UInt8] {
        var recipient = try HPKERecipient(sealed.encapsulatedKey.span, with: recipient, info: info)
        return try recipient.open(sealed.ciphertext.span, authenticating: data, cipher)
    }
}
