package import StarlingCore

/// One thread (in the simulator: one virtual thread) that runs sockets, timers, actors and tasks.
///
/// An actor whose `unownedExecutor` is a loop runs on that loop's thread, so callbacks of the loop may use
/// `assumeIsolated` on it. All members but ``now``, ``isCurrent`` and the executor's own are for that
/// thread only and trap elsewhere.
///
/// The interface is shaped by completions, callbacks into delegates: nothing here is `async`.
package protocol EventLoop: SerialExecutor, TaskExecutor {
    /// The monotonic clock. All loops of a world share one origin.
    var now: Instant { get }

    /// Whether the caller runs on this loop.
    var isCurrent: Bool { get }

    /// A timer that is not armed. It holds `fire` until it is gone; dropping the timer disarms it.
    func makeTimer(_ fire: @escaping @Sendable () -> Void) -> any LoopTimer

    /// Runs `work` after the current callback or job and before the loop waits again.
    ///
    /// What many small writes of one turn share, such as one seal and one system call, is done there.
    func atEndOfTurn(_ work: any EndOfTurnWork)

    /// Begins to connect a byte stream; the delegate hears how it went.
    func connect(to remote: SocketAddress, delegate: any StreamSocketDelegate) throws(SocketError)
        -> any StreamSocket

    /// Takes a connection that a listener accepted, possibly on another loop.
    func adopt(_ accepted: AcceptedSocket, delegate: any StreamSocketDelegate) throws(SocketError)
        -> any StreamSocket

    /// Listens for byte streams; `onAccept` is called on this loop.
    func listen(
        on local: SocketAddress,
        onAccept: @escaping @Sendable (AcceptedSocket) -> Void
    ) throws(SocketError) -> any ListenerSocket

    /// Opens a datagram socket.
    func openDatagram(_ options: DatagramOptions, delegate: any DatagramSocketDelegate) throws(SocketError)
        -> any DatagramSocket

    /// A pooled block for one outgoing record: ``LoopBlock/recordByteCount`` bytes, content undefined.
    func takeRecordBuffer() -> Buffer
}

/// Work that a loop does once at the end of a turn, however often it was asked for in that turn.
package protocol EndOfTurnWork: AnyObject, Sendable {
    func endOfTurn()
}

/// The sizes of a loop's pooled blocks.
package enum LoopBlock {
    /// One outgoing record: 64 KiB of content, and room for headers and tags around it.
    package static let recordByteCount = 65_536 + 128
    /// One read from a socket.
    package static let readByteCount = 262_144
}

/// A timer of one loop.
///
/// Any number cost one timer of the operating system.
package protocol LoopTimer: AnyObject {
    /// Fires once at `deadline`, or at once if that has passed; replaces an earlier deadline.
    func arm(at deadline: Instant)
    /// Forgets the deadline.
    func disarm()
}

extension EventLoop {
    /// Starts a root task on this loop.
    ///
    /// The one place where tasks come from.
    ///
    /// The preference matters: a task without it resumes through the global executor, which costs about three
    /// times the CPU for each suspension, and in the simulator escapes the seeded order.
    ///
    /// The caller owns the task: it awaits or cancels it.
    @discardableResult
    package func startTask(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        Task(executorPreference: self) { await body() }  // tidy-ok: the ban points here
    }

    /// Like ``startTask(_:)``, for work with a result.
    package func startTask<Value: Sendable>(
        returning type: Value.Type = Value.self,
        _ body: @escaping @Sendable () async throws -> Value
    ) -> Task<Value, any Error> {
        Task(executorPreference: self) { try await body() }  // tidy-ok: the ban points here
    }

    /// Suspends until `deadline`, or throws at once when the task is cancelled.
    package func sleep(until deadline: Instant) async throws(CancellationError) {
        try await LoopSleep.sleep(on: self, until: deadline)
    }

    /// Suspends for `duration`, or throws at once when the task is cancelled.
    package func sleep(for duration: Duration) async throws(CancellationError) {
        try await sleep(until: now + duration)
    }
}
