/// Why bytes or a text are not a PeerID.
package enum PeerIDError: Error, Equatable, Sendable {
    /// Not a multihash of an accepted kind: identity up to 42 bytes, or SHA2-256.
    case unsupportedMultihash
    /// The multihash is shorter or longer than it says.
    case wrongLength
    /// The text is neither base58 nor a CIDv1 in a known base.
    case invalidText
    /// A CID that does not name a libp2p key.
    case notALibp2pKey
}

/// The name of a peer: the multihash of its public key.
///
/// Short keys (Ed25519, secp256k1) stand in the name itself as an identity multihash, longer ones
/// (RSA, ECDSA) as SHA2-256. The key behind a name is `PublicKey` in StarlingCrypto.
///
/// Spec: libp2p/specs `peer-ids/peer-ids.md`, "Peer Ids".
public struct PeerID: Hashable, Sendable {
    /// The multihash, zeros behind it, and its length in the last byte.
    ///
    /// All in the value itself: names are in every table and in every frame, and there none of them costs memory of its
    /// own, a count of references or a look elsewhere.
    @usableFromInline let storage: InlineArray<48, UInt8>

    /// Keys up to this many bytes of protobuf are named by themselves.
    package static let inlineKeyByteCountMax = 42

    private static let byteCountMax = inlineKeyByteCountMax + 2
    package init(multihash: Span<UInt8>) throws(PeerIDError) {
        guard multihash.count >= 2 else { throw .wrongLength }
        switch multihash[0] {
        case 0x00:
            guard multihash[1] >= 1, multihash[1] <= Self.inlineKeyByteCountMax else {
                throw .unsupportedMultihash
            }
        case 0x12: guard multihash[1] == 32 else { throw .wrongLength }
        default: throw .unsupportedMultihash
        }
        guard multihash.count == Int(multihash[1]) + 2 else { throw .wrongLength }
        self.init(checkedMultihash: multihash)
    }

    package init(multihash: [UInt8]) throws(PeerIDError) { try self.init(multihash: multihash.span) }

    /// A name that the caller built itself from a key.
    package init(checkedMultihash multihash: [UInt8]) { self.init(checkedMultihash: multihash.span) }

    private init(checkedMultihash multihash: Span<UInt8>) {
        precondition(multihash.count <= Self.byteCountMax, "a multihash of a known kind is no longer")
        var storage = InlineArray<48, UInt8>(repeating: 0)
        for offset in multihash.indices { storage[offset] = multihash[offset] }
        storage[47] = UInt8(multihash.count)
        self.storage = storage
    }

    /// How many bytes the multihash has.
    @inlinable package var byteCount: Int { Int(storage[47]) }

    /// A copy of the multihash: code, length, digest.
    package var multihash: [UInt8] { storage.span.array(0..<byteCount) }

    /// Lends the bytes of the multihash.
    @inlinable package func withMultihash<Result: ~Copyable, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(storage.span.extracting(0..<byteCount))
    }

    /// The protobuf of the public key, where the name holds it.
    package var inlineKey: [UInt8]? { storage[0] == 0x00 ? storage.span.array(2..<byteCount) : nil }

    /// Eight of the bytes, as one number.
    @inlinable package func word(_ place: Int) -> UInt64 {
        // Safe: any bits are a number, and there are six times eight bytes.
        unsafe storage.span.bytes.unsafeLoadUnaligned(fromByteOffset: place * 8, as: UInt64.self)
    }

    /// Feeds the bytes at once: one by one costs eight times as much in every table of peers.
    ///
    /// All of them, since a name that nobody has proven needs no key: whoever makes up names may have any of the bytes alike.
    @inlinable public func hash(into hasher: inout Hasher) {
        // Safe: the bytes are only read, and not kept.
        unsafe storage.span.bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    }

    /// Compares eight bytes at a time, first some that are key in every name: they tell most apart.
    @inlinable public static func == (left: PeerID, right: PeerID) -> Bool {
        left.word(2) == right.word(2) && left.word(3) == right.word(3) && left.word(1) == right.word(1)
            && left.word(4) == right.word(4) && left.word(0) == right.word(0) && left.word(5) == right.word(5)
    }

    /// The name in base58, as people write it: `12D3KooW…`, `Qm…`.
    public var base58: String { Base58.encode(multihash) }

    /// The last eight characters, for tables and logs that also show names.
    package var shortText: String { String(base58.suffix(8)) }
}

extension PeerID: CustomStringConvertible {
    /// The name in base58.
    public var description: String { base58 }
}

extension PeerID: Comparable {
    /// Orders by the bytes of the multihash.
    public static func < (left: PeerID, right: PeerID) -> Bool {
        for place in 0..<6 {
            let (one, other) = (UInt64(bigEndian: left.word(place)), UInt64(bigEndian: right.word(place)))
            if one != other { return one < other }
        }
        return false
    }
}
