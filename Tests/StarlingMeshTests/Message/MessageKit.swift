import StarlingCore
import StarlingCrypto
import StarlingMesh

/// Two fixed peers and a protobuf writer without rules, for vectors and malformed messages.
enum MessageKit {
    static let alice = key(1)
    static let bob = key(2)
    static let id = MessageID(random: (0..<16).map { UInt8($0) })
    static let created = WallTime(millisecondsSince1970: 1_767_225_600_000)
    static let series: UInt64 = 0x0102_0304_0506_0708
    static let content = MessageContent(type: .data, payload: Array("hello".utf8))

    static func key(_ number: UInt8) -> IdentityKey {
        guard let key = try? IdentityKey(seed: [UInt8](repeating: number, count: 32)) else {
            preconditionFailure("any 32 bytes are a seed")
        }
        return key
    }

    static var header: MessageHeader {
        MessageHeader(
            id: id,
            from: alice.peerID,
            to: bob.peerID,
            created: created,
            lifetimeMilliseconds: 86_400_000,
            place: .init(series: series, number: 7, floor: 5)
        )
    }

    static func envelope(_ content: MessageContent = content) throws -> Envelope {
        try Envelope(header, content: content, from: alice)
    }

    /// The agreement of one's own identity with another's.
    static func agreement(_ own: IdentityKey, _ peer: IdentityKey) throws -> StaticAgreement {
        try StaticAgreement(OpeningKey(converting: own), SealingKey(converting: peer.publicKey))
    }

    /// The same message sealed to Bob, with an ephemeral seed of 32 bytes `03`.
    static func sealed(_ content: MessageContent = content, _ cipher: ChaChaPoly) throws -> Envelope {
        var header = header
        header.privacy = .private
        var seed = [UInt8](repeating: 3, count: 32)
        return try Envelope(
            header,
            sealing: content,
            with: agreement(alice, bob),
            ephemeralSeed: SecretBytes(wiping: &seed),
            cipher,
            from: alice
        )
    }

    static func field(_ number: UInt64, _ bytes: [UInt8]) -> [UInt8] {
        var field: [UInt8] = []
        Varint.append(number << 3 | 2, to: &field)
        Varint.append(UInt64(bytes.count), to: &field)
        return field + bytes
    }

    static func field(_ number: UInt64, _ value: UInt64) -> [UInt8] {
        var field: [UInt8] = []
        Varint.append(number << 3, to: &field)
        Varint.append(value, to: &field)
        return field
    }

    static func fixed64(_ number: UInt64, _ value: UInt64) -> [UInt8] {
        var field: [UInt8] = []
        Varint.append(number << 3 | 1, to: &field)
        return field + (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    }

    /// The fields of a header by their numbers, each of which a test may leave out or change.
    static var headerFields: [(number: Int, bytes: [UInt8])] {
        [
            (1, field(1, id.bytes)), (3, field(3, alice.peerID.multihash)),
            (4, field(4, bob.peerID.multihash)),
            (5, field(5, UInt64(created.millisecondsSince1970))), (6, field(6, 2)), (7, field(7, 86_400_000)),
            (8, field(8, 16)), (9, field(9, 0)), (11, fixed64(11, series)), (12, field(12, 7)),
            (13, field(13, 5)),
        ]
    }

    static var headerBytes: [UInt8] { headerFields.flatMap(\.bytes) }

    /// A header of which one field is another.
    static func headerBytes(_ number: Int, _ bytes: [UInt8]) -> [UInt8] {
        headerFields.flatMap { $0.number == number ? bytes : $0.bytes }
    }

    /// An envelope with this header, signed as it should be.
    static func signed(header: [UInt8], body: [UInt8] = content.encoded, by key: IdentityKey = alice)
        -> [UInt8]
    {
        let signature = key.sign(Array("starling-message-1:".utf8) + header + SHA256.hash(body))
        return field(1, header) + field(2, body) + field(3, signature)
    }

    /// A receipt with this body, signed as it should be.
    static func signedReceipt(body: [UInt8], by key: IdentityKey = bob) -> [UInt8] {
        field(1, body) + field(2, key.sign(Array("starling-receipt-1:".utf8) + body))
    }

    /// A settlement with this body, signed as it should be.
    static func signedSettlement(body: [UInt8], by key: IdentityKey = alice) -> [UInt8] {
        field(1, body) + field(2, key.sign(Array("starling-settlement-1:".utf8) + body))
    }

    static func verify(_ bytes: [UInt8], _ limits: Envelope.Limits = .init()) throws(EnvelopeError)
        -> Envelope
    {
        try Envelope(verifying: bytes.span, limits: limits)
    }

    static func verifyReceipt(_ bytes: [UInt8], _ limits: Receipt.Limits = .init()) throws(EnvelopeError)
        -> Receipt
    {
        try Receipt(verifying: bytes.span, limits: limits)
    }

    static func verifySettlement(_ bytes: [UInt8], _ limits: Settlement.Limits = .init())
        throws(EnvelopeError)
        -> Settlement
    {
        try Settlement(verifying: bytes.span, limits: limits)
    }
}
