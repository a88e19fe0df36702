internal import StarlingCore

/// How long to wait before the next attempt: doubled from one to the next, up to a limit, and spread.
package struct RetrySchedule: Equatable, Sendable {
    package struct Limits: Equatable, Sendable {
        /// Before the second attempt.
        package var first: Duration = .seconds(1)
        /// Between attempts in the long run.
        package var longest: Duration = .seconds(300)
        /// By how much each wait is longer or shorter, so that those who failed together do not return together.
        package var jitterRatio = 0.1

        package init() {}
    }

    /// Waits since the last success.
    package private(set) var count: UInt8 = 0

    package init() {}

    /// Starts over, after a success.
    package mutating func reset() { count = 0 }

    /// The next wait.
    package mutating func next(_ limits: Limits, _ jitter: inout DeliveryJitter) -> Duration {
        let doublings = Int64(1) << Int64(min(count, 32))
        if count < .max { count += 1 }
        let (product, overflow) = limits.first.nanosecondsClamped.multipliedReportingOverflow(by: doublings)
        let wait = min(overflow ? .max : product, limits.longest.nanosecondsClamped)
        return .nanoseconds(Int64(Double(wait) * (1 + limits.jitterRatio * jitter.balanced())))
    }
}

/// What spreads the attempts: SplitMix64 from a seed that the driver draws; never for secrets.
package struct DeliveryJitter: Equatable, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    /// A number from -1 to 1.
    package mutating func balanced() -> Double {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        mixed ^= mixed >> 31
        return Double(mixed >> 11) / Double(1 << 52) - 1
    }
}
