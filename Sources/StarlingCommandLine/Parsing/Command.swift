/// A positional argument of a command.
package struct ArgumentSpec: Sendable {
    /// How help calls it, such as `PEER`.
    package var name: String
    package var summary: String
    package var isRequired: Bool
    /// What a value looks like, for the message that refuses another.
    package var expectation: String
    /// The values to offer when completing.
    package var candidates: [String]
    package var accepts: @Sendable (String) -> Bool

    package init(
        _ name: String,
        _ summary: String,
        isRequired: Bool = true,
        expectation: String = "a text",
        candidates: [String] = [],
        accepts: @escaping @Sendable (String) -> Bool = { !$0.isEmpty }
    ) {
        self.name = name
        self.summary = summary
        self.isRequired = isRequired
        self.expectation = expectation
        self.candidates = candidates
        self.accepts = accepts
    }
}

/// One row of the command table: all that parser, help and completions know of a command.
package struct Command: Sendable {
    package var name: CommandName
    /// One line for the list of commands.
    package var summary: String
    /// What the command does and prints, for its own help; may be empty.
    package var details: String
    package var arguments: [ArgumentSpec]
    /// The command's own flags; the common ones are added by the table.
    package var flags: [FlagSpec]
    /// A command line that works as it stands, and what it does.
    package var example: String
    /// Left out of help and completions: for our own harnesses.
    package var isHidden: Bool

    package init(
        _ name: CommandName,
        _ summary: String,
        details: String = "",
        arguments: [ArgumentSpec] = [],
        flags: [FlagSpec] = [],
        example: String,
        isHidden: Bool = false
    ) {
        self.name = name
        self.summary = summary
        self.details = details
        self.arguments = arguments
        self.flags = flags
        self.example = example
        self.isHidden = isHidden
    }
}

/// The commands and the flags that all of them take.
package struct CommandTable: Sendable {
    /// The program's name, as one types it.
    package var program: String
    package var summary: String
    package var commands: [Command]
    package var commonFlags: [FlagSpec]

    package init(program: String, summary: String, commands: [Command], commonFlags: [FlagSpec]) {
        self.program = program
        self.summary = summary
        self.commands = commands
        self.commonFlags = commonFlags
    }

    package func command(named name: String) -> Command? {
        commands.first { $0.name.rawValue == name }
    }

    var visibleCommands: [Command] { commands.filter { !$0.isHidden } }
}
