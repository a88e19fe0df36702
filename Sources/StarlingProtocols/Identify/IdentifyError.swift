package import StarlingCore
package import StarlingCrypto

/// Why what a peer says of itself is not accepted.
package enum IdentifyError: Error, Equatable, Sendable {
    /// The stream holds no message.
    case noMessage
    /// More messages than ``IdentifyMessage/Limits/messageCountMax``.
    case tooManyMessages
    /// A message is longer than ``IdentifyMessage/Limits/messageByteCountMax``, or the stream ended in one.
    case invalidFrame(VarintFrameError)
    /// A message is not the protobuf that the specification has.
    case malformedMessage(ProtobufError)
    /// The public key is not one.
    case invalidKey(KeyError)
    /// The public key is another peer's than the one that the connection was authenticated for.
    case wrongPeer(PeerID)
    /// The signed peer record does not parse, or its signature is wrong.
    case invalidRecord(PeerRecordError)
    /// The signed peer record is about another peer.
    case recordOfOtherPeer(PeerID)
}
