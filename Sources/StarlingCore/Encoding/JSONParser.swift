/// Why bytes are not JSON.
package enum JSONError: Error, Equatable, Sendable {
    /// The text is longer than ``JSONLimits/byteCountMax``.
    case tooLong
    /// The text ends inside a value.
    case truncated
    /// A byte that cannot stand there.
    case unexpectedByte(offset: Int)
    /// Something follows the value.
    case trailingBytes(offset: Int)
    /// Arrays and objects are nested deeper than ``JSONLimits/depthMax``.
    case tooDeep(offset: Int)
    /// A key stands twice in one object.
    case duplicateKey(String, offset: Int)
    /// A string is not UTF-8, or escapes half of a surrogate pair.
    case invalidText(offset: Int)
    /// An escape sequence that JSON does not have.
    case invalidEscape(offset: Int)
    /// A number that is not written as JSON writes them, or beyond what a double holds.
    case invalidNumber(offset: Int)

    /// Where in the text, in bytes, if the text says.
    package var offset: Int? {
        switch self {
        case .tooLong, .truncated: nil
        case .unexpectedByte(let offset), .trailingBytes(let offset), .tooDeep(let offset),
            .duplicateKey(_, let offset), .invalidText(let offset), .invalidEscape(let offset),
            .invalidNumber(let offset):
            offset
        }
    }
}

/// What a JSON text may cost.
package struct JSONLimits: Sendable {
    /// The longest text in bytes; a longer one is refused unread.
    package var byteCountMax: Int
    /// How deep arrays and objects nest; deeper ones are refused.
    ///
    /// The parser calls itself for each level.
    package var depthMax: Int

    package init(byteCountMax: Int = 1 << 20, depthMax: Int = 64) {
        self.byteCountMax = byteCountMax
        self.depthMax = depthMax
    }
}

extension JSON {
    /// Parses a text that holds one value, and spaces around it.
    package init(parsing bytes: Span<UInt8>, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        guard bytes.count <= limits.byteCountMax else { throw .tooLong }
        var parser = JSONParser(depthMax: limits.depthMax)
        parser.skipSpaces(bytes)
        self = try parser.value(bytes, depth: 0)
        parser.skipSpaces(bytes)
        guard parser.offset == bytes.count else { throw .trailingBytes(offset: parser.offset) }
    }

    /// Parses a text that holds one value, and spaces around it.
    package init(parsing text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        let bytes = Array(text.utf8)
        try self.init(parsing: bytes.span, limits: limits)
    }
}

/// Walks a text that is passed to each call.
private struct JSONParser {
    let depthMax: Int
    private(set) var offset = 0

    init(depthMax: Int) {
        self.depthMax = depthMax
    }

    mutating func skipSpaces(_ text: Span<UInt8>) {
        while offset < text.count {
            switch text[offset] {
            case 0x20, 0x09, 0x0a, 0x0d: offset += 1
            default: return
            }
        }
    }

    mutating func value(_ text: Span<UInt8>, depth: Int) throws(JSONError) -> JSON {
        switch try peek(text) {
        case UInt8(ascii: "{"): return .object(try object(text, depth: depth))
        case UInt8(ascii: "["): return .array(try array(text, depth: depth))
        case UInt8(ascii: "\""): return .string(try string(text))
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number(text)
        case UInt8(ascii: "n"): return try word("null", .null, text)
        case UInt8(ascii: "t"): return try word("true", .bool(true), text)
        case UInt8(ascii: "f"): return try word("false", .bool(false), text)
        default: throw .unexpectedByte(offset: offset)
        }
    }

    // MARK: Arrays and objects

    private mutating func array(_ text: Span<UInt8>, depth: Int) throws(JSONError) -> [JSON] {
        try enter(depth)
        var elements: [JSON] = []
        while try next(UInt8(ascii: "]"), isFirst: elements.isEmpty, text) {
            elements.append(try value(text, depth: depth + 1))
        }
        return elements
    }

    private mutating func object(_ text: Span<UInt8>, depth: Int) throws(JSONError) -> JSONObject {
        try enter(depth)
        var members: [JSONObject.Member] = []
        var keys: Set<String> = []
        while try next(UInt8(ascii: "}"), isFirst: members.isEmpty, text) {
            let start = offset
            guard try peek(text) == UInt8(ascii: "\"") else { throw .unexpectedByte(offset: offset) }
            let key = try string(text)
            guard keys.insert(key).inserted else { throw .duplicateKey(key, offset: start) }
            skipSpaces(text)
            guard try peek(text) == UInt8(ascii: ":") else { throw .unexpectedByte(offset: offset) }
            offset += 1
            skipSpaces(text)
            members.append(.init(key: key, value: try value(text, depth: depth + 1)))
        }
        return JSONObject(distinct: members)
    }

    /// Steps over the opening bracket.
    private mutating func enter(_ depth: Int) throws(JSONError) {
        guard depth < depthMax else { throw .tooDeep(offset: offset) }
        offset += 1
    }

