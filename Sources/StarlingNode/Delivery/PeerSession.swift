internal import StarlingCore
internal import StarlingMesh
internal import StarlingWorld

/// What the node has with one connected peer: a stream for each priority in use, and what is due to it.
struct PeerSession {
    /// A stream that this node opens for messages of one priority.
    enum Channel {
        case closed
        /// It is being opened, or its writer is at work.
        case busy
        /// Its writer waits for something to write; told `false` it ends the stream.
        case waiting(Waiter<Bool>, since: Instant)
    }

    /// Tells it from the sessions with the same peer before and after it.
    let number: UInt64
    /// By priority.
    private(set) var channels = [Channel](repeating: .closed, count: MessagePriority.allCases.count)
    /// Receipts are due.
    var owesReceipts = false
    /// A settlement is due.
    var owesSettlement = false
    /// Streams of the peer that wait to answer it, and will take the receipts along.
    var answererCount = 0

    /// Streams in a row that failed, and when the last one did.
    private var failures: (count: Int, last: Instant)?

    init(number: UInt64) { self.number = number }

    /// Notes that a stream failed, and returns for how long none is opened in its place: not at all after the first.
    ///
    /// A peer that refuses each stream would otherwise keep both sides busy with opening them.
    mutating func pauseAfterFailure(now: Instant, most: Duration) -> Duration {
        let before = failures.flatMap { $0.last + most * 2 > now ? $0.count : nil } ?? 0
        failures = (before + 1, now)
        return before == 0 ? .zero : min(most, .milliseconds(50) * (1 << min(before, 16)))
    }

    subscript(_ priority: MessagePriority) -> Channel {
        get { channels[Int(priority.rawValue)] }
        set { channels[Int(priority.rawValue)] = newValue }
    }

    /// The most urgent stream whose writer waits.
    var waitingPriority: MessagePriority? {
        MessagePriority.allCases.first {
            if case .waiting = self[$0] { true } else { false }
        }
    }

    var hasOpenChannel: Bool {
        MessagePriority.allCases.contains {
            if case .closed = self[$0] { false } else { true }
        }
    }

    /// Tells a writer that waits to look again, or to end its stream.
    mutating func resume(_ priority: MessagePriority, shallLook: Bool) {
        guard case .waiting(let waiter, _) = self[priority] else { return }
        self[priority] = .busy
        waiter.resume(returning: shallLook)
    }
}
