package import StarlingCore

/// What went wrong, why, and what to do next: the one form in which the tool reports a failure.
package struct Diagnostic: Error, Equatable, Sendable {
    /// A stable word for programs, such as `no_node`.
    package var code: String
    /// What and why, a sentence or two.
    package var message: String
    /// What the user can do about it; may be empty.
    package var nextStep: String

    package init(code: String, message: String, nextStep: String) {
        self.code = code
        self.message = message
        self.nextStep = nextStep
    }

    /// The diagnostic of a command line that was not understood.
    package init(_ error: UsageError, program: String) {
        code = "misused"
        message = error.message
        nextStep =
            "See: "
            + ([program, "help"] + (error.command.map { [$0.rawValue] } ?? [])).joined(separator: " ")
    }

    /// The words of failures that lie in the command line itself.
    private static let misuses = ["misused", "invalid_multiaddr", "invalid_peer_id", "invalid_scenario"]

    /// How the process ends that reports this.
    package var exitStatus: ExitStatus { Self.misuses.contains(code) ? .misused : .failed }

    /// The same shape in which the API tells a failure.
    package var json: JSON {
        ["error": ["code": .string(code), "message": .string(message), "next_step": .string(nextStep)]]
    }

    /// One line for a terminal: `starling: no node is running in …. Start one with: starling up`.
    package func render(program: String, style: TextStyle) -> String {
        let text = "\(program): " + TerminalText.lines(message)
        return style.red(text) + (nextStep.isEmpty ? "" : " " + TerminalText.lines(nextStep)) + "\n"
    }
}

/// How a process ends.
package enum ExitStatus: Int32, Sendable {
    case succeeded = 0
    case failed = 1
    /// The command line was not understood.
    case misused = 2
}
