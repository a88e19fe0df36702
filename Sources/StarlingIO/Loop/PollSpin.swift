/// Decides how long a loop looks for events by itself before it lets the system put it to sleep.
///
/// A processor that went idle takes some 20 µs to be woken by another one, in a virtual machine more: a request and
/// its answer pay that twice. So a loop whose waits are shorter than that looks again for a moment first. It learns
/// from its waits: after a long one it sleeps at once, and each look in vain makes it sleep more often before the next.
package struct PollSpin: Sendable {
    package struct Limits: Sendable {
        /// How long one look lasts, and what counts as a short wait.
        ///
        /// A request of a few records that is answered at once takes some 80 µs between threads that sleep, with ciphers.
        package var lookMax: Duration = .microseconds(100)
        /// Waits after a look in vain that are not looked through; doubled by each further one up to this.
        package var pauseCountMax = 1024

        package init() {}
    }

    private let limits: Limits
    private var lastWaitWasShort = false
    /// Waits still to be slept through.
    private var pauseCount = 0
    /// What the next look in vain costs.
    private var nextPauseCount = 1

    package init(limits: Limits = Limits()) { self.limits = limits }

    /// How long to look before the wait that begins; `nil` to sleep at once.
    package mutating func begin() -> Duration? {
        guard lastWaitWasShort else { return nil }
        guard pauseCount == 0 else {
            pauseCount -= 1
            return nil
        }
        return limits.lookMax
    }

    /// A look has ended.
    package mutating func looked(found: Bool) {
        if found {
            nextPauseCount = max(1, nextPauseCount / 2)
        } else {
            pauseCount = nextPauseCount
            nextPauseCount = min(nextPauseCount * 2, limits.pauseCountMax)
        }
    }

    /// A wait has ended, with or without a look.
    package mutating func waited(_ duration: Duration) { lastWaitWasShort = duration < limits.lookMax }
}
