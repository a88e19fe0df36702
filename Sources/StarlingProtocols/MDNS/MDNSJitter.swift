/// Random delays from a seed that the driver draws.
///
/// SplitMix64: enough to spread packets, never for secrets.
struct MDNSJitter: Sendable {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// A duration in the range, in whole milliseconds.
    mutating func milliseconds(_ range: ClosedRange<Int>) -> Duration {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        mixed ^= mixed >> 31
        return .milliseconds(range.lowerBound + Int(mixed % UInt64(range.count)))
    }
}
