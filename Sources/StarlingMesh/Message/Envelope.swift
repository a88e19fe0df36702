package import StarlingCore
package import StarlingCrypto

/// One message, signed by its sender, as it stands on the wire.
///
///     message Envelope { bytes header = 1; bytes payload = 2; bytes signature = 3; }
///
/// The header holds all that nobody on the way may change, the payload's hash among it, so that a relay or a
/// store can check a message without its payload. Field numbers from 8 on are kept for what relays
/// may change.
///
/// Spec: docs/specs/message.md, "Envelope".
package struct Envelope: Equatable, Sendable {
    /// What an envelope may hold, for whoever reads one from the wire.
    package struct Limits: Sendable {
        /// A larger payload is refused: it belongs into chunks.
        package var payloadByteCountMax = 1_048_576
        /// A longer type is refused.
        package var typeByteCountMax = 128

        package init() {}

        /// The most bytes that an envelope within these limits takes.
        package var envelopeByteCountMax: Int { payloadByteCountMax + typeByteCountMax + 512 }
    }

    /// What the sender signs.
    package struct Header: Equatable, Sendable {
        package var id: MessageID
        /// What the payload is, by name: `DATA_MESSAGE`, or an application's own type.
        package var type: String
        package var from: PeerID
        package var to: PeerID
        package var created: WallTime
        /// SHA-256 of the payload.
        package var payloadHash: [UInt8]

        package init(
            id: MessageID,
            type: String,
            from: PeerID,
            to: PeerID,
            created: WallTime,
            payloadHash: [UInt8]
        ) {
            self.id = id
            self.type = type
            self.from = from
            self.to = to
            self.created = created
            self.payloadHash = payloadHash
        }
    }

    package let header: Header
    package let payload: [UInt8]
    /// The header as it was signed: unknown fields of later versions stay in it.
    package let headerBytes: [UInt8]
    package let signature: [UInt8]

    /// Put before the header when it is signed, so that no signature of another kind passes for one of this kind.
    private static let signatureDomain = Array("starling-message-1:".utf8)

    /// Signs a message.
    ///
    /// - Throws: ``EnvelopeError`` when a limit says no.
    package init(
        id: MessageID,
        type: String,
        to recipient: PeerID,
        created: WallTime,
        payload: [UInt8],
        from sender: IdentityKey,
        limits: Limits = Limits()
    ) throws(EnvelopeError) {
        try Self.check(type: type, payloadByteCount: payload.count, limits)
        let header = Header(
            id: id,
            type: type,
            from: sender.peerID,
            to: recipient,
            created: created,
            payloadHash: SHA256.hash(payload)
        )
        self.header = header
        self.payload = payload
        headerBytes = header.encoded
        signature = sender.sign(Self.signatureDomain + headerBytes)
    }

    /// Reads an envelope and checks its form, its payload's hash and its sender's signature.
    package init(
        verifying message: Span<UInt8>,
        limits: Limits = Limits()
    ) throws(EnvelopeError) {
        var (headerBytes, payload, signature): ([UInt8]?, [UInt8], [UInt8]?) = (nil, [], nil)
        do throws(ProtobufError) {
            var cursor = ProtobufCursor(message)
            while let field = try cursor.next(in: message) {
                switch field.number {
                case 1: headerBytes = try field.bytes(in: message)
                case 2: payload = try field.bytes(in: message)
                case 3: signature = try field.bytes(in: message)
                default: break
                }
            }
        } catch {
            throw .malformed(error)
        }
        guard let headerBytes else { throw .malformed(.missingField(fieldNumber: 1)) }
        guard let signature else { throw .malformed(.missingField(fieldNumber: 3)) }
        let header = try Header(headerBytes.span)
        try Self.check(type: header.type, payloadByteCount: payload.count, limits)
        guard SHA256.hash(payload) == header.payloadHash else { throw .payloadHashDiffers }
        guard let key = PublicKey(peerID: header.from) else { throw .unsupportedSenderKey }
        guard key.verify(signature, over: Self.signatureDomain + headerBytes) else { throw .wrongSignature }
        self.header = header
        self.payload = payload
        self.headerBytes = headerBytes
        self.signature = signature
    }

    /// The envelope in its wire form.
    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        writer.bytes(1, headerBytes)
        if !payload.isEmpty { writer.bytes(2, payload) }
        writer.bytes(3, signature)
        return writer.bytes
    }

    private static func check(type: String, payloadByteCount: Int, _ limits: Limits) throws(EnvelopeError) {
        guard !type.isEmpty else { throw .malformed(.invalidValue(fieldNumber: 2)) }
        guard type.utf8.count <= limits.typeByteCountMax else { throw .typeTooLong }
        guard payloadByteCount <= limits.payloadByteCountMax else {
            throw .payloadTooLarge(byteCountMax: limits.payloadByteCountMax)
        }
    }
}

extension Envelope.Header {
    /// The header in its wire form, which is what is signed.
    var encoded: [UInt8] {
        var writer = ProtobufWriter()
        writer.bytes(1, id.bytes)
        writer.string(2, type)
        writer.bytes(3, from.multihash)
        writer.bytes(4, to.multihash)
        writer.varint(5, UInt64(clamping: created.millisecondsSince1970))
        writer.bytes(6, payloadHash)
        return writer.bytes
    }

    init(_ bytes: Span<UInt8>) throws(EnvelopeError) {
        var (id, type, from, to): (MessageID?, String?, PeerID?, PeerID?) = (nil, nil, nil, nil)
        var (created, payloadHash): (WallTime?, [UInt8]?) = (nil, nil)
        do throws(ProtobufError) {
            var cursor = ProtobufCursor(bytes)
            while let field = try cursor.next(in: bytes) {
                switch field.number {
                case 1: id = MessageID(bytes: try field.bytes(in: bytes))
                case 2: type = try field.string(in: bytes)
                case 3: from = try? PeerID(multihash: try field.bytes(in: bytes))
                case 4: to = try? PeerID(multihash: try field.bytes(in: bytes))
                case 5: created = WallTime(millisecondsSince1970: Int64(clamping: try field.varint()))
                case 6: payloadHash = try field.bytes(in: bytes)
                default: break
                }
            }
        } catch {
            throw .malformed(error)
        }
        guard let id else { throw .malformed(.missingField(fieldNumber: 1)) }
        guard let type else { throw .malformed(.missingField(fieldNumber: 2)) }
        guard let from else { throw .malformed(.missingField(fieldNumber: 3)) }
        guard let to else { throw .malformed(.missingField(fieldNumber: 4)) }
        guard let created else { throw .malformed(.missingField(fieldNumber: 5)) }
        guard let payloadHash, payloadHash.count == SHA256.byteCount else {
            throw .malformed(.missingField(fieldNumber: 6))
        }
        self.init(id: id, type: type, from: from, to: to, created: created, payloadHash: payloadHash)
    }
}

/// Why an envelope or a receipt is not taken.
package enum EnvelopeError: Error, Equatable, Sendable {
    /// It is not a message of its form; the field is missing, or is something else.
    case malformed(ProtobufError)
    /// The payload is larger than the recipient takes in one message.
    case payloadTooLarge(byteCountMax: Int)
    /// The type's name is longer than ``Envelope/Limits/typeByteCountMax``.
    case typeTooLong
    /// The payload is not the one that the sender signed.
    case payloadHashDiffers
    /// The signature is not the sender's.
    case wrongSignature
    /// The sender's PeerID does not hold its key, as those of RSA and ECDSA peers do not.
    case unsupportedSenderKey
}
