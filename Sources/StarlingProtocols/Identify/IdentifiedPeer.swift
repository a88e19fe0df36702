package import StarlingCore
package import StarlingCrypto

/// What a peer says of itself, checked against the identity that its connection was authenticated for.
package struct IdentifiedPeer: Equatable, Sendable {
    /// The peer of the connection.
    package let peerID: PeerID
    /// What it said.
    package let message: IdentifyMessage
    /// Its public key, where it sent one.
    package let publicKey: PublicKey?
    /// Its signed record, checked.
    ///
    /// `nil` when it sent none, or the one it sent is unacceptable.
    package let record: PeerRecord?
    /// Why the signed record was refused.
    ///
    /// The rest stands: an envelope of a kind that is newer than this code must not make a peer unknown.
    package let recordError: IdentifyError?

    /// Checks a message.
    ///
    /// - Parameters:
    ///   - message: What the peer said.
    ///   - peerID: The peer of the connection.
    /// - Throws: ``IdentifyError/invalidKey(_:)`` or ``IdentifyError/wrongPeer(_:)``: such a peer claims to
    ///   be someone else, and nothing that it says is taken.
    package init(_ message: IdentifyMessage, of peerID: PeerID) throws(IdentifyError) {
        self.peerID = peerID
        self.message = message
        publicKey = try message.publicKey.map { bytes throws(IdentifyError) in
            try Self.key(bytes, of: peerID)
        }
        var record: PeerRecord?
        var recordError: IdentifyError?
        if let envelope = message.signedPeerRecord {
            do {
                record = try Self.record(envelope, of: peerID)
            } catch {
                recordError = error
            }
        }
        self.record = record
        self.recordError = recordError
    }

    /// Where the peer listens: its signed record's word if there is one, else the unsigned list.
    package var addresses: [Multiaddr] { record?.addresses ?? message.listenAddresses }

    private static func key(_ bytes: [UInt8], of peerID: PeerID) throws(IdentifyError) -> PublicKey {
        let key: PublicKey
        do throws(KeyError) {
            key = try PublicKey(protobuf: bytes)
        } catch {
            throw .invalidKey(error)
        }
        guard key.peerID == peerID else { throw .wrongPeer(key.peerID) }
        return key
    }

    private static func record(_ envelope: [UInt8], of peerID: PeerID) throws(IdentifyError) -> PeerRecord {
        let record: PeerRecord
        do throws(PeerRecordError) {
            record = try PeerRecord(parsing: envelope)
        } catch {
            throw .invalidRecord(error)
        }
        guard record.peerID == peerID else { throw .recordOfOtherPeer(record.peerID) }
        return record
    }
}
