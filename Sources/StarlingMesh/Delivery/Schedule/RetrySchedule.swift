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

/// What spreads the attempts, from a seed that the driver draws; never for secrets.
package struct DeliveryJitter: Equatable, Sendable {
    private var draws: SplitMix64

    package init(seed: UInt64) { draws = SplitMix64(seed: seed) }

    /// A number from -1 to 1.
    package mutating func balanced() -> Double { Double(draws.next() >> 11) / Double(1 << 52) - 1 }
}
