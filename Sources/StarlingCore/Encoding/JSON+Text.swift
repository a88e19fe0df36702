extension JSON {
    /// The value on one line without spaces.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The value over many lines, indented by two spaces.
    package var prettyText: String {
        var writer = JSONWriter(isPretty: true)
        writer.append(self)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// The value in UTF-8 on one line without spaces.
    package var bytes: [UInt8] {
        var writer = JSONWriter(isPretty: false)
        writer.append(self)
        return writer.bytes
    }
}

/// Writes one value.
private struct JSONWriter {
    let isPretty: Bool
    var bytes: [UInt8] = []
    private var depth = 0

    init(isPretty: Bool) {
        self.isPretty = isPretty
    }

    mutating func append(_ value: JSON) {
        switch value {
        case .null: append("null")
        case .bool(let value): append(value ? "true" : "false")
        case .integer(let value): append(String(value))
        // Swift writes the shortest text that reads back to the same double, in JSON's own form.
        case .double(let value): append(value.isFinite ? value.description : "null")
        case .string(let value): append(quoting: value)
        case .array(let elements):
            begin("[")
            for (index, element) in elements.enumerated() {
                separate(index)
                append(element)
            }
            end("]", isEmpty: elements.isEmpty)
        case .object(let object):
            begin("{")
            for (index, member) in object.members.enumerated() {
                separate(index)
                append(quoting: member.key)
                append(isPretty ? ": " : ":")
                append(member.value)
            }
            end("}", isEmpty: object.isEmpty)
        }
    }

    private mutating func append(_ text: String) {
        bytes += text.utf8
    }

    private mutating func begin(_ bracket: String) {
        append(bracket)
        depth += 1
    }

    private mutating func separate(_ index: Int) {
        if index > 0 { append(",") }
        breakLine()
    }

    private mutating func end(_ bracket: String, isEmpty: Bool) {
        depth -= 1
        if !isEmpty { breakLine() }
        append(bracket)
    }

    private mutating func breakLine() {
        guard isPretty else { return }
        append("\n")
        bytes += repeatElement(UInt8(ascii: " "), count: 2 * depth)
    }

    private mutating func append(quoting text: String) {
        append("\"")
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): append("\\\"")
            case UInt8(ascii: "\\"): append("\\\\")
            case 0x08: append("\\b")
            case 0x09: append("\\t")
            case 0x0a: append("\\n")
            case 0x0c: append("\\f")
            case 0x0d: append("\\r")
            case 0..<0x20, 0x7f: append("\\u00" + Hex.encode([byte]))
            default: bytes.append(byte)
            }
        }
        append("\"")
    }
}
