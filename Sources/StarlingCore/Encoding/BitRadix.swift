/// Bytes in groups of four, five or six bits, as base16, base32 and base64 write them, without padding.
///
/// Strict: a text that another text would also decode to is refused.
struct BitRadix: Sendable {
    private let alphabet: [UInt8]
    private let values: [UInt8]
    private let bitCount: Int

    /// - Precondition: the alphabet is ASCII and has 16, 32 or 64 characters.
    init(alphabet: String) {
        self.alphabet = Array(alphabet.utf8)
        bitCount = self.alphabet.count.trailingZeroBitCount
        precondition(self.alphabet.count == 1 << bitCount && (4...6).contains(bitCount))
        var values = [UInt8](repeating: 0xff, count: 256)
        for (value, character) in alphabet.utf8.enumerated() { values[Int(character)] = UInt8(value) }
        self.values = values
    }

    func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count * 8 + bitCount - 1) / bitCount)
        var bits: UInt32 = 0
        var pending = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            pending += 8
            while pending >= bitCount {
                pending -= bitCount
                text.append(alphabet[Int(bits >> UInt32(pending)) & (alphabet.count - 1)])
            }
        }
        if pending > 0 {
            text.append(alphabet[Int(bits << UInt32(bitCount - pending)) & (alphabet.count - 1)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    func decode(_ text: some StringProtocol) throws(MultibaseError) -> [UInt8] {
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var pending = 0
        for (offset, character) in text.utf8.enumerated() {
            let value = values[Int(character)]
            guard value != 0xff else { throw .invalidCharacter(offset: offset) }
            bits = bits << UInt32(bitCount) | UInt32(value)
            pending += bitCount
            if pending >= 8 {
                pending -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(pending)))
            }
        }
        // What is left is less than a character, and zero, or the text was cut or has a twin.
        guard pending < bitCount, bits & (1 << UInt32(pending) - 1) == 0 else { throw .notCanonical }
        return bytes
    }
}
