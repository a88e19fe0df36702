internal import StarlingCore

/// How long it takes after each partition until all that waited for its end is delivered or expired.
struct FleetHealing {
    private struct Round {
        /// When the partition ended.
        var start: Int64
        /// Messages that waited then, and still do.
        var waiting: Set<UInt64>
        /// How long it took; `nil` where it has not come to its end.
        var time: Duration?
        /// The message that came to its end last.
        var last: UInt64?
    }

    private var rounds: [Round] = []
    /// How many waited, over all partitions.
    private(set) var count = 0

    mutating func begin(_ numbers: [UInt64], now: Int64) {
        count += numbers.count
        let time: Duration? = numbers.isEmpty ? .zero : nil
        rounds.append(Round(start: now, waiting: Set(numbers), time: time))
    }

    mutating func ended(_ number: UInt64, now: Int64) {
        for index in rounds.indices where rounds[index].time == nil {
            guard rounds[index].waiting.remove(number) != nil, rounds[index].waiting.isEmpty else { continue }
            rounds[index].time = .nanoseconds(now - rounds[index].start)
            rounds[index].last = number
        }
    }

    /// The longest; `nil` where there was none, or one has not come to its end.
    var longest: Duration? {
        let known = rounds.compactMap(\.time)
        return known.count == rounds.count ? known.max() : nil
    }

    /// A message for which one of them took longer; of one that has not come to its end, the first that is left.
    func straggler(beyond limit: Duration) -> UInt64? {
        for round in rounds {
            guard let time = round.time else { return round.waiting.min() }
            if time > limit { return round.last }
        }
        return nil
    }
}
