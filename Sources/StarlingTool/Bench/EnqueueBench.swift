internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingCrypto
internal import StarlingIO
internal import StarlingNode
internal import StarlingWorld

/// Messages that a node accepts, each on the disk before its caller hears of it, for a recipient that is not there.
struct EnqueueBench {
    /// Below what an outbox takes, so that none is refused.
    private static let messageCountMax = 9000
    private static let warmUpCount = 200
    private static let roundSeconds = 0.5

    let settings: BenchSettings
    let real: RealWorld
    let folder: TemporaryFolder

    func measure() throws -> BenchReport {
        var disk = DiskRates(in: folder)
        var rate = BenchFigure("enqueued_per_s", "accepted, durable", "1/s")
        var median = BenchFigure("p50_us", "one acceptance, median", "µs")
        var p99 = BenchFigure("p99_us", "one acceptance, 99th percentile", "µs")
        var cpu = BenchFigure("cpu_us", "CPU each", "µs")
        var share = BenchFigure("share_of_commits", "beside the disk's rows, 1 a sync", "×")
        for _ in 0..<BenchPace.roundCount {
            try disk.measure()
            let round = try round()
            rate.rounds.append(round.perSecond)
            median.rounds.append(round.seconds[round.seconds.count / 2] * 1e6)
            p99.rounds.append(round.seconds[round.seconds.count * 99 / 100] * 1e6)
            cpu.rounds.append(round.cpuSeconds * 1e6)
            share.rounds.append(round.perSecond / disk.commitsPerSecond)
        }
        return BenchReport(
            facts: [
                ("bench", .string(settings.subject.rawValue)), ("privacy", .string(settings.privacyName)),
                ("senders", JSON(settings.senderCount)), ("payload_bytes", JSON(settings.payloadByteCount)),
                ("folder", .string(folder.path)),
            ],
            figures: [rate, median, p99, cpu, share] + disk.figures
        )
    }

    private struct Round: Sendable {
        var perSecond: Double
        /// Each acceptance, the shortest first.
        var seconds: [Double]
        /// CPU of one acceptance.
        var cpuSeconds: Double
    }

    /// Fills the outbox of a fresh node.
    private func round() throws -> Round {
        folder.empty()
        return try real.run { [settings, folder] world in
            let node = try await BenchNode.start(
                world,
                settings.security,
                listensOn: [],
                storePath: folder.path + "/sender.db"
            ).node
            var seed = world.random.bytes(count: IdentityKey.seedByteCount)
            let nobody = try IdentityKey(wipingSeed: &seed).peerID
            let messages = BenchMessages(node, to: nobody, settings)
            let result: Result<Round, any Error>
            do { result = .success(try await Self.fill(messages, settings)) } catch {
                result = .failure(error)
            }
            await BenchNode.stop(node)
            return try result.get()
        }
    }

    private static func fill(_ messages: BenchMessages, _ settings: BenchSettings) async throws -> Round {
        var start = BenchClock.seconds
        _ = try await messages.accept(round: 0, count: warmUpCount, senderCount: settings.senderCount)
        let pace = Double(warmUpCount) / (BenchClock.seconds - start)
        let count = max(warmUpCount, min(messageCountMax, Int(pace * roundSeconds)))
        let before = ProcessUsage().cpuSeconds
        start = BenchClock.seconds
        let accepted = try await messages.accept(round: 1, count: count, senderCount: settings.senderCount)
        let seconds = BenchClock.seconds - start
        return Round(
            perSecond: Double(count) / seconds,
            seconds: accepted.seconds.sorted(),
            cpuSeconds: (ProcessUsage().cpuSeconds - before) / Double(count)
        )
    }
}
