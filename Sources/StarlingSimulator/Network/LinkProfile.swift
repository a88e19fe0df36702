internal import StarlingCore

/// How the way from one host to another behaves, the same in both directions.
package struct LinkProfile: Equatable, Sendable {
    /// The time that every packet takes at least.
    package var latency: Duration
    /// Up to this is added to each packet's latency, evenly distributed.
    package var jitter: Duration
    /// What the sender's side of the way carries; `nil` for without limit.
    package var bytesPerSecond: Int?
    /// The share of packets that are lost.
    ///
    /// A stream repeats them after a time; a datagram is gone.
    package var lossRatio: Double
    /// The share of datagrams that arrive twice.
    package var duplicationRatio: Double
    /// The share of datagrams that others overtake, by up to ``reorderDelay``.
    package var reorderRatio: Double
    package var reorderDelay: Duration

    package init(
        latency: Duration = .milliseconds(5),
        jitter: Duration = .zero,
        bytesPerSecond: Int? = nil,
        lossRatio: Double = 0,
        duplicationRatio: Double = 0,
        reorderRatio: Double = 0,
        reorderDelay: Duration = .milliseconds(20)
    ) {
        self.latency = latency
        self.jitter = jitter
        self.bytesPerSecond = bytesPerSecond
        self.lossRatio = lossRatio
        self.duplicationRatio = duplicationRatio
        self.reorderRatio = reorderRatio
        self.reorderDelay = reorderDelay
    }

    /// From a host to itself.
    package static let loopback = LinkProfile(latency: .microseconds(20))
    /// Two hosts on one switch.
    package static let lan = LinkProfile(latency: .microseconds(200), jitter: .microseconds(50))
}

/// The profile in the units of the event heap, so that a segment costs no division.
struct LinkTiming {
    var profile: LinkProfile
    var latency: Int64
    var jitter: Int
    var reorderDelay: Int

    init(_ profile: LinkProfile) {
        self.profile = profile
        latency = max(0, profile.latency.nanosecondsClamped)
        jitter = Int(max(0, profile.jitter.nanosecondsClamped))
        reorderDelay = Int(max(0, profile.reorderDelay.nanosecondsClamped))
    }
}
