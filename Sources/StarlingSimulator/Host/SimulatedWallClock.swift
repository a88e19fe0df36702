package import StarlingCore
internal import StarlingWorld
internal import Synchronization

/// A host's idea of the time of day: the virtual time since an origin, and an error.
package final class SimulatedWallClock: WallClock {
    private let scheduler: Scheduler
    private let origin: WallTime
    private let skewValue: Mutex<Duration>

    init(scheduler: Scheduler, origin: WallTime, skew: Duration) {
        self.scheduler = scheduler
        self.origin = origin
        skewValue = Mutex(skew)
    }

    /// How far this clock is ahead of the simulation's.
    ///
    /// Setting it makes the clock jump.
    package var skew: Duration {
        get { skewValue.withLock { $0 } }
        set { skewValue.withLock { $0 = newValue } }
    }

    package var now: WallTime {
        let elapsed = scheduler.now + skew.nanosecondsClamped
        return WallTime(millisecondsSince1970: origin.millisecondsSince1970 + elapsed / 1_000_000)
    }
}
