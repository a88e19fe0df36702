package import StarlingCore

/// The frames around Noise messages: two bytes of length, high byte first, then the message.
///
/// Spec: libp2p/specs noise r5, "Wire Format".
package enum NoiseRecord {
    /// The bytes before a message.
    package static let headerByteCount = 2
    /// The bytes behind the content.
    package static let tagByteCount = ChaChaPoly.tagByteCount
    /// The longest message, without its header.
    package static let recordByteCountMax = 65535
    /// The most content that one record holds.
    package static let contentByteCountMax = recordByteCountMax - tagByteCount

    /// The bytes of the record that begins at `offset`, header included, or `nil` when the header is not all there.
    package static func byteCount(in bytes: Span<UInt8>, at offset: Int) -> Int? {
        guard offset >= 0, bytes.count - offset >= headerByteCount else { return nil }
        return headerByteCount + (Int(bytes[offset]) << 8 | Int(bytes[offset + 1]))
    }
}

/// One direction of a session: its key, and the number of the next record.
///
/// Nothing is allocated per record. A nonce is used once: the value cannot be copied.
package struct NoiseCipherState: ~Copyable {
    private let key: SecretBytes
    private var nonce: UInt64

    init(key: consuming SecretBytes, nonce: UInt64) {
        self.key = key
        self.nonce = nonce
    }

    /// Encrypts `content` where it stands, writes the length before it and the tag behind it, and returns the range of
    /// the whole record.
    ///
    /// - Precondition: there are 2 bytes before `content` and 16 behind it in the block, and it has at most
    ///   ``NoiseRecord/contentByteCountMax`` bytes.
    package mutating func seal(
        _ block: Buffer,
        content: Range<Int>,
        with cipher: ChaChaPoly
    ) throws(NoiseError) -> Range<Int> {
        precondition(content.lowerBound >= NoiseRecord.headerByteCount)
        precondition(content.count <= NoiseRecord.contentByteCountMax)
        guard nonce < .max else { throw .nonceExhausted }
        do {
            try cipher.seal(block, content, key: key, nonce: CipherNonce(counter: nonce))
        } catch {
            throw NoiseError(error)
        }
        nonce += 1
        let byteCount = content.count + NoiseRecord.tagByteCount
        let start = content.lowerBound - NoiseRecord.headerByteCount
        block[start] = UInt8(truncatingIfNeeded: byteCount >> 8)
        block[start + 1] = UInt8(truncatingIfNeeded: byteCount)
        return start..<content.upperBound + NoiseRecord.tagByteCount
    }

    /// Decrypts a whole record, header included, where it stands, and returns the range of its content.
    ///
    /// On error the message holds zeros.
    ///
    /// - Precondition: the range lies in the block.
    package mutating func open(
        _ block: Buffer,
        record: Range<Int>,
        with cipher: ChaChaPoly
    ) throws(NoiseError) -> Range<Int> {
        guard record.count >= NoiseRecord.headerByteCount + NoiseRecord.tagByteCount,
            Int(block[record.lowerBound]) << 8 | Int(block[record.lowerBound + 1])
                == record.count - NoiseRecord.headerByteCount
        else { throw .malformedRecord }
        guard nonce < .max else { throw .nonceExhausted }
        let message = record.lowerBound + NoiseRecord.headerByteCount..<record.upperBound
        let content: Range<Int>
        do {
            content = try cipher.open(block, message, key: key, nonce: CipherNonce(counter: nonce))
        } catch {
            throw NoiseError(error)
        }
        nonce += 1
        return content
    }
}

/// An encrypted session with a peer that has proved who it is.
package struct NoiseSession: ~Copyable {
    /// The peer's identity key.
    package let remoteKey: PublicKey
    /// The multiplexer that both sides agreed on during the handshake; `nil` when it is still to be negotiated.
    package let muxer: String?

    /// What we send.
    package var sealer: NoiseCipherState
    /// What the peer sends.
    package var opener: NoiseCipherState

    init(
        remoteKey: PublicKey,
        muxer: String?,
        keys: consuming NoiseKeys,
        role: NoiseRole,
        nonce: UInt64 = 0
    ) {
        self.remoteKey = remoteKey
        self.muxer = muxer
        switch role {
        case .initiator:
            sealer = NoiseCipherState(key: keys.initiator, nonce: nonce)
            opener = NoiseCipherState(key: keys.responder, nonce: nonce)
        case .responder:
            sealer = NoiseCipherState(key: keys.responder, nonce: nonce)
            opener = NoiseCipherState(key: keys.initiator, nonce: nonce)
        }
    }

    /// The peer's name.
    package var remotePeer: PeerID { remoteKey.peerID }

    /// Encrypts `content` where it stands; see ``NoiseCipherState/seal(_:content:with:)``.
    package mutating func seal(
        _ block: Buffer,
        content: Range<Int>,
        with cipher: ChaChaPoly
    ) throws(NoiseError) -> Range<Int> {
        try sealer.seal(block, content: content, with: cipher)
    }

    /// Decrypts a whole record where it stands; see ``NoiseCipherState/open(_:record:with:)``.
    package mutating func open(
        _ block: Buffer,
        record: Range<Int>,
        with cipher: ChaChaPoly
    ) throws(NoiseError) -> Range<Int> {
        try opener.open(block, record: record, with: cipher)
    }
}
