/// A JSON value.
///
/// Objects keep the order of their members. Whole numbers that fit 64 bits stay exact; all others are
/// doubles.
///
///     let reply: JSON = ["event": "ready", "addrs": .array(addresses.map { .string("\($0)") })]
///     print(reply.text)
///     let port = try JSON(parsing: bytes.span)["listen"]?[0]?["port"]?.integer
///
/// Spec: RFC 8259.
package enum JSON: Hashable, Sendable {
    case null
    case bool(Bool)
    /// A number written without fraction and exponent.
    case integer(Int64)
    /// Any other number. Infinities and NaN, which JSON lacks, are written as `null`.
    case double(Double)
    case string(String)
    case array([JSON])
    case object(JSONObject)
}

/// The members of a JSON object in their order.
///
/// Each key stands once.
package struct JSONObject: Hashable, Sendable {
    /// The members, in order.
    package private(set) var members: [Member] = []

    package struct Member: Hashable, Sendable {
        package var key: String
        package var value: JSON
    }

    package init() {}

    /// Members whose keys the caller knows to differ.
    init(distinct members: [Member]) {
        self.members = members
    }

    package var count: Int { members.count }
    package var isEmpty: Bool { members.isEmpty }
    package var keys: [String] { members.map(\.key) }

    /// The member of a key.
    ///
    /// Setting replaces it where it stands, or appends it; setting `nil` removes it.
    ///
    /// Looks through all members: for objects of tens, not of thousands.
    package subscript(key: String) -> JSON? {
        get { members.first { $0.key == key }?.value }
        set {
            let index = members.firstIndex { $0.key == key }
            switch (index, newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append(Member(key: key, value: value))
            case (nil, nil): break
            }
        }
    }
}

// MARK: Looking inside

extension JSON {
    package var isNull: Bool { self == .null }

    package var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// A whole number, also one written as `1.0` or `1e3`.
    package var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .double(let value): Int64(exactly: value)
        case .null, .bool, .string, .array, .object: nil
        }
    }

    /// Any number; above 2^53 a whole one is rounded.
    package var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .double(let value): value
        case .null, .bool, .string, .array, .object: nil
        }
    }

    package var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    package var array: [JSON]? {
        if case .array(let value) = self { value } else { nil }
    }

    package var object: JSONObject? {
        if case .object(let value) = self { value } else { nil }
    }

    /// The member of an object; `nil` for any other value.
    ///
    /// Setting makes an object of `null`, and is ignored on anything else.
    package subscript(key: String) -> JSON? {
        get { object?[key] }
        set {
            switch self {
            case .object(var object):
                self = .null
                object[key] = newValue
                self = .object(object)
            case .null:
                var object = JSONObject()
                object[key] = newValue
                self = .object(object)
            case .bool, .integer, .double, .string, .array: break
            }
        }
    }

    /// The element of an array; `nil` for any other value and beyond the end.
    package subscript(index: Int) -> JSON? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }
}

// MARK: Literals

extension JSON: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral {
    package init(nilLiteral: ()) { self = .null }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
}

extension JSON: ExpressibleByFloatLiteral, ExpressibleByStringInterpolation {
    package init(floatLiteral value: Double) { self = .double(value) }
    package init(stringLiteral value: String) { self = .string(value) }
}

extension JSON: ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral {
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }

    /// Of equal keys the last one counts.
    package init(dictionaryLiteral elements: (String, JSON)...) { self.init(members: elements) }

    /// An object of these members, in order.
    ///
    /// Of equal keys the last one counts.
    package init(members: some Sequence<(String, JSON)>) {
        var object = JSONObject()
        for (key, value) in members { object[key] = value }
        self = .object(object)
    }

    /// A whole number; one that needs more than 63 bits becomes a double.
    package init(_ number: some BinaryInteger) {
        self = Int64(exactly: number).map(JSON.integer) ?? .double(Double(number))
    }

    package init(_ text: String) { self = .string(text) }

    /// An array of texts.
    package init(_ texts: some Sequence<String>) { self = .array(texts.map(JSON.string)) }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// Of equal keys the last one counts.
    package init(dictionaryLiteral elements: (String, JSON)...) {
        for (key, value) in elements { self[key] = value }
    }
}

extension JSON: CustomStringConvertible {
    package var description: String { text }
}
