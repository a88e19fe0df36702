package import StarlingCore
package import StarlingWorld

/// One virtual thread of a host: all its sockets, timers, actors and tasks, stepped by the ``Simulation``.
///
/// All loops of a simulation share one clock and one order of events, and run on the one thread that runs the
/// simulation; each still is an executor of its own, so that a call from one host's actor into another's
/// without `await` traps here as it would race in the real world.
package final class SimulatedLoop: EventLoop, @unchecked Sendable {  // tidy-ok: one thread, checked
    let scheduler: Scheduler
    /// Alive as long as the simulation is, which holds both.
    unowned let host: SimulatedHost
    /// Whether the host's process is gone: nothing of it reaches the disk or the network any more.
    private(set) var isDead = false
    /// Whether jobs and timers run all the same, out of everybody's sight: see ``SimulatedHost/Remains``.
    private(set) var isUnwinding = false

    /// Whether jobs and timers run.
    var runsJobs: Bool { !isDead || isUnwinding }

    init(scheduler: Scheduler, host: SimulatedHost) {
        self.scheduler = scheduler
        self.host = host
    }

    // MARK: Executor

    package func enqueue(_ job: consuming ExecutorJob) {
        scheduler.enqueue(UnownedJob(job), on: self)
    }

    package var isCurrent: Bool { scheduler.isOnThread && scheduler.current === self }

    package func checkIsolated() { expectCurrent() }

    package func isIsolatingCurrentContext() -> Bool? { isCurrent }

    // MARK: Time

    package var now: Instant { Instant(nanosecondsSinceOrigin: scheduler.now) }

    package func makeTimer(_ fire: @escaping @Sendable () -> Void) -> any LoopTimer {
        expectCurrent()
        return SimulatedTimer(loop: self, fire: fire)
    }

    package func atEndOfTurn(_ work: any EndOfTurnWork) {
        expectCurrent()
        scheduler.atEndOfTurn(work, on: self)
    }

    // MARK: Sockets

    package func connect(to remote: SocketAddress, delegate: any StreamSocketDelegate) throws(SocketError)
        -> any StreamSocket
    {
        expectCurrent()
        return try host.connect(to: remote, loop: self, delegate: delegate)
    }

    package func adopt(_ accepted: AcceptedSocket, delegate: any StreamSocketDelegate) throws(SocketError)
        -> any StreamSocket
    {
        expectCurrent()
        return try host.adopt(accepted, loop: self, delegate: delegate)
    }

    package func listen(
        on local: SocketAddress,
        onAccept: @escaping @Sendable (AcceptedSocket) -> Void
    ) throws(SocketError) -> any ListenerSocket {
        expectCurrent()
        return try host.listen(on: local, loop: self, onAccept: onAccept)
    }

    package func openDatagram(_ options: DatagramOptions, delegate: any DatagramSocketDelegate)
        throws(SocketError) -> any DatagramSocket
    {
        expectCurrent()
        return try host.openDatagram(options, loop: self, delegate: delegate)
    }

    package func takeRecordBuffer() -> Buffer {
        expectCurrent()
        return scheduler.recordBuffers.take()
    }

    // MARK: For the simulator

    /// Runs `body` as if it were a callback of this loop, for what has to be called on it.
    ///
    /// What it sets going runs with the simulation.
    package func perform<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        scheduler.moveToCallingThread()
        return try scheduler.enter(self, body)
    }

    func die(_ remains: SimulatedHost.Remains = .suspended) {
        isDead = true
        isUnwinding = remains == .unwinding
    }

    /// - Precondition: the caller runs on this loop.
    ///
    /// A violation would be a data race in the real world.
    func expectCurrent() {
        precondition(isCurrent, "a loop's member was called off the loop")
    }
}
