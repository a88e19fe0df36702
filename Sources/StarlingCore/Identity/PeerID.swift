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
    /// The multihash: code, length, digest.
    package let multihash: [UInt8]

    /// Keys up to this many bytes of protobuf are named by themselves.
    package static let inlineKeyByteCountMax = 42

    package init(multihash: [UInt8]) throws(PeerIDError) {
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
        self.multihash = multihash
    }

    /// Feeds the bytes at once: one by one, as an array does it, costs eight times as much in every table of peers.
    public func hash(into hasher: inout Hasher) {
        // Safe: the bytes are only read, and not kept.
        unsafe multihash.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    }

    /// Compares eight bytes at a time, for the same reason.
    public static func == (left: PeerID, right: PeerID) -> Bool {
        let count = left.multihash.count
        guard count == right.multihash.count else { return false }
        // Safe: the bytes are only read, within both arrays, and not kept.
        return unsafe left.multihash.withUnsafeBytes { left in
            unsafe right.multihash.withUnsafeBytes { right in
                if unsafe left.baseAddress == right.baseAddress { return true }
                var offset = 0
                while offset + 8 <= count {
                    let word = unsafe left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                    guard unsafe word == right.loadUnaligned(fromByteOffset: offset, as: UInt64.self) else {
                        return false
                    }
                    offset += 8
                }
                while offset < count {
                    guard unsafe left[offset] == right[offset] else { return false }
                    offset += 1
                }
                return true
            }
        }
    }

    /// A name that the caller built itself from a key.
    package init(checkedMultihash multihash: [UInt8]) {
        self.multihash = multihash
    }

    /// The protobuf of the public key, where the name holds it.
    package var inlineKey: [UInt8]? {
        multihash[0] == 0x00 ? Array(multihash.dropFirst(2)) : nil
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
    public static func < (lhs: PeerID, rhs: PeerID) -> Bool {
        lhs.multihash.lexicographicallyPrecedes(rhs.multihash)
    }
}
