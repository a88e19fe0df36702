internal import StarlingCommandLine
internal import Synchronization

/// One line on the terminal that says what the lab is doing; nothing where nobody watches.
final class LabProgress: Sendable {
    private let console: Console
    private let isShown: Bool
    private let state = Mutex((title: "", text: ""))

    init(_ console: Console, isShown: Bool) {
        self.console = console
        self.isShown = isShown
    }

    /// Begins a part of the work.
    func begin(_ title: String) {
        state.withLock { $0 = (title, "") }
        show("")
    }

    /// How far the part is.
    func show(_ text: String) {
        let line = state.withLock { state -> String? in
            let line = text.isEmpty ? state.title : "\(state.title): \(text)"
            guard line != state.text else { return nil }
            state.text = line
            return line
        }
        if isShown, let line { console.say("\r\u{1B}[K\(line)") }
    }

    /// Leaves an empty line.
    func clear() {
        if isShown { console.say("\r\u{1B}[K") }
    }
}
