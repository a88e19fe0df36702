/// Bold, dim and coloured text, or plain text where that is not wanted.
package struct TextStyle: Sendable, Equatable {
    package var isColoured: Bool

    package init(isColoured: Bool) { self.isColoured = isColoured }

    /// Colours on a terminal, unless the user has said no: `NO_COLOR` with any value, or a dumb terminal.
    ///
    /// Spec: <https://no-color.org>.
    package init(isTerminal: Bool, noColor: String?, term: String?) {
        let isRefused = noColor.map { !$0.isEmpty } ?? false
        isColoured = isTerminal && !isRefused && term != "dumb"
    }

    package static let plain = TextStyle(isColoured: false)

    package func bold(_ text: String) -> String { wrap(text, "1") }
    package func dim(_ text: String) -> String { wrap(text, "2") }
    package func red(_ text: String) -> String { wrap(text, "31") }
    package func green(_ text: String) -> String { wrap(text, "32") }
    package func yellow(_ text: String) -> String { wrap(text, "33") }

    private func wrap(_ text: String, _ code: String) -> String {
        isColoured && !text.isEmpty ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}

/// Text from others, made safe to print.
package enum TerminalText {
    /// The text with control characters replaced, so that a peer's name cannot move the cursor or break a table.
    package static func oneLine(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? "\u{FFFD}" : $0 }))
    }

    /// The same, but lines stay lines.
    package static func lines(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { oneLine(String($0)) }
            .joined(separator: "\n")
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        // Overrides of the writing direction can make a line read other than it is.
        case .format: (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
        default: false
        }
    }
}
