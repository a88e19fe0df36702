internal import StarlingCore
internal import StarlingIO
internal import StarlingWorld

/// Rounds of messages until their receipts, each compared with what its recipient's inbox holds then.
struct DeliveryRounds {
    /// Below what an inbox takes of one sender, so that none is refused.
    private static let messageCountMax = 7000
    private static let warmUpCount = 500
    private static let roundSeconds = 1.0

    private let run: BenchRun
    private let messages: BenchMessages
    /// What the recipient's inbox holds of a round; it is empty from then on.
    private let audit: (_ round: Int) throws -> InboxAudit
    private(set) var (lostCount, duplicateCount, sentCount) = (0, 0, 0)
    private var lastRound = 0

    init(_ run: BenchRun, _ messages: BenchMessages, audit: @escaping (_ round: Int) throws -> InboxAudit) {
        self.run = run
        self.messages = messages
        self.audit = audit
    }

    /// Warms up; how many messages a round should have.
    mutating func warmUp() throws -> Int {
        let pace = try burst(count: Self.warmUpCount)
        return max(Self.warmUpCount, min(Self.messageCountMax, Int(pace * Self.roundSeconds)))
    }

    /// Sends so many as fast as they are accepted; how many per second were delivered.
    mutating func burst(count: Int) throws -> Double {
        lastRound += 1
        let (messages, round, senderCount) = (messages, lastRound, run.settings.senderCount)
        let perSecond = try run.real.run { _ in
            let start = BenchClock.seconds
            let ids = try await messages.accept(round: round, count: count, senderCount: senderCount).ids
            for id in ids { try await messages.delivered(id) }
            return Double(count) / (BenchClock.seconds - start)
        }
        try compare(count: count)
        return perSecond
    }

    /// Sends one after the other; how long each took, in seconds.
    ///
    /// - Parameter settlingCount: Those before them that are not counted: the first waits for what the audit of the last round
    ///   has acknowledged.
    mutating func singles(count: Int, settlingCount: Int, pause: Duration) throws -> [Double] {
        lastRound += 1
        let (messages, round) = (messages, lastRound)
        let seconds = try run.real.run { _ in
            var seconds: [Double] = []
            for number in 0..<settlingCount + count {
                if pause > .zero { try await messages.loop.sleep(for: pause) }
                seconds.append(try await messages.deliver(round: round, number: number).delivered)
            }
            return Array(seconds.dropFirst(settlingCount))
        }
        try compare(count: settlingCount + count)
        return seconds
    }

    private mutating func compare(count: Int) throws {
        let audit = try audit(lastRound)
        sentCount += count
        lostCount += count - audit.distinctCount
        duplicateCount += audit.messageCount - audit.distinctCount
    }

    /// What was lost and what came twice, in all rounds.
    var figures: [BenchFigure] {
        [
            BenchFigure("lost", "lost, of \(sentCount)", "", [Double(lostCount)]),
            BenchFigure("duplicated", "duplicated", "", [Double(duplicateCount)]),
        ]
    }
}

extension BenchFigure {
    /// A percentile of durations in seconds, in microseconds.
    static func percentile(_ percent: Int, of seconds: [Double], _ key: String, _ label: String)
        -> BenchFigure
    {
        BenchFigure(key, label, "µs", [Percentile.nearestRank(percent, of: seconds.sorted()) * 1e6])
    }
}
