package import StarlingCore
package import StarlingCrypto

/// The recipient's signed word on what became of messages.
///
///     message Receipt { bytes body = 1; bytes signature = 2; uint32 hop_count = 8; }
///     message Body { bytes from = 1; bytes to = 2; uint64 created_ms = 3; repeated Entry entries = 4; }
///     message Entry { bytes id = 1; uint32 outcome = 2; repeated Hop path = 3; }
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
        package var receiptByteCountMax: Int {
            entryCountMax * (32 + MessageHop.countMax * MessageHop.byteCountMax) + 512
        }
    }

    /// What became of one message.
    package enum Outcome: UInt8, CaseIterable, Sendable {
        /// It is in the recipient's inbox.
        case delivered = 1
        /// The recipient has no room for it, and may have later.
        case refusedFull = 2
        /// The recipient does not take messages of this sender or type.
        case refusedByPolicy = 3
        /// The payload is larger than the recipient takes.
        case refusedTooLarge = 4
        /// Its lifetime is over by the recipient's clock, or its number was settled before.
        case expired = 5
        /// Its number is too far ahead of the lowest one that is not settled; it is welcome later.
        case heldBack = 6
        /// It is sealed to a key that the recipient does not have, or its content is malformed.
        case unreadable = 7
        /// The recipient has it on its disk, and fetches its file.
        case fetching = 8
        /// The recipient has it on its disk, and has no room for its file, which it may have later.
        case refusedNoSpace = 9

        /// Whether the same envelope may fare better later.
        package var isTransient: Bool {
            switch self {
            case .refusedFull, .heldBack, .fetching, .refusedNoSpace: true
            case .delivered, .refusedByPolicy, .refusedTooLarge, .expired, .unreadable: false
            }
        }
    }

    package struct Entry: Equatable, Sendable {
        package var id: MessageID
        package var outcome: Outcome
        /// The links that the message crossed, the first one first, where it asked for that and the recipient knows it.
        package var path: [MessageHop]

        package init(id: MessageID, outcome: Outcome, path: [MessageHop] = []) {
            self.id = id
            self.outcome = outcome
            self.path = path
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
    /// How many links it has crossed, by the word of those who carried it.
    package var hopCount: UInt32 = 0

    fileprivate static let signatureDomain = Array("starling-receipt-1:".utf8)

    /// Signs a receipt.
    ///
    /// - Precondition: there is an entry.
    package init(for entries: [Entry], to sender: PeerID, created: WallTime, from recipient: IdentityKey) {
        precondition(!entries.isEmpty)
        from = recipient.peerID
        to = sender
        self.created = created
        self.entries = entries
        var writer = ProtobufWriter()
        writer.reserveCapacity(entries.count * 22 + 96)
        writer.name(1, recipient.peerID)
        writer.name(2, sender)
        writer.varint(3, UInt64(clamping: created.millisecondsSince1970))
        for entry in entries {
            writer.message(4) { inner in
                inner.bytes(1, entry.id.bytes)
                inner.varint(2, UInt64(entry.outcome.rawValue))
                MessageHop.append(entry.path, fieldNumber: 3, to: &inner)
            }
        }
        bodyBytes = writer.bytes
        signature = recipient.sign(Self.signatureDomain + bodyBytes)
    }

    /// Reads a receipt and checks its form, not its signature.
    ///
    /// What it says is nobody's word until ``verify()`` has returned.
    package init(parsing message: Span<UInt8>, limits: Limits = Limits()) throws(EnvelopeError) {
        do throws(ProtobufError) {
            let signed = try SignedBody(message)
            let parsed = try Self.parse(signed.body.span, limits)
            (bodyBytes, signature, hopCount) = (signed.body, signed.signature, signed.hopCount)
            (from, to, created, entries) = (parsed.from, parsed.to, parsed.created, parsed.entries)
        } catch {
            throw .malformed(error)
        }
    }

    /// Reads a receipt and checks its form and its signature.
    package init(verifying message: Span<UInt8>, limits: Limits = Limits()) throws(EnvelopeError) {
        try self.init(parsing: message, limits: limits)
        try verify()
    }

    /// Checks that the recipient signed what it says.
    package func verify() throws(EnvelopeError) { try proof.verify() }

    /// What proves that it is the recipient's word.
    package var proof: ReceiptProof { ReceiptProof(from: from, bodyBytes: bodyBytes, signature: signature) }

    /// What was signed, with the signature: the same wherever it comes from, and nobody else's.
    package var fingerprint: MessageFingerprint {
        MessageFingerprint(SHA256.hash(Self.signatureDomain + bodyBytes + signature))
    }

    /// The receipt in its wire form.
    package var encoded: [UInt8] { SignedBody.encode(bodyBytes, signature, hopCount: hopCount) }

    private static func parse(
        _ body: Span<UInt8>,
        _ limits: Limits
    ) throws(ProtobufError) -> (from: PeerID, to: PeerID, created: WallTime, entries: [Entry]) {
        var (from, to, created): (PeerID?, PeerID?, UInt64?) = (nil, nil, nil)
        var entries: [Entry] = []
        var cursor = ProtobufCursor(body)
        while let field = try cursor.next(in: body) {
            switch field.number {
            case 1: from = try field.peerID(in: body)
            case 2: to = try field.peerID(in: body)
            case 3: created = try field.varint()
            case 4:
                guard entries.count < limits.entryCountMax else { throw .tooManyEntries(fieldNumber: 4) }
                entries.append(try entry(body, try field.range()))
            default: break
            }
        }
        guard let from else { throw .missingField(fieldNumber: 1) }
        guard let to else { throw .missingField(fieldNumber: 2) }
        guard let created else { throw .missingField(fieldNumber: 3) }
        guard !entries.isEmpty else { throw .missingField(fieldNumber: 4) }
        return (from, to, WallTime(millisecondsSince1970: Int64(clamping: created)), entries)
    }

    private static func entry(_ body: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) -> Entry {
        var (id, outcome): (MessageID?, Outcome?) = (nil, nil)
        var path: [MessageHop] = []
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: body) {
            switch field.number {
            case 1: id = try field.messageID(in: body)
            case 2: outcome = UInt8(exactly: try field.varint()).flatMap { Outcome(rawValue: $0) }
            case 3: try MessageHop.read(field, in: body, after: &path)
            default: break
            }
        }
        guard let id else { throw .missingField(fieldNumber: 1) }
        guard let outcome else { throw .invalidValue(fieldNumber: 2) }
        return Entry(id: id, outcome: outcome, path: path)
    }
}

/// What of a receipt shows that its recipient signed it, without what it says.
package struct ReceiptProof: Equatable, Sendable {
    let from: PeerID
    package let bodyBytes: [UInt8]
    let signature: [UInt8]

    func verify() throws(EnvelopeError) {
        try SignedBody.verify(signature, over: Receipt.signatureDomain + bodyBytes, by: from)
    }

    /// Whether the signature holds.
    var isSound: Bool {
        do throws(EnvelopeError) {
            try verify()
            return true
        } catch {
            return false
        }
    }
}
