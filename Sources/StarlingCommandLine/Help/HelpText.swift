/// Help for people, from the command table.
package struct HelpText: Sendable {
    private let table: CommandTable
    private let style: TextStyle
    /// Lines are wrapped at this many characters.
    private let width: Int

    package init(table: CommandTable, style: TextStyle, width: Int = 100) {
        self.table = table
        self.style = style
        self.width = width
    }

    /// All commands, a line each.
    package func overview() -> String {
        let rows = table.visibleCommands.map { ($0.name.rawValue, $0.summary) }
        return """
            \(table.summary)

            \(style.bold("Usage")): \(table.program) COMMAND [FLAGS]

            \(style.bold("Commands"))
            \(listing(rows))
            \(style.bold("Flags of every command"))
            \(listing(table.commonFlags.map(row)))
            \(style.bold("Start here"))
              \(table.program) up          in one terminal of each device
              \(table.program) peers       in another: who has been found

            \(style.bold("Exit status"))
              0   what was asked for is done
              1   it is not: standard error says why, and what to do next
              2   the command line was not understood: nothing was done

            '\(table.program) help COMMAND' tells more about one.

            """
    }

    /// One command: usage, arguments, flags and an example.
    package func page(_ command: Command) -> String {
        var text = wrapped(command.summary + ".", indent: 0)
        if !command.details.isEmpty { text += "\n" + wrapped(command.details, indent: 0) }
        text += "\n\(style.bold("Usage")): \(usage(command))\n"
        if !command.arguments.isEmpty {
            let rows = command.arguments.map { ($0.name, $0.summary + Self.candidates($0.candidates)) }
            text += "\n\(style.bold("Arguments"))\n" + listing(rows)
        }
        if !command.flags.isEmpty {
            text += "\n\(style.bold("Flags"))\n" + listing(command.flags.map(row))
        }
        text += "\n\(style.bold("Flags of every command"))\n" + listing(table.commonFlags.map(row))
        return text + "\n\(style.bold("Example"))\n  \(command.example)\n"
    }

    /// How a command is called, on one line.
    package func usage(_ command: Command) -> String {
        let arguments = command.arguments.map { $0.isRequired ? $0.name : "[\($0.name)]" }
        return ([table.program, command.name.rawValue] + arguments + ["[FLAGS]"]).joined(separator: " ")
    }

    private func row(_ flag: FlagSpec) -> (String, String) {
        let short = flag.short.map { "-\($0), " } ?? ""
        let value = flag.valueName.map { " " + $0 } ?? ""
        return (short + flag.dashed + value, flag.summary + (flag.isRepeatable ? " Repeatable." : ""))
    }

    private static func candidates(_ words: [String]) -> String {
        words.isEmpty ? "" : ": " + words.joined(separator: ", ")
    }

    /// Two columns, the right one wrapped beside the left; a long left side has a line of its own.
    private func listing(_ rows: [(left: String, right: String)]) -> String {
        let column = min(26, rows.reduce(0) { max($0, $1.left.count) }) + 4
        return rows.map { row in
            let lines = Self.lines(row.right, width: max(30, width - column))
            let indent = String(repeating: " ", count: column)
            let isLong = row.left.count + 4 > column
            let pad = String(repeating: " ", count: max(0, column - 2 - row.left.count))
            let head = "  " + row.left + (isLong ? "\n" + indent : pad)
            return head + lines.joined(separator: "\n" + indent) + "\n"
        }.joined()
    }

    private func wrapped(_ text: String, indent: Int) -> String {
        let pad = String(repeating: " ", count: indent)
        return Self.lines(text, width: width - indent).map { pad + $0 + "\n" }.joined()
    }

    /// Breaks a paragraph between words; a word longer than a line has one of its own.
    static func lines(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(whereSeparator: \.isWhitespace) {
            if !line.isEmpty, line.count + 1 + word.count > width {
                lines.append(line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return line.isEmpty ? lines : lines + [line]
    }
}
