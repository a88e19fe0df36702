package import StarlingCore

/// The command table for programs: what ``HelpText`` tells people.
package struct HelpDocument: Sendable {
    private let table: CommandTable

    package init(table: CommandTable) { self.table = table }

    /// All commands.
    package var json: JSON {
        [
            "program": .string(table.program), "summary": .string(table.summary),
            "commands": .array(table.visibleCommands.map(json)),
        ]
    }

    /// One command: what it does, its arguments, and all flags that it takes.
    package func json(_ command: Command) -> JSON {
        [
            "name": .string(command.name.rawValue), "summary": .string(command.summary),
            "details": .string(command.details),
            "usage": .string(HelpText(table: table, style: .plain).usage(command)),
            "arguments": .array(
                command.arguments.map { argument in
                    [
                        "name": .string(argument.name), "summary": .string(argument.summary),
                        "required": .bool(argument.isRequired), "values": JSON(argument.candidates),
                    ]
                }
            ),
            "flags": .array((command.flags + table.commonFlags).map(Self.json)),
            "example": .string(command.example),
        ]
    }

    private static func json(_ flag: FlagSpec) -> JSON {
        [
            "name": .string(flag.dashed), "short": flag.short.map { .string("-\($0)") } ?? .null,
            "value": flag.valueName.map { .string($0) } ?? .null, "summary": .string(flag.summary),
            "repeatable": .bool(flag.isRepeatable), "values": JSON(flag.candidates),
        ]
    }
}
