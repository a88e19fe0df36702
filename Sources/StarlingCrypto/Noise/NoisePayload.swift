package import StarlingCore

/// What the second and the third handshake message carry: who is speaking, the proof, and early data.
///
/// Spec: libp2p/specs noise r5, "The libp2p Handshake Payload".
package struct NoisePayload: Equatable, Sendable {
    /// The message `PublicKey`.
    package var identityKey: [UInt8]
    /// The signature of ``signed(_:)``.
    package var identitySignature: [UInt8]
    /// The multiplexers that the speaker offers, the preferred one first.
    package var muxers: [String] = []

    /// What the identity key signs to vouch for a Noise static key.
    static func signed(_ staticKey: [UInt8]) -> [UInt8] {
        Array("noise-libp2p-static-key:".utf8) + staticKey
    }

    /// Parses a payload.
    ///
    /// Unknown fields and unknown extensions are skipped.
    package init(parsing message: Span<UInt8>, _ limits: NoiseHandshake.Limits) throws(ProtobufError) {
        identityKey = []
        identitySignature = []
        var cursor = ProtobufCursor(message)
        while let field = try cursor.next(in: message) {
            switch field.number {
            case 1: identityKey = try field.bytes(in: message)
            case 2: identitySignature = try field.bytes(in: message)
            case 4: try parseExtensions(field.range(), in: message, limits)
            default: break
            }
        }
        guard !identityKey.isEmpty else { throw .missingField(fieldNumber: 1) }
        guard !identitySignature.isEmpty else { throw .missingField(fieldNumber: 2) }
    }

    private mutating func parseExtensions(
        _ range: Range<Int>,
        in message: Span<UInt8>,
        _ limits: NoiseHandshake.Limits
    ) throws(ProtobufError) {
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: message) {
            guard field.number == 2 else { continue }
            let range = try field.range()
            guard range.count <= limits.muxerByteCountMax else { throw .invalidValue(fieldNumber: 2) }
            guard muxers.count < limits.muxerCountMax else { throw .tooManyEntries(fieldNumber: 2) }
            muxers.append(try field.string(in: message))
        }
    }

    package init(identityKey: [UInt8], identitySignature: [UInt8], muxers: [String] = []) {
        self.identityKey = identityKey
        self.identitySignature = identitySignature
        self.muxers = muxers
    }

    package func encoded() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.bytes(1, identityKey)
        writer.bytes(2, identitySignature)
        if !muxers.isEmpty {
            writer.message(4) { extensions in
                for muxer in muxers { extensions.string(2, muxer) }
            }
        }
        return writer.bytes
    }
}