    /// Steps over what stands between two elements.
    ///
    /// `false` after the closing bracket.
    private mutating func next(
        _ closing: UInt8,
        isFirst: Bool,
        _ text: Span<UInt8>
    ) throws(JSONError) -> Bool {
        skipSpaces(text)
        if try peek(text) == closing {
            offset += 1
            return false
        }
        if isFirst { return true }
        guard text[offset] == UInt8(ascii: ",") else { throw .unexpectedByte(offset: offset) }
        offset += 1
        skipSpaces(text)
        return true
    }

    // MARK: Strings

    private mutating func string(_ text: Span<UInt8>) throws(JSONError) -> String {
        offset += 1
        let start = offset
        var bytes: [UInt8] = []
        // Runs without escapes are copied whole.
        var runStart = offset
        while true {
            switch try peek(text) {
            case UInt8(ascii: "\""):
                bytes += text.array(runStart..<offset)
                offset += 1
                guard let string = String(validating: bytes, as: UTF8.self) else {
                    throw .invalidText(offset: start)
                }
                return string
            case UInt8(ascii: "\\"):
                bytes += text.array(runStart..<offset)
                bytes += String(try escape(text)).utf8
                runStart = offset
            case 0..<0x20: throw .unexpectedByte(offset: offset)
            default: offset += 1
            }
        }
    }

    private mutating func escape(_ text: Span<UInt8>) throws(JSONError) -> Character {
        let start = offset
        offset += 1
        let letter = try peek(text)
        offset += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
            return Character(UnicodeScalar(letter))
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default: throw .invalidEscape(offset: start)
        }
        var code = try hexDigits(text, start: start)
        if code & 0xfc00 == 0xd800 {
            // The first half of a pair; the second must follow.
            guard try peek(text) == UInt8(ascii: "\\") else { throw .invalidText(offset: start) }
            offset += 1
            guard try peek(text) == UInt8(ascii: "u") else { throw .invalidText(offset: start) }
            offset += 1
            let low = try hexDigits(text, start: start)
            guard low & 0xfc00 == 0xdc00 else { throw .invalidText(offset: start) }
            code = 0x10000 + (code & 0x3ff) << 10 + low & 0x3ff
        }
        guard let scalar = UnicodeScalar(code) else { throw .invalidText(offset: start) }
        return Character(scalar)
    }

    private mutating func hexDigits(_ text: Span<UInt8>, start: Int) throws(JSONError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            let character = Character(UnicodeScalar(try peek(text)))
            guard let digit = character.hexDigitValue else { throw .invalidEscape(offset: start) }
            code = code << 4 | UInt32(digit)
            offset += 1
        }
        return code
    }

    // MARK: Numbers and words

    private mutating func number(_ text: Span<UInt8>) throws(JSONError) -> JSON {
        let start = offset
        var isWhole = true
        let isNegative = text[offset] == UInt8(ascii: "-")
        if isNegative { offset += 1 }
        let hasLeadingZero = offset < text.count && text[offset] == UInt8(ascii: "0")
        let digitCount = skipDigits(text)
        guard digitCount > 0, !hasLeadingZero || digitCount == 1 else { throw .invalidNumber(offset: start) }
        if offset < text.count, text[offset] == UInt8(ascii: ".") {
            isWhole = false
            offset += 1
            guard skipDigits(text) > 0 else { throw .invalidNumber(offset: start) }
        }
        if offset < text.count, text[offset] | 0x20 == UInt8(ascii: "e") {
            isWhole = false
            offset += 1
            if offset < text.count, text[offset] == UInt8(ascii: "+") || text[offset] == UInt8(ascii: "-") {
                offset += 1
            }
            guard skipDigits(text) > 0 else { throw .invalidNumber(offset: start) }
        }
        let digits = String(decoding: text.array(start..<offset), as: UTF8.self)
        // A negative zero is one only as a double.
        if isWhole, let integer = Int64(digits), !(isNegative && integer == 0) { return .integer(integer) }
        guard let double = Double(digits), double.isFinite else { throw .invalidNumber(offset: start) }
        return .double(double)
    }

    private mutating func skipDigits(_ text: Span<UInt8>) -> Int {
        let start = offset
        while offset < text.count, text[offset] >= UInt8(ascii: "0"), text[offset] <= UInt8(ascii: "9") {
            offset += 1
        }
        return offset - start
    }

    private mutating func word(
        _ word: StaticString,
        _ value: JSON,
        _ text: Span<UInt8>
    ) throws(JSONError) -> JSON {
        for expected in word.description.utf8 {
            guard try peek(text) == expected else { throw .unexpectedByte(offset: offset) }
            offset += 1
        }
        return value
    }

    private func peek(_ text: Span<UInt8>) throws(JSONError) -> UInt8 {
        guard offset < text.count else { throw .truncated }
        return text[offset]
    }
}
