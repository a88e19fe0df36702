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
package struct Receipt: SignedStatement, Equatable, Sendable {
    package struct Limits: StatementLimits {
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

    package static let signatureDomain = Array("starling-receipt-1:".utf8)

    /// Signs a receipt.
    ///
    /// - Precondition: there is an entry.
    package init(for entries: [Entry], to sender: PeerID, created: WallTime, from recipient: IdentityKey) {
        precondition(!entries.isEmpty)
        from = recipient.peerID
        to = sender
        self.created = created
        self.entries = entries
        var writer = StatementHead.begin(from: recipient.peerID, to: sender, created: created)
        writer.reserveCapacity(entries.count * 22 + 96)
        for entry in entries {
            writer.message(StatementHead.entryFieldNumber) { inner in
                inner.bytes(1, entry.id.bytes)
                inner.varint(2, UInt64(entry.outcome.rawValue))
                MessageHop.append(entry.path, fieldNumber: 3, to: &inner)
            }
        }
        bodyBytes = writer.bytes
        signature = recipient.sign(Self.signatureDomain + bodyBytes)
    }

    package init(parsing message: Span<UInt8>, limits: Limits = Limits()) throws(EnvelopeError) {
        do throws(ProtobufError) {
            let signed = try SignedBody(message)
            var entries: [Entry] = []
            let head = try StatementHead(signed.body.span) { body, range throws(ProtobufError) in
                guard entries.count < limits.entryCountMax else {
                    throw .tooManyEntries(fieldNumber: StatementHead.entryFieldNumber)
                }
                entries.append(try Self.entry(body, range))
            }
            (bodyBytes, signature, hopCount) = (signed.body, signed.signature, signed.hopCount)
            (from, to, created, self.entries) = (head.from, head.to, head.created, entries)
        } catch {
            throw .malformed(error)
        }
    }

    /// What proves that it is the recipient's word.
    package var proof: ReceiptProof { ReceiptProof(from: from, bodyBytes: bodyBytes, signature: signature) }

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
