package import StarlingCore
package import StarlingCrypto
package import StarlingWorld
internal import Synchronization

/// What messages are sealed and opened with: the node's own key, what it agrees on with the peers of late, and a cipher
/// for each loop.
///
/// An agreement costs as much as half a sealed message, so those in use are kept. Read on every loop: leaf data behind
/// a lock, which is not held while an agreement is computed.
package final class MessageKeys: Sendable {
    package struct Limits: Sendable {
        /// Agreements kept; the oldest is forgotten beyond it, and computed again when it is wanted.
        package var agreementCountMax = 1024

        package init() {}
    }

    private struct Kept {
        var agreements: [PeerID: StaticAgreement] = [:]
        var inOrder = RingQueue<PeerID>()
    }

    private let own: OpeningKey
    private let ciphers: [ObjectIdentifier: ChaChaPoly]
    private let anyCipher: ChaChaPoly
    private let limits: Limits
    private let kept = Mutex(Kept())

    package init(
        identity: IdentityKey,
        loops: [any EventLoop],
        limits: Limits = Limits()
    ) throws(CryptoError) {
        own = OpeningKey(converting: identity)
        anyCipher = try ChaChaPoly()
        var ciphers: [ObjectIdentifier: ChaChaPoly] = [:]
        for loop in loops { ciphers[ObjectIdentifier(loop)] = try ChaChaPoly() }
        self.ciphers = ciphers
        self.limits = limits
    }

    /// The cipher of a loop, which nobody else waits for.
    package func cipher(on loop: any EventLoop) -> ChaChaPoly { ciphers[ObjectIdentifier(loop)] ?? anyCipher }

    /// What this node and a peer agree on, by the keys that their identities convert to.
    ///
    /// - Throws: ``HPKEError`` for peers whose identity nothing can be sealed to, as RSA's and ECDSA's.
    package func agreement(with peer: PeerID) throws(HPKEError) -> StaticAgreement {
        if let agreement = kept.withLock({ $0.agreements[peer] }) { return agreement }
        guard let key = PublicKey(peerID: peer) else { throw .invalidIdentity }
        let agreement = try StaticAgreement(own, SealingKey(converting: key))
        kept.withLock { kept in
            guard kept.agreements.updateValue(agreement, forKey: peer) == nil else { return }
            kept.inOrder.append(peer)
            guard kept.inOrder.count > limits.agreementCountMax, let oldest = kept.inOrder.popFirst() else {
                return
            }
            kept.agreements[oldest] = nil
        }
        return agreement
    }
}
