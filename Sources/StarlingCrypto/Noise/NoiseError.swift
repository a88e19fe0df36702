package import StarlingCore

/// Why a Noise handshake or a record failed.
///
/// The connection is over in every case.
package enum NoiseError: Error, Equatable, Sendable {
    /// A handshake message is shorter than its keys and tags.
    case messageTooShort
    /// A handshake message is longer than ``NoiseHandshake/Limits/messageByteCountMax``.
    case messageTooLong
    /// A tag is wrong: the bytes were changed on the way, repeated, reordered, or made with other keys.
    case authenticationFailed
    /// The peer's Diffie-Hellman key would make the secret known to everyone.
    case invalidDiffieHellmanKey
    /// The handshake payload is not its protobuf message.
    case malformedPayload(ProtobufError)
    /// The identity key in the payload is not acceptable.
    case invalidIdentityKey(KeyError)
    /// The identity key did not sign the peer's Noise key.
    case invalidSignature
    /// The connection reached this peer in place of the expected one. Its signature is valid.
    case unexpectedPeer(PeerID)
    /// Both sides named multiplexers, none of them in common.
    case noCommonMuxer
    /// A message came, or the result was asked for, before its turn or after a failure.
    case outOfTurn
    /// The record's length is not the one that its header says, or too small for a tag.
    case malformedRecord
    /// All 2^64 - 1 nonces of a direction are used up.
    case nonceExhausted
    /// The cipher failed for want of memory, with libgcrypt's code.
    case cipherFailure(code: UInt32)

    init(_ error: CipherError) {
        switch error {
        case .authenticationFailed: self = .authenticationFailed
        case .gcryptFailure(let code): self = .cipherFailure(code: code)
        }
    }
}
