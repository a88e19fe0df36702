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
    private static let singleCount = 200
    private static let settlingCount = 10
    /// Between two messages of an idle node.
    private static let pause: Duration = .milliseconds(10)

    let run: BenchRun
    private var rounds: DeliveryRounds

    private var rate = BenchFigure("delivered_per_s", "delivered, with receipt", "1/s")
    private var senderCPU = BenchFigure("sender_cpu_us", "sender's CPU each", "µs")
    private var recipientCPU = BenchFigure("recipient_cpu_us", "recipient's CPU each", "µs")

    init(run: BenchRun) throws {
        self.run = run
        let peer = try run.connect().info.peer
        rounds = DeliveryRounds(run, BenchMessages(run.node, to: peer, run.settings)) { round in
            guard let audit = try run.ask(["do": "audit", "round": JSON(round)]),
                let messageCount = audit["messages"]?.integer, let distinctCount = audit["distinct"]?.integer
            else {
                throw Diagnostic(
                    code: "bench_failed",
                    message: "the listener does not say what its inbox holds.",
                    nextStep: "Check that both are of one version: starling version"
                )
            }
            return InboxAudit(messageCount: Int(messageCount), distinctCount: Int(distinctCount))
        }
    }

    mutating func measure() throws -> BenchReport {
        guard let folder = run.folder else { preconditionFailure("messages are durable") }
        var disk = DiskRates(in: folder)
        let count = try rounds.warmUp()
        var (busy, idle): ([Double], [Double]) = ([], [])
        for _ in 0..<BenchPace.roundCount {
            try disk.measure()
            var perSecond = 0.0
            let (here, there) = try run.cpuSeconds { perSecond = try rounds.burst(count: count) }
            rate.rounds.append(perSecond)
            senderCPU.rounds.append(here / Double(count) * 1e6)
            if let there { recipientCPU.rounds.append(there / Double(count) * 1e6) }
            busy += try singles(pause: .zero)
            idle += try singles(pause: Self.pause)
        }
        let settings = run.settings
        return BenchReport(
            facts: run.facts([
                ("privacy", .string(settings.privacyName)), ("senders", JSON(settings.senderCount)),
                ("payload_bytes", JSON(settings.payloadByteCount)), ("folder", .string(folder.path)),
            ]),
            figures: [rate] + rounds.figures + [
                .percentile(50, of: busy, "p50_us", "one at a time, median"),
                .percentile(99, of: busy, "p99_us", "one at a time, 99th percentile"),
                .percentile(50, of: idle, "idle_p50_us", "one now and then, median"),
                .percentile(99, of: idle, "idle_p99_us", "one now and then, 99th percentile"),
                senderCPU, recipientCPU,
            ] + disk.figures
        )
    }

    private mutating func singles(pause: Duration) throws -> [Double] {
        try rounds.singles(count: Self.singleCount, settlingCount: Self.settlingCount, pause: pause)
    }
}
