internal import StarlingCore

/// Random delays from a seed that the driver draws: enough to spread packets, never for secrets.
struct MDNSJitter: Sendable {
    private var draws: SplitMix64

    init(seed: UInt64) {
        draws = SplitMix64(seed: seed)
    }

    /// A duration in the range, in whole milliseconds.
    mutating func milliseconds(_ range: ClosedRange<Int>) -> Duration {
        .milliseconds(range.lowerBound + draws.number(below: range.count))
    }
}
