package import StarlingCore
package import StarlingWorld

/// The ``Store`` of a real node: SQLite on a thread of its own.
///
/// The thread takes all calls that wait, commits them as one transaction with one sync, and hands all completions to
/// the loop at once. So callers at the same time share the price of a sync, and a busy store wakes the loop as often
/// as it syncs, not as often as it is called.
package final class SQLiteStore: Store {
    private let worker: StoreWorker
    private let board: ReportBoard

    private init(worker: StoreWorker, board: ReportBoard) {
        self.worker = worker
        self.board = board
    }

    // Without a word from its owner: what was asked for is still done.
    deinit { worker.end() }

    /// Opens a store in a file, or creates it; blocks until it stands.
    ///
    /// - Parameters:
    ///   - path: the database's file. Beside it lie its write-ahead log, a lock, and damaged files put aside.
    ///   - loop: where completions are called.
    ///   - wallClock: names damaged files that are put aside.
    package static func open(
        path: String,
        disk: any StoreDisk = SystemDisk(),
        loop: any EventLoop,
        wallClock: any WallClock
    ) throws(StoreError) -> SQLiteStore {
        try start(.init(disk: disk, path: path), loop, wallClock)
    }

    /// Opens a store that ends with the process.
    package static func inMemory(
        loop: any EventLoop,
        wallClock: any WallClock
    ) throws(StoreError) -> SQLiteStore {
        try start(nil, loop, wallClock)
    }

    private static func start(
        _ place: StoreEngine.Place?,
        _ loop: any EventLoop,
        _ wallClock: any WallClock
    ) throws(StoreError) -> SQLiteStore {
        let board = ReportBoard()
        let engine = try StoreEngine(place: place, wallClock: wallClock, board: board)
        return SQLiteStore(worker: try StoreWorker.start(engine: engine, loop: loop), board: board)
    }

    // MARK: Store

    package var report: StoreReport { board.report }

    package func commit(_ batch: StoreBatch, _ completion: @escaping @Sendable (StoreError?) -> Void) {
        worker.take(.commit(batch, completion))
    }

    package func read(
        _ key: StoreKey,
        _ completion: @escaping @Sendable (Result<[UInt8]?, StoreError>) -> Void
    ) {
        worker.take(.read(key, completion))
    }

    package func scan(
        _ scan: StoreScan,
        _ completion: @escaping @Sendable (Result<[StoreRow], StoreError>) -> Void
    ) {
        worker.take(.scan(scan, completion))
    }

    package func close(_ completion: @escaping @Sendable () -> Void) {
        worker.take(.close(completion))
    }
}
