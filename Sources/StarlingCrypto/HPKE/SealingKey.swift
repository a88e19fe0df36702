internal import CSodium
internal import StarlingCore

/// The public key that messages to a peer are sealed to: a point of Curve25519 and its number.
///
/// Converting an identity costs more than sealing a message, because the point is checked: keep the result for each
/// peer, or better the ``StaticAgreement`` with it.
///
/// Spec: RFC 9180, section 7.1.1 (the serialized public key of DHKEM(X25519, HKDF-SHA256)).
package struct SealingKey: Hashable, Sendable {
    /// The number of the key that is converted from a peer's identity; keys that rotate have numbers from 1 on.
    package static let convertedID: UInt32 = 0

    /// Which of the peer's keys it is.
    package let id: UInt32
    /// The point, 32 bytes.
    package let publicBytes: [UInt8]

    /// The key that `identity` converts to, number 0.
    ///
    /// - Throws: ``HPKEError/unsupportedIdentity(_:)`` for other kinds than Ed25519, and
    ///   ``HPKEError/invalidIdentity`` for points that no private key belongs to.
    package init(converting identity: PublicKey) throws(HPKEError) {
        guard identity.kind == .ed25519 else { throw .unsupportedIdentity(identity.kind) }
        guard CryptoLibrary.isStarted else { throw .invalidIdentity }
        var converted = [UInt8](repeating: 0, count: X25519Key.byteCount)
        // Refuses points that are not on the curve, of small order, or outside the prime-order subgroup.
        let code = unsafe crypto_sign_ed25519_pk_to_curve25519(&converted, identity.data)
        guard code == 0 else { throw .invalidIdentity }
        id = Self.convertedID
        publicBytes = converted
    }

    /// A key that its owner has announced under a number.
    ///
    /// Points of small order are found when the key is first used.
    package init(id: UInt32, publicBytes: Span<UInt8>) throws(HPKEError) {
        guard publicBytes.count == X25519Key.byteCount else { throw .wrongKeyLength }
        self.id = id
        self.publicBytes = publicBytes.array()
    }

    fileprivate init(id: UInt32, checked publicBytes: [UInt8]) {
        self.id = id
        self.publicBytes = publicBytes
    }
}

/// The private key that opens what was sealed to its ``SealingKey``, and that vouches for what its owner seals.
package final class OpeningKey: Sendable {
    /// The public half, for others.
    package let sealingKey: SealingKey

    let secret: X25519Key

    /// The key that `identity` converts to, number 0.
    package init(converting identity: IdentityKey) {
        secret = X25519Key(seed: identity.agreementSecret())
        sealingKey = SealingKey(id: SealingKey.convertedID, checked: secret.publicBytes)
    }

    /// A key of 32 random bytes, under a number of its own.
    ///
    /// - Precondition: there are 32.
    package init(id: UInt32, seed: consuming SecretBytes) {
        secret = X25519Key(seed: seed)
        sealingKey = SealingKey(id: id, checked: secret.publicBytes)
    }
}

extension OpeningKey: CustomStringConvertible, CustomReflectable {
    /// The number only: a private key is never printed.
    package var description: String { "opening key \(sealingKey.id)" }

    /// Shows nothing of the private half to debuggers and `dump`.
    package var customMirror: Mirror { Mirror(self, children: ["sealingKey": sealingKey]) }
}

/// What one's own key and a peer's key always agree on: the half of auth mode that no message changes.
///
/// It saves one of two multiplications for each message that is sealed or opened. It is as secret as the private
/// key is for this one peer, and is zeroed when the last owner lets go.
package final class StaticAgreement: Sendable {
    /// Whose side this is.
    package let own: OpeningKey
    /// The other side: the recipient when sealing, the sender when opening.
    package let peer: SealingKey

    let secret: SecretBytes

    /// - Throws: ``HPKEError/smallOrderPoint`` when the peer's key would make the secret known to everyone.
    package init(_ own: OpeningKey, _ peer: SealingKey) throws(HPKEError) {
        do throws(X25519Error) {
            secret = try own.secret.sharedSecret(with: peer.publicBytes.span)
        } catch {
            throw HPKEError(error)
        }
        self.own = own
        self.peer = peer
    }
}

extension StaticAgreement: CustomStringConvertible, CustomReflectable {
    /// The numbers of the keys only: what they agree on is never printed.
    package var description: String { "agreement of key \(own.sealingKey.id) with key \(peer.id)" }

    /// Shows nothing of the secret to debuggers and `dump`.
    package var customMirror: Mirror { Mirror(self, children: ["own": own, "peer": peer]) }
}
