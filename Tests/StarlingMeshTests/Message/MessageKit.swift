import StarlingCore
import StarlingCrypto
import StarlingMesh

/// Two fixed peers and a protobuf writer without rules, for vectors and malformed messages.
enum MessageKit {
    static let alice = key(1)
    static let bob = key(2)
    static let id = MessageID(random: (0..<16).map { UInt8($0) })
    static let created = WallTime(millisecondsSince1970: 1_767_225_600_000)

    static func key(_ number: UInt8) -> IdentityKey {
        guard let key = try? IdentityKey(seed: [UInt8](repeating: number, count: 32)) else {
            preconditionFailure("any 32 bytes are a seed")
        }
        return key
    }

    static func envelope(type: String = "text/plain", payload: [UInt8] = Array("hello".utf8)) throws
        -> Envelope
    {
        try Envelope(id: id, type: type, to: bob.peerID, created: created, payload: payload, from: alice)
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

    /// The fields of a header, each of which a test may leave out or change.
    static var headerFields: [[UInt8]] {
        [
            field(1, id.bytes), field(2, Array("text/plain".utf8)), field(3, alice.peerID.multihash),
            field(4, bob.peerID.multihash), field(5, UInt64(created.millisecondsSince1970)),
            field(6, SHA256.hash(Array("hello".utf8))),
        ]
    }

    /// An envelope with this header, signed as it should be.
    static func signed(header: [UInt8], payload: [UInt8] = Array("hello".utf8), by key: IdentityKey = alice)
        -> [UInt8]
    {
        field(1, header) + field(2, payload) + field(3, key.sign(Array("starling-message-1:".utf8) + header))
    }

    /// A receipt with this body, signed as it should be.
    static func signedReceipt(body: [UInt8], by key: IdentityKey = bob) -> [UInt8] {
        field(1, body) + field(2, key.sign(Array("starling-receipt-1:".utf8) + body))
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
}
