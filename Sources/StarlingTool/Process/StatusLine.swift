/// One line on the terminal that is drawn again and again; nothing where nobody watches.
struct StatusLine: Sendable {
    private let console: Console
    private let isShown: Bool

    init(_ console: Console, isShown: Bool) {
        self.console = console
        self.isShown = isShown
    }

    /// Draws the line in place of the last one.
    func show(_ line: String) { if isShown { console.say("\r\u{1B}[K\(line)") } }

    /// Leaves an empty line.
    func clear() { show("") }
}
