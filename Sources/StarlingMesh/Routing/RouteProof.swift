package import StarlingCore
package import StarlingCrypto

/// A destination's signed word that it exists: its name, a sequence number and a time until which that holds.
///
///     message Proof { uint64 number = 1; uint64 expires_ms = 2; bytes signature = 3; }
///
/// It goes from neighbour to neighbour with the routes to the destination. Metrics are each neighbour's own word; a
/// destination that nobody signed for, or a number that it did not give, cannot be told.
///
/// Spec: docs/specs/routing.md, "Proof".
package struct RouteProof: Hashable, Sendable {
    /// What it says.
    ///
    /// Whoever has a copy of the proof has the same one: it stands in many places of a table.
    private final class Content: Sendable {
        let destination: PeerID
        let number: UInt64
        let expires: WallTime
        let signature: InlineArray<72, UInt8>
        let signatureByteCount: Int

        init(_ destination: PeerID, _ number: UInt64, _ expires: WallTime, _ signature: Span<UInt8>) {
            self.destination = destination
            self.number = number
            self.expires = expires
            signatureByteCount = signature.count
            var bytes = InlineArray<72, UInt8>(repeating: 0)
            for offset in signature.indices { bytes[offset] = signature[offset] }
            self.signature = bytes
        }
    }

    private let content: Content

    /// Who signs: the PeerID has to hold its key.
    package var destination: PeerID { content.destination }
    /// The sequence number, from 1 to ``numberMax``: a destination never goes back.
    package var number: UInt64 { content.number }
    package var expires: WallTime { content.expires }
    package var signature: [UInt8] { content.signature.span.array(0..<content.signatureByteCount) }

    /// The last sequence number: far beyond what anyone counts to, and far from overflowing.
    package static let numberMax: UInt64 = 1 << 62
    /// How long a proof holds; it is renewed halfway.
    package static let lifetime: Duration = .seconds(7200)
    /// By how much clocks may differ: so long after its end a proof is still taken.
    package static let clockTolerance: Duration = .seconds(900)
    /// The longest signature: those of Ed25519 have 64 bytes, those of secp256k1 up to 72.
    static let signatureByteCountMax = 72

    private static let signatureDomain = Array("starling-route-1:".utf8)

    /// Signs a proof.
    ///
    /// - Precondition: the number is in `1...numberMax`, and the time is not before 1970.
    package init(number: UInt64, expires: WallTime, from identity: IdentityKey) {
        precondition((1...Self.numberMax).contains(number) && expires.millisecondsSince1970 >= 0)
        let signature = identity.sign(Self.signed(identity.peerID, number, expires))
        content = Content(identity.peerID, number, expires, signature.span)
    }

    /// A proof as a neighbour told it: nobody's word until ``verify()`` has returned.
    ///
    /// - Precondition: the signature is not longer than ``signatureByteCountMax``.
    private init(destination: PeerID, number: UInt64, expires: WallTime, signature: Span<UInt8>) {
        content = Content(destination, number, expires, signature)
    }

    package static func == (one: RouteProof, other: RouteProof) -> Bool {
        if one.content === other.content { return true }
        return one.number == other.number && one.expires == other.expires
            && one.content.signatureByteCount == other.content.signatureByteCount
            && one.content.signature.span.isEqual(to: other.content.signature.span)
            && one.destination == other.destination
    }

    /// Checks that the destination signed it; not whether it holds still.
    package func verify() throws(RouteProofError) {
        guard let key = PublicKey(peerID: destination) else { throw .unsupportedKey }
        guard key.verify(signature, over: Self.signed(destination, number, expires)) else {
            throw .wrongSignature
        }
    }

    /// Feeds what tells proofs apart, and not the signature.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(destination)
        hasher.combine(number)
    }

    /// Until when the proof holds on this node's clock, or `nil` when it does not hold any more.
    ///
    /// However far ahead it says to end, nobody's lasts longer than ``lifetime``, from when it was last heard.
    package func end(now: Instant, wallNow: WallTime) -> Instant? {
        let (left, overflow) = expires.millisecondsSince1970.subtractingReportingOverflow(
            wallNow.millisecondsSince1970
        )
        let longest = Self.lifetime + Self.clockTolerance
        guard !overflow else { return now + longest }
        let duration = min(.milliseconds(left) + Self.clockTolerance, longest)
        return duration > .zero ? now + duration : nil
    }

    func write(to writer: inout ProtobufWriter) {
        writer.varint(1, number)
        writer.varint(2, UInt64(expires.millisecondsSince1970))
        writer.bytes(3, content.signature.span.extracting(0..<content.signatureByteCount))
    }

    /// Reads the proof of a destination.
    static func parse(
        _ bytes: Span<UInt8>,
        _ range: Range<Int>,
        of destination: PeerID
    ) throws(ProtobufError) -> RouteProof {
        var (number, expires, signature): (UInt64?, UInt64?, Range<Int>?) = (nil, nil, nil)
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1: number = try field.varint()
            case 2: expires = try field.varint()
            case 3:
                let range = try field.range()
                guard range.count <= signatureByteCountMax else { throw .invalidValue(fieldNumber: 3) }
                signature = range
            default: break
            }
        }
        guard let number else { throw .missingField(fieldNumber: 1) }
        guard let expires else { throw .missingField(fieldNumber: 2) }
        guard let signature else { throw .missingField(fieldNumber: 3) }
        guard (1...numberMax).contains(number) else { throw .invalidValue(fieldNumber: 1) }
        guard let milliseconds = Int64(exactly: expires) else { throw .invalidValue(fieldNumber: 2) }
        return RouteProof(
            destination: destination,
            number: number,
            expires: WallTime(millisecondsSince1970: milliseconds),
            signature: bytes.extracting(signature)
        )
    }

    /// What is signed: each part has one length or says it, so that no other proof has the same bytes.
    private static func signed(_ destination: PeerID, _ number: UInt64, _ expires: WallTime) -> [UInt8] {
        var signed = signatureDomain
        signed.reserveCapacity(signatureDomain.count + destination.byteCount + 16)
        signed += destination.multihash
        signed.appendBigEndian(number)
        signed.appendBigEndian(UInt64(bitPattern: expires.millisecondsSince1970))
        return signed
    }
}

/// Why a proof is not taken.
package enum RouteProofError: Error, Equatable, Sendable {
    /// The signature is not the destination's over these bytes.
    case wrongSignature
    /// The destination's PeerID does not hold its key, as those of RSA and ECDSA peers do not.
    case unsupportedKey
}

extension [UInt8] {
    /// Appends eight bytes, the high one first.
    mutating func appendBigEndian(_ value: UInt64) {
        for index in 0..<8 { append(UInt8(truncatingIfNeeded: value >> UInt64(56 - 8 * index))) }
    }
}
