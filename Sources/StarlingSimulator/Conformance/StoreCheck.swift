internal import StarlingCore
package import StarlingWorld
internal import Synchronization

/// One thing that every ``Store`` has to get right, whether real or simulated.
///
/// A check is run as a task of the loop that the store was opened for, on a store without rows.
package struct StoreCheck: Sendable, CustomStringConvertible {
    /// What is promised, as a sentence.
    package let promise: String
    package let run: @Sendable (StoreStage) async throws -> Void

    init(_ promise: String, run: @escaping @Sendable (StoreStage) async throws -> Void) {
        self.promise = promise
        self.run = run
    }

    package var description: String { promise }
}

/// Where store checks run.
package struct StoreStage: Sendable {
    /// The loop on which completions are called.
    package var loop: any EventLoop
    /// Opens the store, the same one each time; `nil` where nothing outlives a store.
    package var open: @Sendable () async throws -> any Store
    /// Whether rows are there again after closing and opening.
    package var outlivesClose: Bool

    package init(
        loop: any EventLoop,
        outlivesClose: Bool,
        open: @escaping @Sendable () async throws -> any Store
    ) {
        self.loop = loop
        self.outlivesClose = outlivesClose
        self.open = open
    }

    /// Runs the check on the loop's own actor.
    package func run(_ check: StoreCheck) async throws { try await check.run(self) }
}

/// Calls a store from the loop, as a driver does, and notes in which order the completions came.
actor StoreProbe {
    let loop: any EventLoop
    let store: any Store
    private(set) var order: [Int] = []
    private(set) var failures: [StoreError] = []
    private(set) var wasOffLoop = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(_ stage: StoreStage, _ store: any Store) {
        loop = stage.loop
        self.store = store
    }

    func commit(_ batch: StoreBatch) async throws(StoreError) { try await store.commit(batch) }

    func read(_ key: StoreKey) async throws(StoreError) -> [UInt8]? { try await store.read(key) }

    func scan(_ scan: StoreScan) async throws(StoreError) -> [StoreRow] { try await store.scan(scan) }

    func all(in table: StoreTable) async throws(StoreError) -> [StoreRow] {
        var rows: [StoreRow] = []
        try await store.forEach(in: table) { rows.append($0) }
        return rows
    }

    /// Calls without waiting; ``order`` gets `number` when it is complete.
    func begin(_ number: Int, _ batch: StoreBatch) {
        store.commit(batch) { [self] error in
            noteLoop()
            assumeIsolated { probe in
                probe.order.append(number)
                if let error { probe.failures.append(error) }
            }
        }
    }

    /// Reads without waiting; `number` is added to ``order`` where the row is there, its negative where it is not.
    func begin(_ number: Int, reading key: StoreKey) {
        store.read(key) { [self] result in
            noteLoop()
            assumeIsolated { probe in
                switch result {
                case .success(let value): probe.order.append(value == nil ? -number : number)
                case .failure(let error): probe.failures.append(error)
                }
            }
        }
    }

    /// What completed, when `count` calls have.
    func outcome(of count: Int) async throws -> [Int] {
        let deadline = loop.now + .seconds(30)
        while order.count + failures.count < count {
            try expect(loop.now < deadline, "\(count) calls did not complete, only \(order)")
            try await loop.sleep(for: .milliseconds(1))
        }
        try expect(!wasOffLoop, "a completion came off the loop")
        return order
    }

    private nonisolated func noteLoop() {
        if !loop.isCurrent { loop.startTask { await self.noteOffLoop() } }
    }

    private func noteOffLoop() { wasOffLoop = true }
}
