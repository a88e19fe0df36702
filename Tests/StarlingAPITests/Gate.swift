import Synchronization

/// Keeps those who come to it until it is opened.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [CheckedContinuation<Void, Never>] = []
        var watcher: (count: Int, continuation: CheckedContinuation<Void, Never>)?
    }

    private let state = Mutex(State())

    /// Returns once the gate is open.
    func pass() async {
        await withCheckedContinuation { continuation in
            state.withLock { state in
                if state.isOpen { return continuation.resume() }
                state.waiting.append(continuation)
                guard let watcher = state.watcher, state.waiting.count >= watcher.count else { return }
                watcher.continuation.resume()
                state.watcher = nil
            }
        }
    }

    /// Returns once so many stand before it.
    func waitFor(count: Int) async {
        await withCheckedContinuation { continuation in
            state.withLock { state in
                if state.waiting.count >= count { return continuation.resume() }
                state.watcher = (count, continuation)
            }
        }
    }

    func open() {
        state.withLock { state in
            state.isOpen = true
            for continuation in state.waiting { continuation.resume() }
            state.waiting = []
        }
    }
}
