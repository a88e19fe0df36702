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

    private static let alphabet = Array("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".utf8)

    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xff, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    package static func encode(_ bytes: [UInt8]) -> String {
        let zeroCount = bytes.prefix { $0 == 0 }.count
        // Digits of base 58, least significant first.
        var digits: [UInt8] = []
        for byte in bytes.dropFirst(zeroCount) {
            var carry = Int(byte)
            for index in digits.indices {
                carry += Int(digits[index]) << 8
                digits[index] = UInt8(carry % 58)
                carry /= 58
            }
            while carry > 0 {
                digits.append(UInt8(carry % 58))
                carry /= 58
            }
        }
        let text =
            [UInt8](repeating: alphabet[0], count: zeroCount) + digits.reversed().map { alphabet[Int($0)] }
        return String(decoding: text, as: UTF8.self)
    }

    package static func decode(_ text: some StringProtocol) throws(Base58Error) -> [UInt8] {
        guard text.utf8.count <= characterCountMax else { throw .tooLong }
        let zeroCount = text.utf8.prefix { $0 == alphabet[0] }.count
        // Digits of base 256, least significant first.
        var digits: [UInt8] = []
        for (offset, character) in text.utf8.enumerated().dropFirst(zeroCount) {
            let value = values[Int(character)]
            guard value < 58 else { throw .invalidCharacter(offset: offset) }
            var carry = Int(value)
            for index in digits.indices {
                carry += Int(digits[index]) * 58
                digits[index] = UInt8(carry & 0xff)
                carry >>= 8
            }
            while carry > 0 {
                digits.append(UInt8(carry & 0xff))
                carry >>= 8
            }
        }
        return [UInt8](repeating: 0, count: zeroCount) + digits.reversed()
    }
}
