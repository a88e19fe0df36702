internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingIO
internal import StarlingMesh
internal import StarlingNode
internal import StarlingSimulator
internal import StarlingTransports
internal import StarlingWorld

/// Messages between two nodes of this process that are connected with a relay in another one, and not with each other:
/// what a relay spends on each, with its receipt and all else that goes along.
struct RouteBench {
    private static let singleCount = 200
    private static let settlingCount = 10
    /// How long the two may take to find the way.
    private static let wayPatience: Duration = .seconds(30)

    let run: BenchRun
    private let recipient: Node
    private var rounds: DeliveryRounds

    private var rate = BenchFigure("forwarded_per_s", "forwarded, with receipt", "1/s")
    private var relayCPU = BenchFigure("forward_cpu_us", "relay's CPU each", "µs")
    private var endsCPU = BenchFigure("ends_cpu_us", "CPU of both ends each", "µs")
    private var convergence = BenchFigure("converge_virtual_ms", "64 nodes after a link's death", "ms")
    private var silentConvergence = BenchFigure(
        "converge_silent_virtual_ms",
        "64 nodes after a link's silent death",
        "ms"
    )

    init(run: BenchRun) throws {
        self.run = run
        guard let folder = run.folder else { preconditionFailure("messages are durable") }
        _ = try run.connect()
        let (sender, target, security) = (run.node, run.target, run.settings.security)
        let recipient = try run.real.run { world in
            // It listens nowhere: there is no way to it but over the relay.
            let node = try await BenchNode.start(
                world,
                security,
                listensOn: [],
                storePath: folder.path + "/recipient.db",
                usesRoutes: true
            ).node
            _ = try await BenchRun.connect(node, to: target)
            try await Self.awaitWay(from: sender, to: node.peerID)
            try await Self.awaitWay(from: node, to: sender.peerID)
            return node
        }
        self.recipient = recipient
        rounds = DeliveryRounds(run, BenchMessages(run.node, to: recipient.peerID, run.settings)) { round in
            try run.real.run { _ in try await InboxAudit.take(recipient.delivery, round: UInt64(round)) }
        }
    }

    private static func awaitWay(from node: Node, to peer: PeerID) async throws {
        let loop = node.world.loops[0]
        let deadline = loop.now + wayPatience
        while await node.delivery.way(to: peer, from: nil) == nil {
            guard loop.now < deadline else {
                throw Diagnostic(
                    code: "bench_failed",
                    message: "the ends know no way to each other after \(DurationText.write(wayPatience)).",
                    nextStep:
                        "Check that the target carries messages of others: starling up without --no-routes."
                )
            }
            try await loop.sleep(for: .milliseconds(10))
        }
    }

    mutating func measure() throws -> BenchReport {
        defer { _ = try? run.real.run { [recipient] _ in await BenchNode.stop(recipient) } }
        let count = try rounds.warmUp()
        var singles: [Double] = []
        for _ in 0..<BenchPace.roundCount {
            var perSecond = 0.0
            let (here, there) = try run.cpuSeconds { perSecond = try rounds.burst(count: count) }
            rate.rounds.append(perSecond)
            endsCPU.rounds.append(here / Double(count) * 1e6)
            if let there { relayCPU.rounds.append(there / Double(count) * 1e6) }
            singles += try rounds.singles(
                count: Self.singleCount,
                settlingCount: Self.settlingCount,
                pause: .zero
            )
        }
        convergence.rounds = try Self.healings(after: .heard)
        silentConvergence.rounds = try Self.healings(after: .silent)
        let settings = run.settings
        return BenchReport(
            facts: run.facts([
                ("privacy", .string(settings.privacyName)), ("senders", JSON(settings.senderCount)),
                ("payload_bytes", JSON(settings.payloadByteCount)),
            ]),
            figures: [rate, relayCPU, endsCPU, convergence, silentConvergence] + rounds.figures + [
                .percentile(50, of: singles, "p50_us", "one at a time, median"),
                .percentile(99, of: singles, "p99_us", "one at a time, 99th percentile"),
            ]
        )
    }

    /// How long simulated nodes take after the death of the same links, in milliseconds of virtual time.
    ///
    /// It takes some seconds, and says nothing of this machine.
    private static func healings(after death: ConvergenceFleet.Death) throws -> [Double] {
        var options = ConvergenceFleet.Options()
        options.death = death
        let fleet = try ConvergenceFleet(options).run()
        guard fleet.failureCount == 0, fleet.joining != nil else {
            throw Diagnostic(
                code: "bench_failed",
                message: "after a simulated link's death not all nodes reached all others.",
                nextStep: "Report this: it is a fault of the routes, and comes again each time."
            )
        }
        guard fleet.circleCount == 0 else {
            throw Diagnostic(
                code: "bench_failed",
                message: "after a simulated link's death a way led in a circle.",
                nextStep: "Report this: it is a fault of the routes, and comes again each time."
            )
        }
        return fleet.healings.map { $0.inSeconds * 1000 }
    }
}
