package import StarlingCore

/// A node's part in all its Noise handshakes: its static key, and its identity's signature of it.
///
/// Made once per process: the specification lets a node keep its static key, and that saves a
/// signature and a multiplication (some 50 µs) in each handshake.
package final class NoiseIdentity: Sendable {
    /// The name of the node.
    package let peerID: PeerID

    let staticKey: X25519Key
    let payload: NoisePayload

    /// Signs a fresh static key, made from 32 random bytes that nothing else uses.
    package init(_ identity: IdentityKey, staticSeed: consuming SecretBytes) {
        peerID = identity.peerID
        staticKey = X25519Key(seed: staticSeed)
        payload = NoisePayload(
            identityKey: identity.publicKey.protobuf,
            identitySignature: identity.sign(NoisePayload.signed(staticKey.publicBytes))
        )
    }

    /// Signs a fresh static key, made from 32 random bytes such as `world.random.bytes(count: 32)`, which are zeroed.
    ///
    /// - Precondition: there are 32.
    package convenience init(_ identity: IdentityKey, wipingStaticSeed seed: inout [UInt8]) {
        self.init(identity, staticSeed: SecretBytes(wiping: &seed))
    }
}
