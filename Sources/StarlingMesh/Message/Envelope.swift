package import StarlingCore
package import StarlingCrypto

/// One message, signed by its sender, as it stands on the wire.
///
///     message Envelope { bytes header = 1; bytes body = 2; bytes signature = 3; uint32 hop_count = 8;
///                        repeated Hop path = 9; }
///
/// The signature covers the header and the body's hash, so that a relay can check a message, and a recipient can check
/// one whose body is still on its way. The body is the ``MessageContent``, or what it is sealed into. From field 8
/// on stands what those who carry the message may change.
///
/// Spec: docs/specs/message.md, "Envelope".
package struct Envelope: Equatable, Sendable {
    /// What an envelope may hold, for whoever reads one from the wire.
    package struct Limits: Sendable {
        /// A larger body is refused: what it carries belongs into chunks.
        ///
        /// It holds a payload of 1 MiB with everything around it.
        package var bodyByteCountMax = 1_048_576 + MessageContent.Limits().overheadByteCountMax + 48

        package init() {}

        /// The most bytes that an envelope within these limits takes.
        package var envelopeByteCountMax: Int { bodyByteCountMax + MessageHeader.byteCountMax + 128 }
    }

    package let header: MessageHeader
    /// The header as it was signed: unknown fields of later versions stay in it.
    package let headerBytes: [UInt8]
    package let body: [UInt8]
    package let signature: [UInt8]
    /// How many links it has crossed, by the word of those who carried it.
    package var hopCount: UInt32 = 0
    /// The links that it has crossed, the first one first, where its header asks for that.
    ///
    /// Each hop is the word of those who carried the message after it, the last one that of this node's own link.
    package private(set) var path: [MessageHop] = []

    /// Put before what is signed, so that no signature of another kind passes for one of this kind.
    private static let signatureDomain = Array("starling-message-1:".utf8)

    /// Signs a message.
    ///
    /// - Throws: ``EnvelopeError/bodyTooLarge(byteCountMax:)``.
    /// - Precondition: the header is from the signer, and says what it can say.
    package init(
        _ header: MessageHeader,
        body: [UInt8],
        from sender: IdentityKey,
        limits: Limits = Limits()
    ) throws(EnvelopeError) {
        precondition(header.from == sender.peerID && (header.to == nil) == (header.place == nil))
        try self.init(header, headerBytes: header.encoded, body: body, from: sender, limits: limits)
    }

    /// Signs a message whose header is encoded already, as it is for one that is sealed.
    init(
        _ header: MessageHeader,
        headerBytes: [UInt8],
        body: [UInt8],
        from sender: IdentityKey,
        limits: Limits
    ) throws(EnvelopeError) {
        guard body.count <= limits.bodyByteCountMax else {
            throw .bodyTooLarge(byteCountMax: limits.bodyByteCountMax)
        }
        self.header = header
        self.headerBytes = headerBytes
        self.body = body
        signature = sender.sign(Self.signed(headerBytes, body))
    }

    /// Reads an envelope and checks its form, not its signature.
    ///
    /// What it says is nobody's word until ``verify()`` has returned.
    package init(parsing message: Span<UInt8>, limits: Limits = Limits()) throws(EnvelopeError) {
        var (header, body): (Range<Int>?, Range<Int>) = (nil, 0..<0)
        var (signature, hops): ([UInt8]?, UInt64) = (nil, 0)
        var path: [MessageHop] = []
        do throws(ProtobufError) {
            var cursor = ProtobufCursor(message)
            while let field = try cursor.next(in: message) {
                switch field.number {
                case 1: header = try field.range()
                case 2: body = try field.range()
                case 3: signature = try SignedBody.readSignature(field, in: message)
                case 8: hops = try field.varint()
                case 9: try MessageHop.read(field, in: message, after: &path)
                default: break
                }
            }
            guard let header else { throw .missingField(fieldNumber: 1) }
            guard header.count <= MessageHeader.byteCountMax else { throw .invalidValue(fieldNumber: 1) }
            guard let signature else { throw .missingField(fieldNumber: 3) }
            guard let hops = UInt32(exactly: hops) else { throw .invalidValue(fieldNumber: 8) }
            let headerBytes = message.array(header)
            self.header = try MessageHeader(headerBytes.span)
            self.headerBytes = headerBytes
            self.signature = signature
            hopCount = hops
            // Nobody carries what the sender did not ask for.
            if self.header.recordsPath, self.header.to != nil { self.path = path }
        } catch {
            throw .malformed(error)
        }
        guard body.count <= limits.bodyByteCountMax else {
            throw .bodyTooLarge(byteCountMax: limits.bodyByteCountMax)
        }
        self.body = message.array(body)
    }

    /// Reads an envelope and checks its form and its sender's signature.
    package init(verifying message: Span<UInt8>, limits: Limits = Limits()) throws(EnvelopeError) {
        try self.init(parsing: message, limits: limits)
        try verify()
    }

    /// Checks that the sender signed what the header and the body say.
    package func verify() throws(EnvelopeError) {
        guard let key = PublicKey(peerID: header.from) else { throw .unsupportedSenderKey }
        guard key.verify(signature, over: Self.signed(headerBytes, body)) else { throw .wrongSignature }
    }

    /// Notes that it came over a link, where its sender asks for that, and there is room.
    package mutating func crossed(from neighbour: PeerID, at arrived: WallTime, limits: Limits = Limits()) {
        let byteCount = self.byteCount + MessageHop.byteCountMax
        guard header.recordsPath, header.to != nil, path.count < MessageHop.countMax,
            byteCount <= limits.envelopeByteCountMax
        else { return }
        path.append(MessageHop(peer: neighbour, arrived: arrived))
    }

    /// What its sender signed, with the signature: the same wherever the envelope comes from, and nobody else's.
    package var fingerprint: MessageFingerprint {
        MessageFingerprint(SHA256.hash(Self.signed(headerBytes, body) + signature))
    }

    /// The most bytes that it takes.
    private var byteCount: Int {
        headerBytes.count + body.count + signature.count + 24 + path.count * MessageHop.byteCountMax
    }

    /// The envelope in its wire form.
    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        writer.reserveCapacity(byteCount)
        writer.bytes(1, headerBytes)
        if !body.isEmpty { writer.bytes(2, body) }
        writer.bytes(3, signature)
        if hopCount > 0 { writer.varint(8, UInt64(hopCount)) }
        MessageHop.append(path, fieldNumber: 9, to: &writer)
        return writer.bytes
    }

    private static func signed(_ headerBytes: [UInt8], _ body: [UInt8]) -> [UInt8] {
        var signed: [UInt8] = []
        signed.reserveCapacity(signatureDomain.count + headerBytes.count + SHA256.byteCount)
        signed += signatureDomain
        signed += headerBytes
        signed += SHA256.hash(body)
        return signed
    }
}

/// Why an envelope, a receipt or a settlement is not taken.
package enum EnvelopeError: Error, Equatable, Sendable {
    /// It is not a message of its form; the field is missing, or is something else.
    case malformed(ProtobufError)
    /// The body is larger than the recipient takes in one message.
    case bodyTooLarge(byteCountMax: Int)
    /// The signature is not the sender's over these bytes.
    case wrongSignature
    /// The sender's PeerID does not hold its key, as those of RSA and ECDSA peers do not.
    case unsupportedSenderKey
}
