/// Scripts that teach a shell the commands and flags, from the command table.
package struct CompletionScript: Sendable {
    private let table: CommandTable

    package init(table: CommandTable) { self.table = table }

    /// The script for `shell`, or nil for one that we do not know.
    package func script(for shell: String) -> String? {
        switch shell {
        case "bash": bash()
        case "zsh": "#compdef \(table.program)\nautoload -U +X bashcompinit && bashcompinit\n" + bash()
        case "fish": fish()
        default: nil
        }
    }

    private func bash() -> String {
        let program = table.program
        var cases = ""
        for command in table.visibleCommands {
            let words =
                (command.flags + table.commonFlags).map(\.dashed)
                + (command.name == .help
                    ? table.visibleCommands.map(\.name.rawValue) : command.arguments.flatMap(\.candidates))
            cases += "        \(command.name.rawValue)) words=\"\(words.joined(separator: " "))\" ;;\n"
        }
        var values = ""
        for flag in valueFlags() {
            values += "        \(flag.dashed)) words=\"\(flag.candidates.joined(separator: " "))\" ;;\n"
        }
        let names = table.visibleCommands.map(\.name.rawValue).joined(separator: " ")
        return """
            _\(program)() {
                local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} words=""
                case $previous in
                    --home) COMPREPLY=($(compgen -d -- "$word")); return ;;
            \(values)    esac
                if [ -z "$words" ]; then
                    case ${COMP_WORDS[1]} in
            \(cases)        *) words="\(names)" ;;
                    esac
                fi
                COMPREPLY=($(compgen -W "$words" -- "$word"))
            }
            complete -F _\(program) \(program)

            """
    }

    private func fish() -> String {
        let program = table.program
        var lines = ["complete -c \(program) -f"]
        for command in table.visibleCommands {
            let name = command.name.rawValue
            lines.append(
                "complete -c \(program) -n __fish_use_subcommand -a \(name) -d \(Self.quoted(command.summary))"
            )
            let condition = "-n '__fish_seen_subcommand_from \(name)'"
            for flag in command.flags + table.commonFlags {
                let short = flag.short.map { " -s \($0)" } ?? ""
                let choices = flag.candidates.isEmpty ? "" : " -a '\(flag.candidates.joined(separator: " "))'"
                let takesValue = flag.valueName == nil ? "" : " -r"
                lines.append(
                    "complete -c \(program) \(condition) -l \(flag.name)\(short)\(takesValue)\(choices) "
                        + "-d \(Self.quoted(flag.summary))"
                )
            }
            let candidates = command.arguments.flatMap(\.candidates)
            if !candidates.isEmpty {
                lines.append("complete -c \(program) \(condition) -a '\(candidates.joined(separator: " "))'")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The flags whose values can be listed, each once.
    private func valueFlags() -> [FlagSpec] {
        var seen: Set<String> = []
        let flags = table.visibleCommands.flatMap(\.flags) + table.commonFlags
        return flags.filter { !$0.candidates.isEmpty && seen.insert($0.name).inserted }
    }

    private static func quoted(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "\\'") + "'"
    }
}
