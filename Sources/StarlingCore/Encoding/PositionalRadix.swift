/// Bytes as one large number in another base, as base58 and base36 write them.
///
/// Leading zero bytes become leading zero digits. The conversion takes quadratic time: the caller limits
/// the length first.
struct PositionalRadix: Sendable {
    private let alphabet: [UInt8]
    private let values: [UInt8]

    /// - Precondition: the alphabet is ASCII.
    init(alphabet: String) {
        self.alphabet = Array(alphabet.utf8)
        var values = [UInt8](repeating: 0xff, count: 256)
        for (value, character) in alphabet.utf8.enumerated() { values[Int(character)] = UInt8(value) }
        self.values = values
    }

    func encode(_ bytes: [UInt8]) -> String {
        let zeroCount = bytes.prefix { $0 == 0 }.count
        // Digits of the target base, least significant first.
        var digits: [UInt8] = []
        for byte in bytes.dropFirst(zeroCount) {
            var carry = Int(byte)
            for index in digits.indices {
                carry += Int(digits[index]) << 8
                digits[index] = UInt8(carry % alphabet.count)
                carry /= alphabet.count
            }
            while carry > 0 {
                digits.append(UInt8(carry % alphabet.count))
                carry /= alphabet.count
            }
        }
        let text =
            [UInt8](repeating: alphabet[0], count: zeroCount) + digits.reversed().map { alphabet[Int($0)] }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes, or where the text has a character outside the alphabet.
    func decode(_ text: some StringProtocol) -> Result<[UInt8], InvalidCharacter> {
        let zeroCount = text.utf8.prefix { $0 == alphabet[0] }.count
        // Digits of base 256, least significant first.
        var digits: [UInt8] = []
        for (offset, character) in text.utf8.enumerated().dropFirst(zeroCount) {
            let value = values[Int(character)]
            guard value != 0xff else { return .failure(InvalidCharacter(offset: offset)) }
            var carry = Int(value)
            for index in digits.indices {
                carry += Int(digits[index]) * alphabet.count
                digits[index] = UInt8(carry & 0xff)
                carry >>= 8
            }
            while carry > 0 {
                digits.append(UInt8(carry & 0xff))
                carry >>= 8
            }
        }
        return .success([UInt8](repeating: 0, count: zeroCount) + digits.reversed())
    }

    /// A character outside the alphabet, at this byte of the text.
    struct InvalidCharacter: Error {
        var offset: Int
    }
}
