package import StarlingCore

/// Why bytes are not a key that this module accepts.
package enum KeyError: Error, Equatable, Sendable {
    /// The outer message is not protobuf.
    case malformedMessage(ProtobufError)
    /// The message has other fields, another order or longer numbers than the one encoding that names a peer.
    case notCanonical
    /// A key type that libp2p does not define, or that is not accepted here.
    case unsupportedType(UInt64)
    /// The key is larger than ``PublicKey/protobufByteCountMax``.
    case tooLarge
    /// The key data has the wrong length for its type.
    case wrongLength
    /// The key data is not the DER structure that its type demands.
    case malformedDER
    /// An algorithm, curve or size inside the DER that is not accepted.
    case unsupportedParameters
    /// The point is not on its curve.
    case invalidPoint
    /// The public half of a private key does not belong to its private half.
    case halvesDiffer
}
