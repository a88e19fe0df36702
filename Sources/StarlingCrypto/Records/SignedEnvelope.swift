package import StarlingCore

/// Why bytes are not a signed envelope.
package enum SignedEnvelopeError: Error, Equatable, Sendable {
    /// Longer than ``SignedEnvelope/byteCountMax``.
    case tooLarge
    /// The bytes are not the protobuf message.
    case malformedMessage(ProtobufError)
    /// The signer's key is not acceptable.
    case invalidKey(KeyError)
    /// The key did not sign this payload, of this type, for this purpose.
    case invalidSignature
}

/// A payload with the key of its signer and the signature.
///
/// A value that was parsed has a valid signature: parsing and checking are one step, for one purpose. The
/// domain names the purpose and is part of what is signed, so that a signature made for one is
/// worthless for another.
///
/// Spec: libp2p/specs `RFC/0002-signed-envelopes.md`.
package struct SignedEnvelope: Hashable, Sendable {
    /// The largest envelope that is parsed: a record with some hundred addresses.
    ///
    /// Larger ones are refused, because they are kept and handed on.
    package static let byteCountMax = 16384

    /// The signer's key.
    package let publicKey: PublicKey
    /// What the payload is, as a multicodec's bytes.
    package let payloadType: [UInt8]
    /// What was signed.
    package let payload: [UInt8]
    /// The signature of domain, type and payload.
    package let signature: [UInt8]

    /// Signs `payload`.
    package init(
        signing payload: [UInt8],
        type payloadType: [UInt8],
        domain: String,
        with identity: IdentityKey
    ) {
        publicKey = identity.publicKey
        self.payloadType = payloadType
        self.payload = payload
        signature = identity.sign(Self.signed(domain: domain, type: payloadType, payload: payload))
    }

    /// Parses an envelope and checks its signature for the purpose that `domain` names.
    package init(parsing message: Span<UInt8>, domain: String) throws(SignedEnvelopeError) {
        guard message.count <= Self.byteCountMax else { throw .tooLarge }
        var key: [UInt8]?
        var payloadType: [UInt8] = []
        var payload: [UInt8] = []
        var signature: [UInt8] = []
        do throws(ProtobufError) {
            var cursor = ProtobufCursor(message)
            while let field = try cursor.next(in: message) {
                switch field.number {
                case 1: key = try field.bytes(in: message)
                case 2: payloadType = try field.bytes(in: message)
                case 3: payload = try field.bytes(in: message)
                case 5: signature = try field.bytes(in: message)
                default: break
                }
            }
            guard key != nil else { throw .missingField(fieldNumber: 1) }
        } catch {
            throw .malformedMessage(error)
        }
        do throws(KeyError) {
            publicKey = try PublicKey(protobuf: key ?? [])
        } catch {
            throw .invalidKey(error)
        }
        let signed = Self.signed(domain: domain, type: payloadType, payload: payload)
        guard publicKey.verify(signature, over: signed) else { throw .invalidSignature }
        self.payloadType = payloadType
        self.payload = payload
        self.signature = signature
    }

    /// Parses an envelope and checks its signature for the purpose that `domain` names.
    package init(parsing message: [UInt8], domain: String) throws(SignedEnvelopeError) {
        try self.init(parsing: message.span, domain: domain)
    }

    /// The name of the signer.
    package var signer: PeerID { publicKey.peerID }

    /// The message for the wire.
    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.bytes(1, publicKey.protobuf)
        writer.bytes(2, payloadType)
        writer.bytes(3, payload)
        writer.bytes(5, signature)
        return writer.bytes
    }

    /// What is signed: each part with its length before it, so that no byte can move from one to the next.
    private static func signed(domain: String, type: [UInt8], payload: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        for part in [Array(domain.utf8), type, payload] {
            Varint.append(UInt64(part.count), to: &bytes)
            bytes += part
        }
        return bytes
    }
}
