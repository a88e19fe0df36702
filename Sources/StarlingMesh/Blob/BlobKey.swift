package import StarlingCore
package import StarlingCrypto

/// The key of one private blob, and what seals and opens its chunks with it.
///
/// Each chunk is sealed by itself with ChaCha20-Poly1305; its number is the nonce. A key is drawn for one blob and never
/// used for another, so no nonce repeats. The order of the chunks is held by the nonces, their number by the tree.
///
/// Spec: docs/specs/blob.md, "Sealed blobs".
package final class BlobKey: Sendable {
    /// The size of a key.
    package static let byteCount = ChaChaPoly.keyByteCount
    /// Bytes that sealing adds to a chunk.
    package static let tagByteCount = ChaChaPoly.tagByteCount

    // Read only, after init.
    private let secret: SecretBytes
    private let cipher: ChaChaPoly

    /// Takes a key over, and zeroes the array: fresh random bytes, or those that came with a message.
    ///
    /// - Throws: ``CryptoError`` when the library is of no use.
    /// - Precondition: there are ``byteCount`` bytes.
    package init(wiping bytes: inout [UInt8]) throws(CryptoError) {
        precondition(bytes.count == Self.byteCount)
        secret = SecretBytes(wiping: &bytes)
        cipher = try ChaChaPoly()
    }

    /// A copy of the key, for the sealed message that brings it to the recipient.
    ///
    /// Whoever asks for it wipes it.
    package var bytes: [UInt8] { secret.withSpan { $0.array() } }

    /// Seals a chunk where it stands, and writes its tag behind it.
    ///
    /// - Precondition: the block has room for the tag behind `content`.
    package func seal(_ block: Buffer, _ content: Range<Int>, chunk index: Int) throws(CipherError) {
        try cipher.seal(block, content, key: secret, nonce: CipherNonce(counter: UInt64(index)))
    }

    /// Opens a chunk where it stands, its tag behind it, and says where the content is.
    package func open(_ block: Buffer, _ sealed: Range<Int>, chunk index: Int) throws(CipherError) -> Range<
        Int
    > {
        try cipher.open(block, sealed, key: secret, nonce: CipherNonce(counter: UInt64(index)))
    }

    /// Bytes of content in a sealed blob; `nil` when no sealed blob has this size.
    package static func contentByteCount(of id: BlobID) -> UInt64? {
        let tags = UInt64(id.chunkCount) * UInt64(tagByteCount)
        guard id.chunkCount > 0 else { return 0 }
        guard id.byteCount(ofChunk: id.chunkCount - 1) > tagByteCount else { return nil }
        return id.byteCount - tags
    }
}
