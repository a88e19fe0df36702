/// Why a text is not multibase.
package enum MultibaseError: Error, Equatable, Sendable {
    /// The text is empty.
    case empty
    /// The first character names no base that is known here.
    case unknownBase
    /// A character outside the base's alphabet, at this byte after the prefix.
    case invalidCharacter(offset: Int)
    /// The text was cut, or has bits set that stand for no byte.
    case notCanonical
    /// The text is longer than ``Multibase/characterCountMax``.
    case tooLong
}

/// Bytes as text whose first character names the base.
///
/// Spec: multiformats/multibase, the bases that libp2p uses.
package enum Multibase: String, Sendable, CaseIterable {
    case base16 = "f"
    case base32 = "b"
    case base36 = "k"
    case base58btc = "z"
    case base64 = "m"
    case base64url = "u"

    /// The longest text that is decoded, prefix included; base36 and base58 take quadratic time and stop
    /// at ``Base58/characterCountMax``.
    package static let characterCountMax = 4096

    private static let radix16 = BitRadix(alphabet: "0123456789abcdef")
    private static let radix32 = BitRadix(alphabet: "abcdefghijklmnopqrstuvwxyz234567")
    private static let radix36 = PositionalRadix(alphabet: "0123456789abcdefghijklmnopqrstuvwxyz")
    private static let radix64 = BitRadix(
        alphabet: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    )
    private static let radix64url = BitRadix(
        alphabet: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    )

    /// The text of `bytes` with the prefix.
    package func encode(_ bytes: [UInt8]) -> String { rawValue + encodeBare(bytes) }

    /// The text of `bytes` without the prefix.
    package func encodeBare(_ bytes: [UInt8]) -> String {
        switch self {
        case .base16: Self.radix16.encode(bytes)
        case .base32: Self.radix32.encode(bytes)
        case .base36: Self.radix36.encode(bytes)
        case .base58btc: Base58.encode(bytes)
        case .base64: Self.radix64.encode(bytes)
        case .base64url: Self.radix64url.encode(bytes)
        }
    }

    /// The bytes of a text that begins with its prefix.
    package static func decode(_ text: some StringProtocol) throws(MultibaseError) -> [UInt8] {
        guard let prefix = text.first else { throw .empty }
        guard let base = Multibase(rawValue: String(prefix)) else { throw .unknownBase }
        return try base.decodeBare(text.dropFirst())
    }

    /// The bytes of a text without prefix.
    package func decodeBare(_ text: some StringProtocol) throws(MultibaseError) -> [UInt8] {
        guard text.utf8.count < Self.characterCountMax else { throw .tooLong }
        switch self {
        case .base16: return try Self.radix16.decode(text)
        case .base32: return try Self.radix32.decode(text)
        case .base64: return try Self.radix64.decode(text)
        case .base64url: return try Self.radix64url.decode(text)
        case .base36:
            guard text.utf8.count <= Base58.characterCountMax else { throw .tooLong }
            switch Self.radix36.decode(text) {
            case .success(let bytes): return bytes
            case .failure(let failure): throw .invalidCharacter(offset: failure.offset)
            }
        case .base58btc:
            do throws(Base58Error) {
                return try Base58.decode(text)
            } catch {
                switch error {
                case .tooLong: throw .tooLong
                case .invalidCharacter(let offset): throw .invalidCharacter(offset: offset)
                }
            }
        }
    }
}
