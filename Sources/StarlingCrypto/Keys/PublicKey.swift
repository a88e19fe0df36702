internal import CSodium
public import StarlingCore

/// The public half of an identity, and what its signatures are checked with.
///
/// Kept as the protobuf message that libp2p sends and hashes, so that a key always keeps its name.
///
/// Spec: libp2p/specs `peer-ids/peer-ids.md` r2, "Keys".
public struct PublicKey: Hashable, Sendable {
    /// The kinds of keys, by their number in the protobuf message.
    package enum Kind: UInt8, Hashable, Sendable {
        /// PKIX DER, 2048 to 8192 bits, signatures RSASSA-PKCS1-v1_5 over SHA2-256.
        case rsa = 0
        /// 32 bytes, signatures of RFC 8032.
        case ed25519 = 1
        /// A compressed point of 33 bytes, signatures in DER over SHA2-256.
        case secp256k1 = 2
        /// PKIX DER on P-256, P-384 or P-521, signatures in DER over SHA2-256.
        case ecdsa = 3
    }

    /// The largest message: an RSA key of 8192 bits needs about 1060 bytes.
    ///
    /// Larger ones are refused, because checking a signature takes time that grows with the square of the
    /// key.
    package static let protobufByteCountMax = 1200

    /// The smallest RSA modulus in bits, as go-libp2p has it; smaller ones can be factored.
    package static let rsaBitCountMin = 2048
    /// The largest RSA modulus in bits, as go-libp2p has it.
    package static let rsaBitCountMax = 8192

    /// The kind of key.
    package let kind: Kind

    /// The message `PublicKey`, in its one canonical encoding.
    package let protobuf: [UInt8]

    private let dataOffset: Int

    /// Parses the message `PublicKey`.
    ///
    /// Only the canonical encoding is accepted (type, then data, each number as short as it can be): another
    /// one would give a second name to the same key.
    package init(protobuf message: Span<UInt8>) throws(KeyError) {
        guard message.count <= Self.protobufByteCountMax else { throw .tooLarge }
        let (type, data) = try KeyMessage.parse(message)
        guard let kind = UInt8(exactly: type).flatMap(Kind.init(rawValue:)) else {
            throw .unsupportedType(type)
        }
        try self.init(kind: kind, data: message.extracting(data))
    }

    /// Parses the message `PublicKey`.
    package init(protobuf message: [UInt8]) throws(KeyError) {
        try self.init(protobuf: message.span)
    }

    /// A key from the content of the message's data field.
    package init(kind: Kind, data: Span<UInt8>) throws(KeyError) {
        switch kind {
        case .ed25519: guard data.count == 32 else { throw .wrongLength }
        case .secp256k1:
            guard data.count == 33 else { throw .wrongLength }
            guard EllipticCurve.secp256k1.uncompressed(data.array()) != nil else { throw .invalidPoint }
        case .rsa: _ = try RSAKey(data)
        case .ecdsa: _ = try ECDSAKey(data)
        }
        self.init(checked: kind, data: data.array())
        guard protobuf.count <= Self.protobufByteCountMax else { throw .tooLarge }
    }

    init(checked kind: Kind, data: [UInt8]) {
        self.kind = kind
        protobuf = KeyMessage.encode(type: UInt64(kind.rawValue), data: data)
        dataOffset = protobuf.count - data.count
    }

    /// The key that `peerID` holds, or `nil` when the name is a hash or what it holds is no key.
    package init?(peerID: PeerID) {
        guard let message = peerID.inlineKey, let key = try? PublicKey(protobuf: message.span) else {
            return nil
        }
        self = key
    }

    /// The content of the message's data field.
    package var data: [UInt8] { Array(protobuf[dataOffset...]) }

    /// The name of the peer that has this key.
    public var peerID: PeerID { PeerID(publicKey: self) }

    /// Whether `signature` is this key's over `message`.
    ///
    /// Never throws: what is malformed is not a signature.
    package func verify(_ signature: Span<UInt8>, over message: Span<UInt8>) -> Bool {
        switch kind {
        case .ed25519: verifyEd25519(signature, over: message)
        case .secp256k1:
            ECDSAKey(curve: .secp256k1, point: data).verify(signature, digest: SHA256.hash(message))
        case .rsa:
            (try? RSAKey(data.span))?.verify(signature, digest: SHA256.hash(message)) ?? false
        case .ecdsa:
            (try? ECDSAKey(data.span))?.verify(signature, digest: SHA256.hash(message)) ?? false
        }
    }

    /// Whether `signature` is this key's over `message`.
    package func verify(_ signature: [UInt8], over message: [UInt8]) -> Bool {
        verify(signature.span, over: message.span)
    }

    private func verifyEd25519(_ signature: Span<UInt8>, over message: Span<UInt8>) -> Bool {
        guard signature.count == Int(crypto_sign_ed25519_BYTES), CryptoLibrary.isStarted else { return false }
        return unsafe protobuf.withUnsafeBufferPointer { key in
            unsafe signature.withUnsafeBufferPointer { signature in
                unsafe message.withUnsafeBufferPointer { message in
                    guard let key = key.baseAddress, let signature = signature.baseAddress else {
                        return false
                    }
                    return unsafe crypto_sign_ed25519_verify_detached(
                        signature,
                        message.baseAddress,
                        UInt64(message.count),
                        key + dataOffset
                    ) == 0
                }
            }
        }
    }
}

extension PublicKey: CustomStringConvertible {
    /// The kind of key, and the PeerID that it makes.
    public var description: String { "\(kind) key of \(peerID)" }
}

extension PeerID {
    /// The name of the peer that has `publicKey`: short keys stand in it, longer ones as their hash.
    package init(publicKey: PublicKey) {
        let message = publicKey.protobuf
        let multihash =
            message.count <= Self.inlineKeyByteCountMax
            ? [0x00, UInt8(message.count)] + message
            : [0x12, UInt8(SHA256.byteCount)] + SHA256.hash(message)
        self.init(checkedMultihash: multihash)
    }
}
