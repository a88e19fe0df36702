internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingIO
internal import StarlingStore
internal import StarlingWorld
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// What the disk itself does: how long it takes to sync a small write, and what SQLite commits on it.
///
/// No loop and no other thread is between: what a node adds is what it stays behind these figures.
struct DiskRates {
    private static let syncCount = 100
    private static let blockByteCount = 4096
    private static let rowByteCount = 1024
    private static let rowSeconds = 0.25
    static let rowCounts = [1, 10, 100]

    let folder: TemporaryFolder
    private var medianSync = BenchFigure("fdatasync_p50_us", "disk: a sync of 4 KiB, median", "µs")
    private var slowSync = BenchFigure("fdatasync_p99_us", "disk: a sync of 4 KiB, 99th percentile", "µs")
    private var rows = rowCounts.map {
        BenchFigure("rows_per_s_\($0)", "disk: SQLite's rows of 1 KiB, \($0) a sync", "1/s")
    }

    init(in folder: TemporaryFolder) { self.folder = folder }

    /// The rows per second with one row for each sync, of the last round.
    var commitsPerSecond: Double { rows[0].rounds.last ?? .nan }

    var figures: [BenchFigure] { [medianSync, slowSync] + rows }

    /// Measures once.
    mutating func measure() throws(Diagnostic) {
        let syncs = try Self.syncSeconds(folder.path + "/sync")
        medianSync.rounds.append(Percentile.nearestRank(50, of: syncs) * 1e6)
        slowSync.rounds.append(Percentile.nearestRank(99, of: syncs) * 1e6)
        for (index, rowCount) in Self.rowCounts.enumerated() {
            let path = "\(folder.path)/rows-\(rows[index].rounds.count)-\(rowCount)"
            do throws(StoreError) {
                rows[index].rounds.append(try Self.rowsPerSecond(path, rowCount))
            } catch {
                throw Diagnostic(error)
            }
        }
    }

    /// How long each sync took, the shortest first.
    private static func syncSeconds(_ path: String) throws(Diagnostic) -> [Double] {
        let descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(path) }
        defer {
            _ = close(descriptor)
            _ = unlink(path)
        }
        let block = [UInt8](repeating: 7, count: blockByteCount)
        var seconds: [Double] = []
        for _ in 0..<syncCount {
            let start = BenchClock.seconds
            guard write(descriptor, block, block.count) == block.count else { throw failure(path) }
            #if canImport(Darwin)
                guard fcntl(descriptor, F_FULLFSYNC) == 0 else { throw failure(path) }
            #else
                guard fdatasync(descriptor) == 0 else { throw failure(path) }
            #endif
            seconds.append(BenchClock.seconds - start)
        }
        return seconds.sorted()
    }

    private static func failure(_ path: String) -> Diagnostic {
        Diagnostic(
            code: "system",
            message: "\(path) cannot be written: \(String(cString: strerror(errno))).",
            nextStep: "Set TMPDIR to a folder on the disk that is to be measured."
        )
    }

    private static let table = StoreTable("bench_rows", .numbers)

    /// Rows of 1 KiB per second, so many in each transaction.
    private static func rowsPerSecond(_ path: String, _ rowCount: Int) throws(StoreError) -> Double {
        // As SQLite does it by itself, without what a node does beside it to make syncs shorter.
        var limits = StoreEngine.Limits()
        limits.logByteCountMin = 0
        let engine = try StoreEngine(
            place: .init(disk: SystemDisk(), path: path),
            wallClock: SystemWallClock(),
            board: ReportBoard(),
            limits: limits
        )
        defer { engine.close() }
        let value = [UInt8](repeating: 7, count: rowByteCount)
        var count: UInt64 = 0
        let start = BenchClock.seconds
        while BenchClock.seconds < start + rowSeconds {
            var batch = StoreBatch()
            for _ in 0..<rowCount {
                count += 1
                batch.put(StoreKey(table, count), value)
            }
            let failure = CommitOutcome()
            for completion in engine.run([.commit(batch) { failure.error = $0 }]) { completion() }
            engine.mend()
            if let error = failure.error { throw error }
        }
        return Double(count) / (BenchClock.seconds - start)
    }
}

/// What became of one commit.
private final class CommitOutcome: Sendable {
    private let value = Mutex<StoreError?>(nil)

    var error: StoreError? {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}
