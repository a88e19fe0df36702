internal import StarlingCore
internal import Synchronization

/// One JSON object a line on standard output, from any thread.
final class PeerLines: Sendable {
    /// Locked for a whole line: a long one takes several writes.
    private let console: Mutex<Console>

    init(_ console: Console) { self.console = Mutex(console) }

    func write(_ object: JSON) {
        // A harness that has gone away ends the process by ending its input.
        console.withLock { try? $0.write(object.text + "\n") }
    }
}
