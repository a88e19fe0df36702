package import StarlingCore

/// How long to leave an address alone after it failed, so that a peer that is away costs little.
///
/// The wait starts at ``Limits/waitMin`` and doubles with each failure up to ``Limits/waitMax``; a success
/// forgets it.
package struct DialBackoff: Sendable {
    package struct Limits: Sendable {
        package var waitMin: Duration = .seconds(1)
        package var waitMax: Duration = .seconds(300)
        /// Entries kept; the one that ends first is forgotten beyond it.
        package var entryCountMax = 1024

        package init() {}
    }

    /// What failed: one address of a peer, or all that are known.
    package enum Key: Hashable, Sendable {
        case peer(PeerID)
        case address(PeerID?, Multiaddr)
    }

    private struct Entry {
        var failureCount: Int
        var until: Instant
        /// Counts up with each failure: tells entries that end at one moment apart.
        var number: UInt64
    }

    private let limits: Limits
    private var entries: [Key: Entry] = [:]
    private var lastNumber: UInt64 = 0

    package init(limits: Limits = Limits()) { self.limits = limits }

    /// Until when the key should be left alone, `nil` when it may be dialled.
    package func waitsUntil(_ key: Key, now: Instant) -> Instant? {
        guard let entry = entries[key], entry.until > now else { return nil }
        return entry.until
    }

    package mutating func failed(_ key: Key, now: Instant) {
        let failureCount = (entries[key]?.failureCount ?? 0) + 1
        let factor = 1 << min(failureCount - 1, 20)
        let wait = min(limits.waitMin * factor, limits.waitMax)
        if entries[key] == nil && entries.count >= limits.entryCountMax { forgetEarliest() }
        lastNumber += 1
        entries[key] = Entry(failureCount: failureCount, until: now + wait, number: lastNumber)
    }

    package mutating func succeeded(_ key: Key) { entries[key] = nil }

    package var entryCount: Int { entries.count }

    private mutating func forgetEarliest() {
        let earliest = entries.min {
            ($0.value.until, $0.value.number) < ($1.value.until, $1.value.number)
        }
        guard let earliest else { return }
        entries[earliest.key] = nil
    }
}
