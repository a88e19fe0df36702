internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingIO
internal import StarlingNode
internal import StarlingProtocols
internal import StarlingTransports
internal import StarlingWorld

/// How the benches of many small things divide their time.
enum BenchPace {
    static let roundCount = 5
    static let roundSeconds = 0.6
}

/// Round trips of `/ipfs/ping/1.0.0`, one after the other on one stream.
struct PingBench {
    private static let warmUpCount = 300
    private static let floorCount = 4000
    let run: BenchRun

    func measure() throws -> BenchReport {
        let connection = try run.connect()
        let warmUp = try roundTrips(connection, count: Self.warmUpCount)
        let count = max(50, min(20_000, Int(BenchPace.roundSeconds / max(1e-6, warmUp[warmUp.count / 2]))))
        var median = BenchFigure("median_us", "round trip, median", "µs")
        var p99 = BenchFigure("p99_us", "round trip, 99th percentile", "µs")
        var floor = BenchFigure("floor_us", "floor: a plain socket, median", "µs")
        var dialerCPU = BenchFigure("dialer_cpu_us", "dialler's CPU each", "µs")
        var listenerCPU = BenchFigure("listener_cpu_us", "listener's CPU each", "µs")
        for _ in 0..<BenchPace.roundCount {
            var trips: [Double] = []
            let (here, there) = try run.cpuSeconds { trips = try roundTrips(connection, count: count) }
            median.rounds.append(Percentile.nearestRank(50, of: trips) * 1e6)
            p99.rounds.append(Percentile.nearestRank(99, of: trips) * 1e6)
            dialerCPU.rounds.append(here / Double(count) * 1e6)
            if let there { listenerCPU.rounds.append(there / Double(count) * 1e6) }
            if let seconds = try floorRound() { floor.rounds.append(seconds * 1e6) }
        }
        return BenchReport(facts: run.facts(), figures: [median, p99, floor, dialerCPU, listenerCPU])
    }

    /// One round of the floor in seconds; `nil` against a foreign peer.
    private func floorRound() throws -> Double? {
        guard let port = try run.ask(["do": "floor"])?["port"]?.integer else { return nil }
        let seconds = try PingFloor.measure(
            port: UInt16(truncatingIfNeeded: port),
            count: Self.floorCount
        )
        _ = try run.answer()
        return seconds
    }

    /// The round trips in seconds, the shortest first.
    private func roundTrips(_ connection: any Connection, count: Int) throws -> [Double] {
        try run.real.run { world in
            let stream = try await connection.openStream([ProtocolID.ping])
            var trips: [Double] = []
            trips.reserveCapacity(count)
            try await PingDriver(stream: stream, world: world).run(count: count) {
                trips.append($0.inSeconds)
            }
            return trips.sorted()
        }
    }
}

/// Streams of one connection, one after the other: opened, one ping's round trip, ended.
struct StreamsBench {
    let run: BenchRun

    func measure() throws -> BenchReport {
        let connection = try run.connect()
        _ = try streams(connection, seconds: BenchPace.roundSeconds / 3)
        var rate = BenchFigure("streams_per_s", "streams", "1/s")
        var dialerCPU = BenchFigure("dialer_cpu_us", "dialler's CPU each", "µs")
        var listenerCPU = BenchFigure("listener_cpu_us", "listener's CPU each", "µs")
        for _ in 0..<BenchPace.roundCount {
            var count = 0
            let start = BenchClock.seconds
            var end = start
            let (here, there) = try run.cpuSeconds {
                let begin = BenchClock.seconds
                count = try streams(connection, seconds: BenchPace.roundSeconds)
                end = start + BenchClock.seconds - begin
            }
            rate.rounds.append(Double(count) / (end - start))
            dialerCPU.rounds.append(here / Double(count) * 1e6)
            if let there { listenerCPU.rounds.append(there / Double(count) * 1e6) }
        }
        return BenchReport(facts: run.facts(), figures: [rate, dialerCPU, listenerCPU])
    }

    private func streams(_ connection: any Connection, seconds: Double) throws -> Int {
        try run.real.run { world in
            let end = BenchClock.seconds + seconds
            var count = 0
            while BenchClock.seconds < end {
                let stream = try await connection.openStream([ProtocolID.ping])
                try await PingDriver(stream: stream, world: world).run(count: 1) { _ in }
                count += 1
            }
            return count
        }
    }
}

/// Dials, one after the other: connect, handshake, both identified, closed.
struct DialBench {
    /// How long a peer may take to say who it is.
    private static let identifyTimeout: Duration = .seconds(10)
    private static let roundSeconds = 1.0
    let run: BenchRun

    func measure() throws -> BenchReport {
        _ = try dials(seconds: Self.roundSeconds / 2)
        var rate = BenchFigure("dials_per_s", "dials", "1/s")
        var dialerCPU = BenchFigure("dialer_cpu_ms", "dialler's CPU each", "ms")
        var listenerCPU = BenchFigure("listener_cpu_ms", "listener's CPU each", "ms")
        for _ in 0..<BenchPace.roundCount {
            var outcome = (count: 0, seconds: 0.0)
            let (here, there) = try run.cpuSeconds { outcome = try dials(seconds: Self.roundSeconds) }
            rate.rounds.append(Double(outcome.count) / outcome.seconds)
            dialerCPU.rounds.append(here / Double(outcome.count) * 1e3)
            if let there { listenerCPU.rounds.append(there / Double(outcome.count) * 1e3) }
        }
        return BenchReport(facts: run.facts(), figures: [rate, dialerCPU, listenerCPU])
    }

    private func dials(seconds: Double) throws -> (count: Int, seconds: Double) {
        try run.real.run { [node = run.node, target = run.target, identified = run.identified] _ in
            let start = BenchClock.seconds
            var count = 0
            while BenchClock.seconds < start + seconds {
                let wanted = await identified.count + 1
                let connection = try await BenchRun.connect(node, to: target)
                guard await identified.wait(for: wanted, limit: Self.identifyTimeout) else {
                    throw Diagnostic(
                        code: "bench_failed",
                        message: "the peer did not say who it is within \(Self.identifyTimeout).",
                        nextStep: ""
                    )
                }
                await node.swarm.disconnect(connection.info.peer)
                count += 1
            }
            return (count, BenchClock.seconds - start)
        }
    }
}
