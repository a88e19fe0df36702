internal import StarlingAPI
internal import StarlingCore

/// What a scenario file says: a fleet, what it does, what goes wrong, and what has to hold.
///
/// The format is in docs/scenarios.md.
package struct Scenario: Sendable, Equatable {
    /// How it is called: a word for those that are built in, the path of a file for others.
    package var name: String
    /// One line for people.
    package var summary: String
    package var options: DeliveryFleet.Options

    /// The longest file in bytes.
    package static let byteCountMax = 1 << 20

    init(_ name: String, _ summary: String, _ options: DeliveryFleet.Options) {
        self.name = name
        self.summary = summary
        self.options = options
    }

    /// Reads the text of a file.
    ///
    /// What depends on the number of nodes is looked at by ``check()``: a flag may change that before.
    package init(_ name: String, parsing text: [UInt8]) throws(ScenarioError) {
        let json: JSON
        do throws(JSONError) {
            json = try JSON(parsing: text.span, limits: JSONLimits(byteCountMax: Self.byteCountMax))
        } catch {
            throw ScenarioError(error, in: text)
        }
        do throws(JSONShapeError) {
            self = try ScenarioReader(json).scenario(name)
        } catch {
            throw .field(error.field, error.expectation)
        }
    }
}

/// Why a text is no scenario.
package enum ScenarioError: Error, Equatable, Sendable {
    /// It is longer than ``Scenario/byteCountMax``.
    case tooLong
    /// It is not JSON.
    case syntax(line: Int, column: Int, reason: String)
    /// A field, by its path, must be something else.
    case field(String, String)

    fileprivate init(_ error: JSONError, in text: [UInt8]) {
        if case .tooLong = error {
            self = .tooLong
            return
        }
        let before = text.prefix(error.offset ?? text.count)
        let line = 1 + before.count { $0 == UInt8(ascii: "\n") }
        let column = 1 + before.reversed().prefix { $0 != UInt8(ascii: "\n") }.count
        self = .syntax(line: line, column: column, reason: Self.reason(error))
    }

    private static func reason(_ error: JSONError) -> String {
        switch error {
        case .tooLong: "the text is too long"
        case .truncated: "the text ends in the middle"
        case .unexpectedByte: "this character cannot stand here"
        case .trailingBytes: "something follows the end"
        case .tooDeep: "lists and objects are nested too deep"
        case .duplicateKey(let key, _): "'\(key)' stands there twice"
        case .invalidText: "this is no text in UTF-8"
        case .invalidEscape: "JSON has no such escape"
        case .invalidNumber: "this is no number"
        }
    }
}
