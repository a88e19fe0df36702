internal import StarlingCore
internal import StarlingWorld

/// A timer of a simulated loop.
///
/// Dropping it disarms it.
final class SimulatedTimer: LoopTimer {
    private let source: TimerSource

    init(loop: SimulatedLoop, fire: @escaping @Sendable () -> Void) {
        source = TimerSource(loop: loop, fire: fire)
    }

    deinit { source.drop() }

    func arm(at deadline: Instant) { source.arm(at: deadline.nanosecondsSinceOrigin) }
    func disarm() { source.disarm() }
}

/// The part of a timer that stands in the event heap.
///
/// Re-arming for a later time only notes the time: the entry that is there finds out when it is due. A timer
/// that is pushed back with every packet costs one entry, not one per packet.
private final class TimerSource: EventSource {
    private let loop: SimulatedLoop
    private var action: (@Sendable () -> Void)?
    /// When and in which order to fire; `nil` when disarmed.
    private var deadline: Int64?
    private var order: UInt64 = 0
    /// The entry in the heap that counts.
    private var entryTime: Int64?
    private var entrySequence: UInt64 = 0

    init(loop: SimulatedLoop, fire: @escaping @Sendable () -> Void) {
        self.loop = loop
        action = fire
    }

    override var stalledUntil: Int64 { loop.host.stalledUntil }

    func drop() {
        action = nil
        deadline = nil
    }

    func disarm() {
        loop.expectCurrent()
        deadline = nil
    }

    func arm(at time: Int64) {
        loop.expectCurrent()
        let scheduler = loop.scheduler
        deadline = max(time, scheduler.now)
        order = scheduler.nextSequence()
        if let entryTime, entryTime <= max(time, scheduler.now) { return }
        push()
    }

    override func fire(_ sequence: UInt64) {
        guard sequence == entrySequence, entryTime != nil else { return }
        entryTime = nil
        guard let deadline, let action, loop.runsJobs else { return }
        let scheduler = loop.scheduler
        guard deadline <= scheduler.now, order == sequence else { return push() }
        self.deadline = nil
        scheduler.trace.record(.timer, at: scheduler.now, from: loop.host.id, to: loop.host.id, value: 0)
        scheduler.enter(loop) { action() }
    }

    private func push() {
        guard let deadline else { return }
        entryTime = deadline
        entrySequence = order
        loop.scheduler.schedule(self, at: deadline, sequence: order)
    }
}
