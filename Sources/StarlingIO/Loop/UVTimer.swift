internal import StarlingCore
internal import StarlingWorld

/// A timer of a ``UVLoop``.
///
/// Dropping it disarms it, on whatever thread that happens.
final class UVTimer: LoopTimer {
    private let loop: UVLoop
    private let entry: TimerEntry

    init(loop: UVLoop, fire: @escaping @Sendable () -> Void) {
        self.loop = loop
        entry = TimerEntry(fire: fire)
    }

    deinit { loop.drop(entry) }

    func arm(at deadline: Instant) { loop.arm(entry, at: deadline) }

    /// The entry stays where it is in the heap, so that arming it again later costs nothing.
    func disarm() { entry.deadline = nil }
}
