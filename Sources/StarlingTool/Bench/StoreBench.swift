internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingIO
internal import StarlingStore
internal import StarlingWorld

/// The durable store on a disk: rows of 1 KiB by how many share a sync, the time that opening takes, and memory.
struct StoreBench {
    private static let valueByteCount = 1024
    private static let roundSeconds = 1.0
    private static let callerCount = 32
    private static let openedRowCount = 10_000
    private static let openedValueByteCount = 1200

    let settings: BenchSettings
    let real: RealWorld
    let folder: TemporaryFolder

    func measure() throws -> BenchReport {
        var report = BenchReport(facts: [
            ("bench", .string(settings.subject.rawValue)),
            ("value_bytes", .integer(Int64(Self.valueByteCount))),
            ("folder", .string(folder.path)),
        ])
        func add(_ figure: BenchFigure, _ round: () throws -> Double) throws {
            var figure = figure
            for _ in 0..<BenchPace.roundCount {
                figure.rounds.append(try round())
            }
            report.figures.append(figure)
        }
        for rowCount in [1, 10, 100] {
            try add(.init("rows_per_s_\(rowCount)", "rows, \(rowCount) a sync", "1/s")) {
                try rowsPerSecond(callerCount: 1, rowCount: rowCount)
            }
        }
        try add(.init("rows_per_s_callers", "rows, \(Self.callerCount) callers", "1/s")) {
            try rowsPerSecond(callerCount: Self.callerCount, rowCount: 1)
        }
        let before = ProcessUsage().residentByteCount
        try fill()
        try add(
            .init("open_ms", "open \(Self.openedRowCount) rows of \(Self.openedValueByteCount) bytes", "ms")
        ) {
            try openSeconds() * 1000
        }
        report.figures.append(
            BenchFigure(
                "resident_bytes",
                "process, beyond an idle one",
                "bytes",
                [
                    Double(max(0, ProcessUsage().residentByteCount - before))
                ]
            )
        )
        return report
    }

    // MARK: Rounds

    private static let table = StoreTable("bench_rows", .numbers)

    private static func open(_ world: World, _ folder: TemporaryFolder) throws(Diagnostic) -> SQLiteStore {
        try BenchNode.openStore(world, folder.path + "/bench.db")
    }

    private func rowsPerSecond(callerCount: Int, rowCount: Int) throws -> Double {
        folder.empty()
        return try real.run { [folder] world in
            let store = try Self.open(world, folder)
            let start = BenchClock.seconds
            let count = try await withThrowingTaskGroup(of: Int.self) { group in
                for caller in 0..<callerCount {
                    group.addTask {
                        let caller = StoreCaller(store: store, loop: world.loops[0], number: caller)
                        return try await caller.write(rowCount: rowCount, until: start + Self.roundSeconds)
                    }
                }
                var sum = 0
                for try await count in group { sum += count }
                return sum
            }
            let seconds = BenchClock.seconds - start
            await store.close()
            return Double(count) / seconds
        }
    }

    private func fill() throws {
        folder.empty()
        try real.run { [folder] world in
            let store = try Self.open(world, folder)
            let caller = StoreCaller(store: store, loop: world.loops[0], number: 0)
            try await caller.fill(rowCount: Self.openedRowCount, byteCount: Self.openedValueByteCount)
            await store.close()
        }
    }

    private func openSeconds() throws -> Double {
        try real.run { [folder] world in
            let start = BenchClock.seconds
            let store = try Self.open(world, folder)
            let seconds = BenchClock.seconds - start
            await store.close()
            return seconds
        }
    }

    /// One caller of a store, who waits for each commit.
    private actor StoreCaller {
        private let store: any Store
        private let loop: any EventLoop
        private var next: UInt64

        nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

        init(store: any Store, loop: any EventLoop, number: Int) {
            self.store = store
            self.loop = loop
            next = UInt64(number) << 40 + 1
        }

        func write(rowCount: Int, until end: Double) async throws -> Int {
            var count = 0
            while BenchClock.seconds < end {
                try await commit(rowCount: rowCount, byteCount: StoreBench.valueByteCount)
                count += rowCount
            }
            return count
        }

        func fill(rowCount: Int, byteCount: Int) async throws {
            for _ in 0..<rowCount / 100 { try await commit(rowCount: 100, byteCount: byteCount) }
        }

        private func commit(rowCount: Int, byteCount: Int) async throws {
            var batch = StoreBatch()
            let value = [UInt8](repeating: UInt8(truncatingIfNeeded: next), count: byteCount)
            for _ in 0..<rowCount {
                batch.put(StoreKey(StoreBench.table, next), value)
                next += 1
            }
            do throws(StoreError) {
                try await store.commit(batch)
            } catch {
                throw Diagnostic(error)
            }
        }
    }
}
