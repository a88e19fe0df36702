internal import StarlingCore
internal import StarlingIO
internal import StarlingNode
internal import StarlingProtocols
internal import StarlingTransports
internal import StarlingWorld
internal import Synchronization

/// What a flood costs an urgent stream of the same connection, and LOW messages an EMERGENCY one.
///
/// Round trips of 1 KiB on a quiet connection, and while other streams write as fast as the link takes it; then the same
/// with messages.
struct UrgentBench {
    private static let probeByteCount = 1024
    private static let probeCount = 200
    private static let floodCount = 4
    /// Between two probes, so that they meet the flood at different places.
    private static let pause: Duration = .milliseconds(7)
    /// Until the flood has filled what there is to fill.
    private static let runUp: Duration = .seconds(2)

    let run: BenchRun

    func measure() throws -> BenchReport {
        let connection = try run.connect()
        _ = try run.ask(["do": "consume"])
        _ = try roundTrips(connection)
        let idle = try roundTrips(connection)
        let (loaded, bytesPerSecond) = try underFlood(connection)
        let messages = try UrgentMessages(run: run).measure(connection.info.peer)
        let (idleSlow, loadedSlow) = (
            Percentile.nearestRank(99, of: idle), Percentile.nearestRank(99, of: loaded)
        )
        let figure: (String, String, Double) -> BenchFigure = { BenchFigure($0, $1, "ms", [$2 * 1e3]) }
        return BenchReport(
            facts: run.facts([("floods", JSON(Self.floodCount)), ("probe_bytes", JSON(Self.probeByteCount))]),
            figures: [
                figure("idle_median_ms", "round trip, quiet, median", Percentile.nearestRank(50, of: idle)),
                figure("idle_p99_ms", "round trip, quiet, 99th percentile", idleSlow),
                figure("flood_median_ms", "under a flood, median", Percentile.nearestRank(50, of: loaded)),
                figure("flood_p99_ms", "under a flood, 99th percentile", loadedSlow),
                figure(
                    "added_p99_ms",
                    "what the flood adds, 99th percentile",
                    loadedSlow - idleSlow
                ),
                BenchFigure("flood_mb_per_s", "the flood", "MB/s", [bytesPerSecond / 1e6]),
            ] + messages
        )
    }

    /// Round trips of the urgent stream in seconds, the shortest first.
    private func roundTrips(_ connection: any Connection) throws -> [Double] {
        try run.real.run { _ in try await Self.roundTrips(connection) }
    }

    private static func roundTrips(_ connection: any Connection) async throws -> [Double] {
        let stream = try await connection.openStream([ProtocolID.echo], priority: .urgent)
        let loop = stream.connection.loop
        var trips: [Double] = []
        for round in 0..<probeCount {
            let probe = [UInt8](repeating: UInt8(truncatingIfNeeded: round), count: probeByteCount)
            let start = BenchClock.seconds
            try await stream.write(probe)
            _ = try await stream.read(exactly: probeByteCount)
            trips.append(BenchClock.seconds - start)
            try await loop.sleep(for: pause)
        }
        try await stream.closeWrite()
        return trips.sorted()
    }

    /// The round trips while the flood runs, and how fast that was.
    private func underFlood(_ connection: any Connection) throws -> ([Double], Double) {
        try run.real.run { _ in
            let flooded = FloodCount()
            var floods: [Task<Void, Never>] = []
            for _ in 0..<Self.floodCount {
                floods.append(connection.loop.startTask { await Self.flood(connection, flooded) })
            }
            let result: Result<([Double], Double), any Error>
            do {
                try await connection.loop.sleep(for: Self.runUp)
                let (start, before) = (BenchClock.seconds, flooded.count)
                let trips = try await Self.roundTrips(connection)
                let byteCount = flooded.count - before
                result = .success((trips, Double(byteCount) / (BenchClock.seconds - start)))
            } catch {
                result = .failure(error)
            }
            for flood in floods { flood.cancel() }
            for flood in floods { await flood.value }
            return try result.get()
        }
    }

    /// Uploads until it is cancelled.
    private static func flood(_ connection: any Connection, _ flooded: FloodCount) async {
        do {
            let stream = try await connection.openStream([ProtocolID.perf], priority: .low)
            let block = Buffer(byteCount: 65_536)
            block.fillWithZeros()
            try await stream.write([UInt8](repeating: 0, count: 8))
            while true {
                try await stream.write(BufferSlice(block, 0..<block.byteCount))
                flooded.add(block.byteCount)
            }
        } catch {
            // Cancelled, or the connection is gone, which the probes say.
        }
    }
}

/// What the parts of a flood have written together: bytes, or messages.
final class FloodCount: Sendable {
    private let sum = Mutex(0)

    var count: Int { sum.withLock { $0 } }

    func add(_ more: Int) { sum.withLock { $0 += more } }
}
