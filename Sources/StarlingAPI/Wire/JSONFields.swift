package import StarlingCore
package import StarlingNode

/// A JSON document that is not what the API says: which field, and what it must be.
package struct JSONShapeError: Error, Equatable, Sendable {
    /// The field's path: `messages[2].from`.
    package var field: String
    package var expectation: String

    package init(field: String, expectation: String) {
        self.field = field
        self.expectation = expectation
    }

    package var message: String {
        field.isEmpty
            ? "The document must be \(expectation)." : "The field '\(field)' must be \(expectation)."
    }
}

/// The members of a JSON object, read by name and type.
package struct JSONFields: Sendable {
    private let object: JSONObject
    private let path: String

    package init(_ json: JSON, path: String = "") throws(JSONShapeError) {
        guard let object = json.object else {
            throw JSONShapeError(field: path, expectation: "an object")
        }
        self.object = object
        self.path = path
    }

    /// The member's value, or nil where it is missing or null.
    private func value(_ name: String) -> JSON? {
        guard let value = object[name], !value.isNull else { return nil }
        return value
    }

    private func field(_ name: String) -> String { path.isEmpty ? name : path + "." + name }

    private func error(_ name: String, _ expectation: String) -> JSONShapeError {
        JSONShapeError(field: field(name), expectation: expectation)
    }

    /// Refuses members that are not among `names`: a mistyped one would otherwise be taken for a missing one.
    package func refuseAllBut(_ names: [String]) throws(JSONShapeError) {
        for name in object.keys where !names.contains(name) {
            throw JSONShapeError(
                field: field(name),
                expectation: "left out; known are " + names.joined(separator: ", ")
            )
        }
    }

    package func textIfAny(_ name: String) throws(JSONShapeError) -> String? {
        guard let value = value(name) else { return nil }
        guard let text = value.string else { throw error(name, "a text") }
        return text
    }

    package func text(_ name: String) throws(JSONShapeError) -> String {
        guard let text = try textIfAny(name) else { throw error(name, "a text") }
        return text
    }

    /// A text whose size in bytes is within `byteCounts`.
    package func textIfAny(_ name: String, byteCounts: ClosedRange<Int>) throws(JSONShapeError) -> String? {
        guard let text = try textIfAny(name) else { return nil }
        guard byteCounts.contains(text.utf8.count) else {
            throw error(name, "a text of \(byteCounts.lowerBound) to \(byteCounts.upperBound) bytes")
        }
        return text
    }

    package func numberIfAny(_ name: String, in range: ClosedRange<Int64>) throws(JSONShapeError) -> Int64? {
        guard let value = value(name) else { return nil }
        guard let number = value.integer, range.contains(number) else {
            let isOpen = range.upperBound == .max
            let bounds =
                isOpen ? "at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
            throw error(name, "a whole number \(bounds)")
        }
        return number
    }

    package func number(_ name: String, in range: ClosedRange<Int64> = 0...(.max)) throws(JSONShapeError)
        -> Int64
    {
        guard let number = try numberIfAny(name, in: range) else { throw error(name, "a whole number") }
        return number
    }

    /// Whole numbers, one at least.
    package func numbersIfAny(
        _ name: String,
        in range: ClosedRange<Int64>,
        countMax: Int
    ) throws(JSONShapeError) -> [Int64]? {
        guard let value = value(name) else { return nil }
        let numbers = value.array?.compactMap { $0.integer }.filter(range.contains) ?? []
        guard !numbers.isEmpty, numbers.count <= countMax, numbers.count == value.array?.count else {
            throw error(name, "a list of 1 to \(countMax) whole numbers from \(range.lowerBound) on")
        }
        return numbers
    }

    /// A number with a fraction or without.
    package func decimalIfAny(_ name: String, in range: ClosedRange<Double>) throws(JSONShapeError) -> Double?
    {
        guard let value = value(name) else { return nil }
        guard let number = value.double, range.contains(number) else {
            throw error(name, "a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    package func count(_ name: String) throws(JSONShapeError) -> Int {
        Int(clamping: try number(name))
    }

    package func boolIfAny(_ name: String) throws(JSONShapeError) -> Bool? {
        guard let value = value(name) else { return nil }
        guard let bool = value.bool else { throw error(name, "true or false") }
        return bool
    }

    package func bool(_ name: String) throws(JSONShapeError) -> Bool {
        guard let value = try boolIfAny(name) else { throw error(name, "true or false") }
        return value
    }

    /// A duration in whole milliseconds, at most a day.
    package func millisecondsIfAny(_ name: String) throws(JSONShapeError) -> Duration? {
        try numberIfAny(name, in: 0...86_400_000).map { .milliseconds($0) }
    }

    package func milliseconds(_ name: String) throws(JSONShapeError) -> Duration {
        .milliseconds(try number(name, in: 0...(1 << 53)))
    }

    package func wallTimeIfAny(_ name: String) throws(JSONShapeError) -> WallTime? {
        try numberIfAny(name, in: .min ... .max).map { WallTime(millisecondsSince1970: $0) }
    }

    package func wallTime(_ name: String) throws(JSONShapeError) -> WallTime {
        WallTime(millisecondsSince1970: try number(name, in: .min ... .max))
    }

    package func microsecondsIfAny(_ name: String) throws(JSONShapeError) -> Duration? {
        guard let value = value(name) else { return nil }
        return try Self.microseconds(value, field: field(name))
    }

    package func microseconds(_ name: String) throws(JSONShapeError) -> Duration {
        guard let duration = try microsecondsIfAny(name) else {
            throw error(name, "a number of microseconds")
        }
        return duration
    }

    package func microsecondsList(_ name: String) throws(JSONShapeError) -> [Duration] {
        try list(name) { (json, path) throws(JSONShapeError) in try Self.microseconds(json, field: path) }
    }

    private static func microseconds(_ json: JSON, field: String) throws(JSONShapeError) -> Duration {
        guard let number = json.double, number >= 0, number < 9e15 else {
            throw JSONShapeError(field: field, expectation: "a number of microseconds")
        }
        return .nanoseconds(Int64((number * 1000).rounded()))
    }

    package func peerID(_ name: String) throws(JSONShapeError) -> PeerID {
        guard let peerID = value(name)?.string.flatMap({ PeerID($0) }) else {
            throw error(name, "a PeerID such as 12D3KooW…")
        }
        return peerID
    }

    package func peerIDIfAny(_ name: String) throws(JSONShapeError) -> PeerID? {
        value(name) == nil ? nil : try peerID(name)
    }

    package func peerIDs(_ name: String) throws(JSONShapeError) -> [PeerID] {
        try list(name) { (json, path) throws(JSONShapeError) in
            guard let peerID = json.string.flatMap({ PeerID($0) }) else {
                throw JSONShapeError(field: path, expectation: "a PeerID such as 12D3KooW…")
            }
            return peerID
        }
    }

    package func multiaddrIfAny(_ name: String) throws(JSONShapeError) -> Multiaddr? {
        guard let value = value(name) else { return nil }
        return try Self.multiaddr(value, field: field(name))
    }

    package func multiaddr(_ name: String) throws(JSONShapeError) -> Multiaddr {
        try Self.multiaddr(value(name) ?? .null, field: field(name))
    }

    package func multiaddrs(_ name: String) throws(JSONShapeError) -> [Multiaddr] {
        try list(name) { (json, path) throws(JSONShapeError) in try Self.multiaddr(json, field: path) }
    }

    private static func multiaddr(_ json: JSON, field: String) throws(JSONShapeError) -> Multiaddr {
        guard let text = json.string else {
            throw JSONShapeError(field: field, expectation: "a multiaddr such as /ip4/192.0.2.7/tcp/4001")
        }
        do throws(MultiaddrError) {
            return try Multiaddr(text)
        } catch {
            throw JSONShapeError(field: field, expectation: "a multiaddr: \(error)")
        }
    }

    package func list<Element>(
        _ name: String,
        _ read: (_ json: JSON, _ path: String) throws(JSONShapeError) -> Element
    ) throws(JSONShapeError) -> [Element] {
        guard let array = value(name)?.array else { throw error(name, "a list") }
        var elements: [Element] = []
        for (index, json) in array.enumerated() {
            elements.append(try read(json, "\(field(name))[\(index)]"))
        }
        return elements
    }

    package func listIfAny<Element>(
        _ name: String,
        _ read: (_ json: JSON, _ path: String) throws(JSONShapeError) -> Element
    ) throws(JSONShapeError) -> [Element]? {
        value(name) == nil ? nil : try list(name, read)
    }

    /// One of the words of an enum.
    package func word<Word: RawRepresentable & CaseIterable>(
        _ name: String,
        _ type: Word.Type = Word.self
    ) throws(JSONShapeError) -> Word where Word.RawValue == String {
        guard let word = value(name)?.string.flatMap({ Word(rawValue: $0) }) else {
            throw error(name, "one of " + Word.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return word
    }

    /// Words of an enum, one at least.
    package func wordsIfAny<Word: RawRepresentable & CaseIterable>(
        _ name: String,
        _ type: Word.Type = Word.self
    ) throws(JSONShapeError) -> [Word]? where Word.RawValue == String {
        guard let value = value(name) else { return nil }
        let words = value.array?.compactMap { $0.string.flatMap { Word(rawValue: $0) } } ?? []
        guard !words.isEmpty, words.count == value.array?.count else {
            throw error(name, "a list of " + Word.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return words
    }

    package func wordIfAny<Word: RawRepresentable & CaseIterable>(
        _ name: String,
        _ type: Word.Type = Word.self
    ) throws(JSONShapeError) -> Word? where Word.RawValue == String {
        value(name) == nil ? nil : try word(name)
    }

    /// What stands in the way of a message.
    package func obstacleIfAny(_ name: String) throws(JSONShapeError) -> NodeFailure? {
        guard let fields = try objectIfAny(name) else { return nil }
        return try NodeFailure(obstacle: fields)
    }

    package func object(_ name: String) throws(JSONShapeError) -> JSONFields {
        try JSONFields(value(name) ?? .null, path: field(name))
    }

    package func objectIfAny(_ name: String) throws(JSONShapeError) -> JSONFields? {
        guard let value = value(name) else { return nil }
        return try JSONFields(value, path: field(name))
    }
}

extension JSON {
    /// A duration in microseconds, to the nanosecond.
    init(microseconds duration: Duration) {
        let nanoseconds = duration.nanosecondsClamped
        self = nanoseconds % 1000 == 0 ? .integer(nanoseconds / 1000) : .double(Double(nanoseconds) / 1000)
    }

    /// A duration in whole milliseconds.
    init(milliseconds duration: Duration) { self = .integer(duration.milliseconds) }

    init(_ address: Multiaddr) { self = .string("\(address)") }
    init(_ peer: PeerID) { self = .string(peer.base58) }
    init(optional text: String?) { self = text.map(JSON.string) ?? .null }
    init(optional time: WallTime?) { self = time.map { .integer($0.millisecondsSince1970) } ?? .null }
}
