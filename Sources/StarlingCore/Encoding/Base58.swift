/// Why a text is not base58.
package enum Base58Error: Error, Equatable, Sendable {
    /// A character outside the alphabet, at this byte of the text.
    case invalidCharacter(offset: Int)
    /// The text is longer than ``Base58/characterCountMax``.
    case tooLong
}

/// Base58 with Bitcoin's alphabet, as PeerIDs are written.
///
/// Spec: multiformats/multibase, "base58btc", without the multibase prefix.
package enum Base58 {
    /// The longest text that is decoded: the conversion takes quadratic time, and no identifier here
    /// comes near it.
    package static let characterCountMax = 256

    private static let radix = PositionalRadix(
        alphabet: "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    )

    package static func encode(_ bytes: [UInt8]) -> String { radix.encode(bytes) }

    package static func decode(_ text: some StringProtocol) throws(Base58Error) -> [UInt8] {
        guard text.utf8.count <= characterCountMax else { throw .tooLong }
        switch radix.decode(text) {
        case .success(let bytes): return bytes
        case .failure(let failure): throw .invalidCharacter(offset: failure.offset)
        }
    }
}
