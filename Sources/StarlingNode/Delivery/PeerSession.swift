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

    /// What a stream that this node opens is doing for its writer.
    private struct Writing {
        var task: Task<Void, Never>?
        /// Since when the peer has had time to take what is written at once; `nil` while nothing is.
        var since: Instant?
    }

    /// Tells it from the sessions with the same peer before and after it.
    let number: UInt64
    /// By priority.
    private(set) var channels = [Channel](repeating: .closed, count: MessagePriority.allCases.count)
    private var writing = [Writing](repeating: Writing(), count: MessagePriority.allCases.count)
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

    /// A stream is being opened, and written to from there on by this task.
    mutating func open(_ priority: MessagePriority, _ task: Task<Void, Never>?) {
        self[priority] = .busy
        writing[Int(priority.rawValue)] = Writing(task: task)
    }

    /// What is written is being written since then, or nothing is.
    mutating func writes(_ priority: MessagePriority, since time: Instant?) {
        writing[Int(priority.rawValue)].since = time
    }

    /// Since when the peer has had time to take what is being written; `nil` while nothing is.
    func writes(_ priority: MessagePriority) -> Instant? { writing[Int(priority.rawValue)].since }

    /// Gives a stream up: it is reset, and its writer ends.
    mutating func giveUp(_ priority: MessagePriority) {
        writing[Int(priority.rawValue)].task?.cancel()
        writing[Int(priority.rawValue)] = Writing()
    }

    /// Tells a writer that waits to look again, or to end its stream.
    mutating func resume(_ priority: MessagePriority, shallLook: Bool) {
        guard case .waiting(let waiter, _) = self[priority] else { return }
        self[priority] = .busy
        waiter.resume(returning: shallLook)
    }
}
