/// Reads the words of a command line by a ``CommandTable``.
///
/// Common flags may stand before the command; a command's own follow it, among its arguments. `--name value`
/// and `--name=value` mean the same, `-n value` stands for a flag with a short name, and `--` ends the flags,
/// so that an argument may begin with a dash. A lone `-` is an argument. After `--help` nothing is missing.
package struct CommandLineParser: Sendable {
    private let table: CommandTable

    package init(table: CommandTable) { self.table = table }

    /// Understands `words`, the command line without the program's name.
    package func parse(_ words: [String]) throws(UsageError) -> Invocation {
        var reading = Reading(table: table, words: words)
        try reading.run()
        return try reading.finish()
    }

    /// Whether help was asked for and no command was named: `starling --help`, `starling --json -h`.
    package static func asksForGeneralHelp(_ words: [String]) -> Bool {
        guard let help = words.firstIndex(where: { $0 == "--help" || $0 == "-h" }) else { return false }
        return words[..<help].allSatisfy { $0.hasPrefix("--") && $0 != "--" }
    }
}

/// One pass over the words.
private struct Reading {
    let table: CommandTable
    let words: [String]
    var index = 0
    var command: Command?
    var arguments: [String] = []
    var values: [String: [String]] = [:]
    var areFlagsOver = false

    var flags: [FlagSpec] { (command?.flags ?? []) + table.commonFlags }

    init(table: CommandTable, words: [String]) {
        self.table = table
        self.words = words
    }

    mutating func run() throws(UsageError) {
        while index < words.count {
            let word = words[index]
            index += 1
            if areFlagsOver || word == "-" || !word.hasPrefix("-") {
                try takePlain(word)
            } else if word == "--" {
                areFlagsOver = true
            } else {
                try takeFlag(word)
            }
        }
    }

    func finish() throws(UsageError) -> Invocation {
        guard let command else { throw .noCommand }
        let wantsHelp = values[StarlingFlags.help.spec.name] != nil
        if !wantsHelp, arguments.count < command.arguments.count {
            let missing = command.arguments[arguments.count]
            if missing.isRequired { throw .missingArgument(missing.name, command: command.name) }
        }
        return Invocation(command: command, arguments: arguments, values: values, wantsHelp: wantsHelp)
    }

    private mutating func takePlain(_ word: String) throws(UsageError) {
        guard let command else {
            guard let found = table.command(named: word) else {
                let names = table.visibleCommands.map(\.name.rawValue)
                let nearest = EditDistance.nearest(to: word, among: names)
                throw .unknownCommand(word, suggestion: nearest.map { "'\($0)'" })
            }
            self.command = found
            return
        }
        guard arguments.count < command.arguments.count else {
            throw .unexpectedArgument(word, command: command.name)
        }
        let spec = command.arguments[arguments.count]
        guard spec.accepts(word) else {
            throw .invalidArgument(
                spec.name,
                value: word,
                expectation: spec.expectation,
                command: command.name
            )
        }
        arguments.append(word)
    }

    private mutating func takeFlag(_ word: String) throws(UsageError) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let written = String(parts[0])
        guard let flag = spec(for: written) else {
            let nearest = EditDistance.nearest(to: written, among: flags.map(\.dashed))
            throw .unknownFlag(written, command: command?.name, suggestion: nearest)
        }
        let value = try value(of: flag, attached: parts.count == 2 ? String(parts[1]) : nil)
        // A switch may be given twice: it is as much on as before.
        let isRepeat = values[flag.name] != nil && flag.valueName != nil
        if isRepeat && !flag.isRepeatable { throw .repeatedFlag(flag.dashed, command: command?.name) }
        values[flag.name, default: []].append(value)
    }

    private mutating func value(of flag: FlagSpec, attached: String?) throws(UsageError) -> String {
        guard flag.valueName != nil else {
            if attached != nil { throw .unexpectedValue(flag: flag.dashed, command: command?.name) }
            return ""
        }
        let value: String
        if let attached {
            value = attached
        } else if index < words.count, !isFlag(words[index]) {
            value = words[index]
            index += 1
        } else {
            throw .missingValue(flag: flag.dashed, expectation: flag.expectation, command: command?.name)
        }
        guard flag.accepts(value) else {
            throw .invalidValue(
                flag: flag.dashed,
                value: value,
                expectation: flag.expectation,
                command: command?.name
            )
        }
        return value
    }

    private func spec(for written: String) -> FlagSpec? {
        if written.hasPrefix("--") { return flags.first { $0.dashed == written } }
        guard written.count == 2, written.hasPrefix("-") else { return nil }
        return flags.first { $0.short != nil && $0.short == written.last }
    }

    /// Whether the word is a flag of this command rather than a value that begins with a dash.
    private func isFlag(_ word: String) -> Bool {
        word == "--" || spec(for: String(word.prefix { $0 != "=" })) != nil
    }
}
