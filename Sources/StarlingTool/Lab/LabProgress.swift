internal import Synchronization

/// Says on the terminal's ``StatusLine`` what the lab is doing.
final class LabProgress: Sendable {
    private let line: StatusLine
    private let state = Mutex((title: "", text: ""))

    init(_ console: Console, isShown: Bool) {
        line = StatusLine(console, isShown: isShown)
    }

    /// Begins a part of the work.
    func begin(_ title: String) {
        state.withLock { $0 = (title, "") }
        show("")
    }

    /// How far the part is.
    func show(_ text: String) {
        let changed = state.withLock { state -> String? in
            let text = text.isEmpty ? state.title : "\(state.title): \(text)"
            guard text != state.text else { return nil }
            state.text = text
            return text
        }
        if let changed { line.show(changed) }
    }

    /// Leaves an empty line.
    func clear() { line.clear() }
}
