/// Why a text is not Base64.
package enum Base64Error: Error, Equatable, Sendable {
    /// A character outside the alphabet, or padding before the end.
    case invalidCharacter
    /// The padding is not what the length asks for, the text was cut, or bits are set that stand for no byte.
    case notCanonical
}

/// Bytes as text in the alphabet with `+` and `/`, as JSON documents carry them.
///
/// Written with padding; read with or without. Spec: RFC 4648, section 4.
package enum Base64 {
    package static func encode(_ bytes: [UInt8]) -> String {
        let bare = Multibase.base64.encodeBare(bytes)
        return bare + String(repeating: "=", count: (4 - bare.utf8.count % 4) % 4)
    }

    /// The bytes of a text of any length: the caller has limited it.
    package static func decode(_ text: String) throws(Base64Error) -> [UInt8] {
        var characters = Array(text.utf8)[...]
        let padding = characters.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        characters = characters.dropLast(padding)
        guard padding == 0 || padding == (4 - characters.count % 4) % 4 else { throw .notCanonical }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(characters.count * 3 / 4)
        var bits: UInt32 = 0
        var pending = 0
        for character in characters {
            guard let value = value(of: character) else { throw .invalidCharacter }
            bits = bits << 6 | UInt32(value)
            pending += 6
            if pending >= 8 {
                pending -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(pending)))
            }
        }
        guard pending < 6, bits & (1 << UInt32(pending) - 1) == 0 else { throw .notCanonical }
        return bytes
    }

    private static func value(of character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
