internal import StarlingCore
internal import StarlingTransports
internal import StarlingWorld

/// Sees to it that what is written to a stream goes on: one whose peer takes nothing for long is reset, and the write
/// fails.
///
/// It lives on the loop of the stream's connection, where its callers run too. What begins and ends between two looks costs no
/// timer.
actor WriteWatch {
    private nonisolated let loop: any EventLoop
    private let stream: Stream
    private let patience: Duration
    /// When what is being written began; `nil` while nothing is.
    private var since: Instant?
    private var isOverNow = false
    private var timer: (any LoopTimer)?
    private var isArmed = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    /// - Parameter patience: How long a write may take.
    init(_ stream: Stream, patience: Duration) {
        self.stream = stream
        self.patience = patience
        loop = stream.connection.loop
    }

    /// A write begins.
    ///
    /// - Precondition: the caller runs on the loop of the stream's connection, as for all that is asked here.
    nonisolated func begin() {
        enter { watch in
            watch.since = watch.loop.now
            if !watch.isArmed { watch.arm(at: watch.loop.now + watch.patience) }
        }
    }

    /// The write has ended.
    nonisolated func end() { enter { $0.since = nil } }

    /// Whether the stream was reset because nothing went on.
    nonisolated var isOver: Bool { assumeIsolated { $0.isOverNow } }

    private func arm(at deadline: Instant) {
        isArmed = true
        let timer = timer ?? loop.makeTimer { [weak self] in self?.enter { $0.look() } }
        self.timer = timer
        timer.arm(at: deadline)
    }

    private func look() {
        isArmed = false
        guard let since else { return }
        let end = since + patience
        guard end <= loop.now else { return arm(at: end) }
        isOverNow = true
        loop.startTask { [stream] in await stream.reset() }
    }
}
