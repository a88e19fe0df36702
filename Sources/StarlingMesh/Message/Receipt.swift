package import StarlingCore
package import StarlingCrypto

/// The recipient's signed word on what became of messages.
///
///     message Receipt { bytes body = 1; bytes signature = 2; }
///     message Body { bytes from = 1; bytes to = 2; uint64 created_ms = 3; repeated Entry entries = 4; }
///     message Entry { bytes id = 1; uint32 outcome = 2; }
///
/// One signature may cover many messages of one sender.
///
/// Spec: docs/specs/message.md, "Receipt".
package struct Receipt: Equatable, Sendable {
    package struct Limits: Sendable {
        /// Messages that one receipt may cover; more are refused.
        package var entryCountMax = 1024

        package init() {}

        /// The most bytes that a receipt within these limits takes.
        package var receiptByteCountMax: Int { entryCountMax * 32 + 512 }
    }

    /// What became of one message.
    package enum Outcome: UInt64, Sendable {
        /// It is in the recipient's inbox.
        case delivered = 1
        /// The recipient has no room for it.
        case refusedFull = 2
        /// The recipient does not take messages of this sender or type.
        case refusedByPolicy = 3
        /// The payload is larger than the recipient takes.
        case refusedTooLarge = 4
    }

    package struct Entry: Equatable, Sendable {
        package var id: MessageID
        package var outcome: Outcome

        package init(id: MessageID, outcome: Outcome) {
            self.id = id
            self.outcome = outcome
        }
    }

    /// The recipient of the messages, who signs.
    package let from: PeerID
    /// The sender of the messages.
    package let to: PeerID
    package let created: WallTime
    package let entries: [Entry]
    package let bodyBytes: [UInt8]
    package let signature: [UInt8]

    private static let signatureDomain = Array("starling-receipt-1:".utf8)

    /// Signs a receipt.
    package init(for entries: [Entry], to sender: PeerID, created: WallTime, from recipient: IdentityKey) {
        from = recipient.peerID
        to = sender
        self.created = created
        self.entries = entries
        var writer = ProtobufWriter()
        writer.bytes(1, recipient.peerID.multihash)
        writer.bytes(2, sender.multihash)
        writer.varint(3, UInt64(clamping: created.millisecondsSince1970))
        for entry in entries {
            writer.message(4) { inner in
                inner.bytes(1, entry.id.bytes)
                inner.varint(2, entry.outcome.rawValue)
            }
        }
        bodyBytes = writer.bytes
        signature = recipient.sign(Self.signatureDomain + bodyBytes)
    }

    /// Reads a receipt and checks its form and its signature.
    package init(verifying message: Span<UInt8>, limits: Limits = Limits()) throws(EnvelopeError) {
        do throws(ProtobufError) {
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
            let parsed = try Self.parse(body.span, limits)
            (from, to, created, entries) = (parsed.from, parsed.to, parsed.created, parsed.entries)
            bodyBytes = body
            self.signature = signature
        } catch {
            throw .malformed(error)
        }
        guard let key = PublicKey(peerID: from) else { throw .unsupportedSenderKey }
        guard key.verify(signature, over: Self.signatureDomain + bodyBytes) else { throw .wrongSignature }
    }

    /// The receipt in its wire form.
    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        writer.bytes(1, bodyBytes)
        writer.bytes(2, signature)
        return writer.bytes
    }

    private static func parse(
        _ bytes: Span<UInt8>,
        _ limits: Limits
    ) throws(ProtobufError) -> (from: PeerID, to: PeerID, created: WallTime, entries: [Entry]) {
        var (from, to): (PeerID?, PeerID?) = (nil, nil)
        var created: WallTime?
        var entries: [Entry] = []
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: from = try? PeerID(multihash: try field.bytes(in: bytes))
            case 2: to = try? PeerID(multihash: try field.bytes(in: bytes))
            case 3: created = WallTime(millisecondsSince1970: Int64(clamping: try field.varint()))
            case 4:
                guard entries.count < limits.entryCountMax else { throw .tooManyEntries(fieldNumber: 4) }
                entries.append(try parseEntry(bytes, try field.range()))
            default: break
            }
        }
        guard let from else { throw .missingField(fieldNumber: 1) }
        guard let to else { throw .missingField(fieldNumber: 2) }
        guard let created else { throw .missingField(fieldNumber: 3) }
        guard !entries.isEmpty else { throw .missingField(fieldNumber: 4) }
        return (from, to, created, entries)
    }

    private static func parseEntry(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) -> Entry {
        var (id, outcome): (MessageID?, Outcome?) = (nil, nil)
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: id = MessageID(bytes: try field.bytes(in: bytes))
            case 2: outcome = Outcome(rawValue: try field.varint())
            default: break
            }
        }
        guard let id else { throw .missingField(fieldNumber: 1) }
        guard let outcome else { throw .invalidValue(fieldNumber: 2) }
        return Entry(id: id, outcome: outcome)
    }
}
