/// Why a command line was not understood.
///
/// Exit status 2.
package enum UsageError: Error, Equatable, Sendable {
    /// No command at all.
    case noCommand
    case unknownCommand(String, suggestion: String?)
    /// `command` is nil where the flag stands before any command.
    case unknownFlag(String, command: CommandName?, suggestion: String?)
    case missingValue(flag: String, expectation: String, command: CommandName?)
    /// A switch was given a value.
    case unexpectedValue(flag: String, command: CommandName?)
    case invalidValue(flag: String, value: String, expectation: String, command: CommandName?)
    case repeatedFlag(String, command: CommandName?)
    case missingArgument(String, command: CommandName)
    case unexpectedArgument(String, command: CommandName)
    case invalidArgument(String, value: String, expectation: String, command: CommandName)

    /// The command whose help tells more.
    package var command: CommandName? {
        switch self {
        case .noCommand, .unknownCommand: nil
        case .unknownFlag(_, let command, _), .missingValue(_, _, let command),
            .unexpectedValue(_, let command), .invalidValue(_, _, _, let command),
            .repeatedFlag(_, let command):
            command
        case .missingArgument(_, let command), .unexpectedArgument(_, let command),
            .invalidArgument(_, _, _, let command):
            command
        }
    }

    /// What is wrong, for people.
    package var message: String {
        switch self {
        case .noCommand: "no command was given."
        case .unknownCommand(let name, let suggestion):
            "there is no command '\(name)'." + Self.question(suggestion)
        case .unknownFlag(let flag, let command, let suggestion):
            "\(command.map { "'\($0.rawValue)' has no" } ?? "there is no") flag \(flag)."
                + Self.question(suggestion)
        case .missingValue(let flag, let expectation, _): "\(flag) needs a value: \(expectation)."
        case .unexpectedValue(let flag, _): "\(flag) is a switch and takes no value."
        case .invalidValue(let flag, let value, let expectation, _):
            "\(flag) needs \(expectation), not '\(value)'."
        case .repeatedFlag(let flag, _): "\(flag) was given twice, and takes one value."
        case .missingArgument(let name, let command): "'\(command.rawValue)' needs \(name)."
        case .unexpectedArgument(let value, let command):
            "'\(command.rawValue)' does not know what to do with '\(value)'."
        case .invalidArgument(let name, let value, let expectation, _):
            "\(name) must be \(expectation), not '\(value)'."
        }
    }

    private static func question(_ suggestion: String?) -> String {
        suggestion.map { " Did you mean \($0)?" } ?? ""
    }
}
