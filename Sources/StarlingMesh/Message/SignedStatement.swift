package import StarlingCore
internal import StarlingCrypto

/// What a peer tells another one of messages, under its signature: a ``Receipt`` or a ``Settlement``.
///
///     message Statement { bytes body = 1; bytes signature = 2; uint32 hop_count = 8; }
///     message Body { bytes from = 1; bytes to = 2; uint64 created_ms = 3; repeated Entry entries = 4; }
///
/// Spec: docs/specs/message.md.
package protocol SignedStatement {
    associatedtype Limits: StatementLimits

    /// What goes before the body where it is signed, so that no signature holds for anything else.
    static var signatureDomain: [UInt8] { get }
    /// Who signs.
    var from: PeerID { get }
    var bodyBytes: [UInt8] { get }
    var signature: [UInt8] { get }
    /// How many links it has crossed, by the word of those who carried it.
    var hopCount: UInt32 { get }

    /// Reads a statement and checks its form, not its signature.
    ///
    /// What it says is nobody's word until ``verify()`` has returned.
    init(parsing message: Span<UInt8>, limits: Limits) throws(EnvelopeError)
}

/// How much a statement may say.
package protocol StatementLimits: Sendable {
    init()
}

extension SignedStatement {
    /// Reads a statement and checks its form and its signature.
    package init(verifying message: Span<UInt8>, limits: Limits = Limits()) throws(EnvelopeError) {
        try self.init(parsing: message, limits: limits)
        try verify()
    }

    /// Checks that ``from`` signed what it says.
    package func verify() throws(EnvelopeError) {
        try SignedBody.verify(signature, over: Self.signatureDomain + bodyBytes, by: from)
    }

    /// What was signed, with the signature: the same wherever it comes from, and nobody else's.
    package var fingerprint: MessageFingerprint {
        MessageFingerprint(SHA256.hash(Self.signatureDomain + bodyBytes + signature))
    }

    /// The statement in its wire form.
    package var encoded: [UInt8] { SignedBody.encode(bodyBytes, signature, hopCount: hopCount) }
}

/// What the bodies of all statements begin with.
struct StatementHead {
    let from: PeerID
    let to: PeerID
    let created: WallTime

    /// Writes the head of a body; the entries follow.
    static func begin(from: PeerID, to: PeerID, created: WallTime) -> ProtobufWriter {
        var writer = ProtobufWriter()
        writer.name(1, from)
        writer.name(2, to)
        writer.varint(3, UInt64(clamping: created.millisecondsSince1970))
        return writer
    }

    /// Reads a body; each of its entries is handed to `entry`, which says whether there is room for it.
    init(
        _ body: Span<UInt8>,
        entry: (Span<UInt8>, Range<Int>) throws(ProtobufError) -> Void
    ) throws(ProtobufError) {
        var (from, to, created): (PeerID?, PeerID?, UInt64?) = (nil, nil, nil)
        var hasEntries = false
        var cursor = ProtobufCursor(body)
        while let field = try cursor.next(in: body) {
            switch field.number {
            case 1: from = try field.peerID(in: body)
            case 2: to = try field.peerID(in: body)
            case 3: created = try field.varint()
            case Self.entryFieldNumber:
                hasEntries = true
                try entry(body, try field.range())
            default: break
            }
        }
        guard let from else { throw .missingField(fieldNumber: 1) }
        guard let to else { throw .missingField(fieldNumber: 2) }
        guard let created else { throw .missingField(fieldNumber: 3) }
        guard hasEntries else { throw .missingField(fieldNumber: Self.entryFieldNumber) }
        (self.from, self.to) = (from, to)
        self.created = WallTime(millisecondsSince1970: Int64(clamping: created))
    }

    /// The field of a body that has its entries.
    static let entryFieldNumber = 4
}
