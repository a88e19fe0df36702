internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingIO
internal import StarlingMesh
internal import StarlingNode
internal import StarlingTransports
internal import StarlingWorld

/// Messages from one process to another, durable at both, until the recipient's receipt is on the sender's disk.
///
/// What arrived is counted in the recipient's inbox, after each round.
struct DeliveryBench {
    /// Below what an inbox takes of one sender, so that none is refused.
    private static let messageCountMax = 7000
    private static let warmUpCount = 500
    private static let roundSeconds = 1.0
    private static let singleCount = 200
    /// Those before them that are not counted: the first waits for what the audit of the last round has acknowledged.
    private static let settlingCount = 10
    /// Between two messages of an idle node.
    private static let pause: Duration = .milliseconds(10)

    let run: BenchRun
    private let messages: BenchMessages

    private var rate = BenchFigure("delivered_per_s", "delivered, with receipt", "1/s")
    private var senderCPU = BenchFigure("sender_cpu_us", "sender's CPU each", "µs")
    private var recipientCPU = BenchFigure("recipient_cpu_us", "recipient's CPU each", "µs")
    private var (lostCount, duplicateCount, sentCount) = (0, 0, 0)
    private var lastRound = 0

    init(run: BenchRun) throws {
        self.run = run
        let peer = try run.connect().info.peer
        messages = BenchMessages(run.node, to: peer, run.settings)
    }

    mutating func measure() throws -> BenchReport {
        guard let folder = run.folder else { preconditionFailure("messages are durable") }
        var disk = DiskRates(in: folder)
        let pace = try burst(count: Self.warmUpCount)
        let count = max(Self.warmUpCount, min(Self.messageCountMax, Int(pace * Self.roundSeconds)))
        var (busy, idle): ([Double], [Double]) = ([], [])
        for _ in 0..<BenchPace.roundCount {
            try disk.measure()
            var perSecond = 0.0
            let (here, there) = try run.cpuSeconds { perSecond = try burst(count: count) }
            rate.rounds.append(perSecond)
            senderCPU.rounds.append(here / Double(count) * 1e6)
            if let there { recipientCPU.rounds.append(there / Double(count) * 1e6) }
            busy += try singles(pause: .zero)
            idle += try singles(pause: Self.pause)
        }
        busy.sort()
        idle.sort()
        let settings = run.settings
        let lost = BenchFigure("lost", "lost, of \(sentCount)", "", [Double(lostCount)])
        let duplicated = BenchFigure("duplicated", "duplicated", "", [Double(duplicateCount)])
        return BenchReport(
            facts: run.facts([
                ("privacy", .string(settings.privacyName)), ("senders", JSON(settings.senderCount)),
                ("payload_bytes", JSON(settings.payloadByteCount)), ("folder", .string(folder.path)),
            ]),
            figures: [
                rate, lost, duplicated,
                Self.microseconds("p50_us", "one at a time, median", busy[busy.count / 2]),
                Self.microseconds("p99_us", "one at a time, 99th percentile", busy[busy.count * 99 / 100]),
                Self.microseconds("idle_p50_us", "one now and then, median", idle[idle.count / 2]),
                Self.microseconds(
                    "idle_p99_us",
                    "one now and then, 99th percentile",
                    idle[idle.count * 99 / 100]
                ),
                senderCPU, recipientCPU,
            ] + disk.figures
        )
    }

    private static func microseconds(_ key: String, _ label: String, _ seconds: Double) -> BenchFigure {
        BenchFigure(key, label, "µs", [seconds * 1e6])
    }

    /// Sends so many as fast as they are accepted; how many per second were delivered.
    private mutating func burst(count: Int) throws -> Double {
        lastRound += 1
        let (messages, round, senderCount) = (messages, lastRound, run.settings.senderCount)
        let perSecond = try run.real.run { _ in
            let start = BenchClock.seconds
            let ids = try await messages.accept(round: round, count: count, senderCount: senderCount).ids
            for id in ids { try await messages.delivered(id) }
            return Double(count) / (BenchClock.seconds - start)
        }
        try audit(count: count)
        return perSecond
    }

    /// Sends one after the other; how long each took, in seconds.
    private mutating func singles(pause: Duration) throws -> [Double] {
        lastRound += 1
        let (messages, round) = (messages, lastRound)
        let seconds = try run.real.run { _ in
            var seconds: [Double] = []
            for number in 0..<Self.settlingCount + Self.singleCount {
                if pause > .zero { try await messages.loop.sleep(for: pause) }
                seconds.append(try await messages.deliver(round: round, number: number).delivered)
            }
            return Array(seconds.dropFirst(Self.settlingCount))
        }
        try audit(count: Self.settlingCount + Self.singleCount)
        return seconds
    }

    /// Compares what the recipient's inbox holds with what was sent in the last round.
    private mutating func audit(count: Int) throws {
        guard let audit = try run.ask(["do": "audit", "round": JSON(lastRound)]),
            let messageCount = audit["messages"]?.integer, let distinctCount = audit["distinct"]?.integer
        else {
            throw Diagnostic(
                code: "bench_failed",
                message: "the listener does not say what its inbox holds.",
                nextStep: "Check that both are of one version: starling version"
            )
        }
        sentCount += count
        lostCount += count - Int(distinctCount)
        duplicateCount += Int(messageCount - distinctCount)
    }
}
