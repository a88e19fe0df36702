extension PeerID: LosslessStringConvertible {
    /// The multicodec of a libp2p public key, which the CID form names.
    private static let libp2pKeyCodec: UInt64 = 0x72

    /// Parses a name as base58 (`12D3KooW…`, `Qm…`) or as a CID (`bafz…`, `k51…`).
    ///
    /// Spec: libp2p/specs `peer-ids/peer-ids.md`, "Decoding".
    package init(text: some StringProtocol) throws(PeerIDError) {
        guard !text.isEmpty else { throw .invalidText }
        if text.hasPrefix("1") || text.hasPrefix("Qm") {
            guard let bytes = try? Base58.decode(text) else { throw .invalidText }
            try self.init(multihash: bytes)
        } else {
            guard let bytes = try? Multibase.decode(text) else { throw .invalidText }
            try self.init(cid: bytes)
        }
    }

    /// Like ``init(text:)``, for callers that need no reason.
    public init?(_ description: String) {
        guard let id = try? PeerID(text: description) else { return nil }
        self = id
    }

    /// The name as a CIDv1 in base32, `bafz…`: the form that is meant to replace base58 one day.
    public var cid: String {
        Multibase.base32.encode([0x01, UInt8(Self.libp2pKeyCodec)] + multihash)
    }

    private init(cid bytes: [UInt8]) throws(PeerIDError) {
        var offset = 0
        guard let version = try? Varint.read(bytes.span, at: &offset),
            let codec = try? Varint.read(bytes.span, at: &offset),
            version == 1
        else { throw .invalidText }
        guard codec == Self.libp2pKeyCodec else { throw .notALibp2pKey }
        try self.init(multihash: Array(bytes[offset...]))
    }
}
