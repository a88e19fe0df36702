/// An event of the simulation's script, which belongs to no host: a fault, a probe.
final class ScriptedEvent: EventSource {
    private let body: () -> Void

    init(_ body: @escaping () -> Void) { self.body = body }

    override func fire(_ sequence: UInt64) { body() }
}

/// Keeps a repeated step of a script going; dropping it ends it.
package final class ScriptedRoutine {
    private let source: RoutineEvent

    init(scheduler: Scheduler, interval: Int64, body: @escaping () -> Void) {
        source = RoutineEvent(scheduler: scheduler, interval: interval, body: body)
        source.scheduleNext()
    }

    deinit { source.cancel() }

    /// Ends the routine.
    package func cancel() { source.cancel() }
}

private final class RoutineEvent: EventSource {
    private let scheduler: Scheduler
    private let interval: Int64
    private var body: (() -> Void)?

    init(scheduler: Scheduler, interval: Int64, body: @escaping () -> Void) {
        self.scheduler = scheduler
        self.interval = interval
        self.body = body
    }

    func cancel() { body = nil }

    func scheduleNext() { _ = scheduler.schedule(self, at: scheduler.now + max(interval, 1)) }

    override func fire(_ sequence: UInt64) {
        guard let body else { return }
        body()
        scheduleNext()
    }
}
