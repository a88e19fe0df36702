internal import StarlingCore

/// Why a simulation stopped before it was told to.
package enum SimulationError: Error, Equatable, Sendable {
    /// Work came from another thread: a task that was not started with a loop's preference resumed, so the
    /// run no longer depends on the seed alone.
    ///
    /// Look for a task that was not started by a loop.
    case escaped(jobCount: Int)
    /// The tasks of one moment never came to rest: something spins without waiting for time or input.
    case livelock(jobCount: Int)
    /// The awaited work did not end within its virtual time.
    case unfinished(after: Duration)
    /// The awaited work cannot end: nothing is left to happen.
    case deadlock
}
