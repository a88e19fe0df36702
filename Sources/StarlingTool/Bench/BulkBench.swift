internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingIO
internal import StarlingNode
internal import StarlingProtocols
internal import StarlingTransports
internal import StarlingWorld

/// One stream as fast as it goes, beside the ceiling of the same two processes.
struct BulkBench {
    private static let roundCount = 5
    private static let roundSeconds = 0.8
    private static let ceilingSeconds = 0.5
    private static let warmUpByteCount = 64 << 20
    private static let gibibyte = 1_073_741_824.0
    /// Bytes written at a time to a peer that echoes.
    private static let chunkByteCount = 65_536

    let run: BenchRun

    /// How bytes are moved: to where they end, or there and back where the peer does not speak perf.
    private enum Path: String, Sendable { case perf, echo }

    func measure() throws -> BenchReport {
        let connection = try run.connect()
        var path = Path.perf
        var warmUp: Double
        do {
            warmUp = try move(connection, Self.warmUpByteCount, path)
        } catch PerfFailure.stream(.protocolNotSupported) {
            path = .echo
            warmUp = try move(connection, Self.warmUpByteCount, path)
        }
        // The first bytes pay for windows that are still small: once more for the rate.
        warmUp = try move(connection, Self.warmUpByteCount, path)
        let wanted = Double(Self.warmUpByteCount) / warmUp * Self.roundSeconds
        let byteCount = Int(min(4e9, max(16e6, wanted)))
        var rate = BenchFigure(
            "mb_per_s",
            path == .perf ? "one stream" : "one stream, each way",
            "MB/s"
        )
        var sender = BenchFigure("sender_cpu_s_per_gib", "sender's CPU", "s/GiB")
        var receiver = BenchFigure("receiver_cpu_s_per_gib", "receiver's CPU", "s/GiB")
        var ceiling = BenchFigure("ceiling_mb_per_s", "ceiling", "MB/s")
        for _ in 0..<Self.roundCount {
            var seconds = 0.0
            let (here, there) = try run.cpuSeconds { seconds = try move(connection, byteCount, path) }
            rate.rounds.append(Double(byteCount) / seconds / 1e6)
            sender.rounds.append(here / (Double(byteCount) / Self.gibibyte))
            if let there { receiver.rounds.append(there / (Double(byteCount) / Self.gibibyte)) }
            if let bytesPerSecond = try ceilingRound() { ceiling.rounds.append(bytesPerSecond / 1e6) }
        }
        var facts = run.facts([("protocol", .string(path == .perf ? ProtocolID.perf : ProtocolID.echo))])
        var figures = [rate, sender, receiver, ceiling]
        if run.hasOwnListener {
            facts.append(("ceiling_is", .string(Ceiling.description(run.settings.security))))
            let shares = zip(rate.rounds, ceiling.rounds).map { $0 / $1 * 100 }
            figures.append(BenchFigure("ceiling_percent", "share of the ceiling", "%", shares))
        }
        return BenchReport(facts: facts, figures: figures)
    }

    /// Moves bytes, and returns the seconds from the first to the listener's last word.
    private func move(_ connection: any Connection, _ byteCount: Int, _ path: Path) throws -> Double {
        try run.real.run { _ in
            let start = BenchClock.seconds
            switch path {
            case .perf:
                let stream = try await connection.openStream([ProtocolID.perf])
                _ = try await PerfDriver.run(stream, upload: UInt64(byteCount), download: 0)
            case .echo:
                let stream = try await connection.openStream([ProtocolID.echo])
                try await Self.echo(byteCount, stream)
            }
            return BenchClock.seconds - start
        }
    }

    private static func echo(_ byteCount: Int, _ stream: Stream) async throws {
        let writing = stream.connection.loop.startTask { () throws in
            let block = Buffer(byteCount: chunkByteCount)
            block.fillWithZeros()
            var rest = byteCount
            while rest > 0 {
                let count = min(rest, chunkByteCount)
                try await stream.write(BufferSlice(block, 0..<count))
                rest -= count
            }
            try await stream.closeWrite()
        }
        var received = 0
        while received < byteCount, let bytes = try await stream.read() { received += bytes.count }
        try await writing.value
        if received < byteCount { throw StreamError.ended }
    }

    /// One round of the ceiling in bytes per second; `nil` against a foreign peer.
    private func ceilingRound() throws -> Double? {
        let key = Hex.encode(run.real.world.random.bytes(count: 32))
        let request: JSON = ["do": "ceiling", "key": .string(key)]
        guard let answer = try run.ask(request), let port = answer["port"]?.integer else { return nil }
        let sender = CeilingSender(
            run.settings.security,
            key: key,
            port: UInt16(truncatingIfNeeded: port)
        )
        let bytesPerSecond = try sender.run(seconds: Self.ceilingSeconds)
        _ = try run.answer()
        return bytesPerSecond
    }
}
