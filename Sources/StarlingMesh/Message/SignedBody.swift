internal import StarlingCore
internal import StarlingCrypto

/// What receipts and settlements have in common: bytes, and a signature over them.
///
///     message Signed { bytes body = 1; bytes signature = 2; }
enum SignedBody {
    static func encode(_ body: [UInt8], _ signature: [UInt8]) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.reserveCapacity(body.count + signature.count + 8)
        writer.bytes(1, body)
        writer.bytes(2, signature)
        return writer.bytes
    }

    static func parse(_ message: Span<UInt8>) throws(ProtobufError) -> (body: [UInt8], signature: [UInt8]) {
        var (body, signature): ([UInt8]?, [UInt8]?) = (nil, nil)
        var cursor = ProtobufCursor(message)
        while let field = try cursor.next(in: message) {
            switch field.number {
            case 1: body = try field.bytes(in: message)
            case 2: signature = try field.bytes(in: message)
            default: break
            }
        }
        guard let body else { throw .missingField(fieldNumber: 1) }
        guard let signature else { throw .missingField(fieldNumber: 2) }
        return (body, signature)
    }

    static func verify(_ signature: [UInt8], over message: [UInt8], by signer: PeerID) throws(EnvelopeError) {
        guard let key = PublicKey(peerID: signer) else { throw .unsupportedSenderKey }
        guard key.verify(signature, over: message) else { throw .wrongSignature }
    }
}
