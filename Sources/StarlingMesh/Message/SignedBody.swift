internal import StarlingCore
internal import StarlingCrypto

/// What signed statements and lists have in common on the wire: bytes, a signature over them, and how far they have come.
///
///     message Signed { bytes body = 1; bytes signature = 2; uint32 hop_count = 8; }
struct SignedBody {
    let body: [UInt8]
    let signature: [UInt8]
    let hopCount: UInt32

    /// The longest signature of a key that a PeerID holds: one of secp256k1, in DER.
    static let signatureByteCountMax = 72

    static func encode(_ body: [UInt8], _ signature: [UInt8], hopCount: UInt32 = 0) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.reserveCapacity(body.count + signature.count + 14)
        writer.bytes(1, body)
        writer.bytes(2, signature)
        if hopCount > 0 { writer.varint(8, UInt64(hopCount)) }
        return writer.bytes
    }

    init(_ message: Span<UInt8>) throws(ProtobufError) {
        var (body, signature, hops): ([UInt8]?, [UInt8]?, UInt64) = (nil, nil, 0)
        var cursor = ProtobufCursor(message)
        while let field = try cursor.next(in: message) {
            switch field.number {
            case 1: body = try field.bytes(in: message)
            case 2: signature = try Self.readSignature(field, in: message)
            case 8: hops = try field.varint()
            default: break
            }
        }
        guard let body else { throw .missingField(fieldNumber: 1) }
        guard let signature else { throw .missingField(fieldNumber: 2) }
        guard let hops = UInt32(exactly: hops) else { throw .invalidValue(fieldNumber: 8) }
        (self.body, self.signature, hopCount) = (body, signature, hops)
    }

    /// A field with a signature, which is not longer than one can be.
    static func readSignature(
        _ field: ProtobufField,
        in message: Span<UInt8>
    ) throws(ProtobufError) -> [UInt8] {
        let range = try field.range()
        guard range.count <= signatureByteCountMax else { throw .invalidValue(fieldNumber: field.number) }
        return message.array(range)
    }

    static func verify(_ signature: [UInt8], over message: [UInt8], by signer: PeerID) throws(EnvelopeError) {
        guard let key = PublicKey(peerID: signer) else { throw .unsupportedSenderKey }
        guard key.verify(signature, over: message) else { throw .wrongSignature }
    }
}
