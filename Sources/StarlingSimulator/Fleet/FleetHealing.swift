internal import StarlingCore

/// How long it takes after a partition until all that waited for its end is delivered or expired.
struct FleetHealing {
    /// Messages that waited when the last partition ended, and still do.
    private var waiting: Set<UInt64> = []
    private var start: Int64 = 0
    /// How many waited after each partition.
    private(set) var counts: [Int] = []
    /// How long it took after each partition; `nil` where it has not come to its end.
    private(set) var times: [Duration?] = []

    mutating func begin(_ numbers: [UInt64], now: Int64) {
        waiting = Set(numbers)
        start = now
        counts.append(waiting.count)
        times.append(waiting.isEmpty ? .zero : nil)
    }

    mutating func ended(_ number: UInt64, now: Int64) {
        guard waiting.remove(number) != nil, waiting.isEmpty else { return }
        times[times.count - 1] = .nanoseconds(now - start)
    }

    /// The longest; `nil` where there was none, or one has not come to its end.
    var longest: Duration? {
        let known = times.compactMap(\.self)
        return known.count == times.count ? known.max() : nil
    }

    /// Whether each came to its end within this time.
    func isWithin(_ limit: Duration) -> Bool { times.allSatisfy { $0.map { $0 <= limit } ?? false } }
}
