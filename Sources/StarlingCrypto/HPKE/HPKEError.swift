/// Why something was not sealed to a recipient, or not opened by one.
package enum HPKEError: Error, Equatable, Sendable {
    /// The identity is a key of this kind: only Ed25519 keys can be converted for Diffie-Hellman.
    case unsupportedIdentity(PublicKey.Kind)
    /// The identity's point is not on the curve, or lies in a small subgroup: nobody has its private half.
    case invalidIdentity
    /// A key for Diffie-Hellman has not 32 bytes.
    case wrongKeyLength
    /// A key is a point of small order, so that the secret would be zero and known to everyone.
    case smallOrderPoint
    /// The tag does not belong to the ciphertext: one of them was changed, or the recipient, the sender, the info
    /// or the authenticated data is another than at sealing.
    case authenticationFailed
    /// The context has used all its nonces: set up another one.
    case sequenceExhausted
    /// The cipher failed for want of memory, with libgcrypt's code.
    case cipherFailure(code: UInt32)

    init(_ error: CipherError) {
        switch error {
        case .authenticationFailed: self = .authenticationFailed
        case .gcryptFailure(let code): self = .cipherFailure(code: code)
        }
    }

    init(_ error: X25519Error) {
        switch error {
        case .wrongLength: self = .wrongKeyLength
        case .smallOrderPoint: self = .smallOrderPoint
        }
    }
}
