package import StarlingCore
internal import StarlingStore
package import StarlingWorld
internal import Synchronization

/// The ``Store`` of a simulated process: calls wait in groups for a virtual disk, as a real store's thread has them
/// wait for a real one.
///
/// A group is everything that waits when the disk is free. It is carried out, and its callers hear of it, when the
/// time of a sync has passed; a crash before that leaves it whole or absent.
package final class SimulatedStore: Store {
    private let desk: SimulatedStoreDesk

    init(backend: any SimulatedStoreBackend, loop: SimulatedLoop, syncTime: Duration, seed: UInt64) {
        desk = SimulatedStoreDesk(backend: backend, loop: loop, syncTime: syncTime, seed: seed)
    }

    package var report: StoreReport { desk.report }

    package func commit(_ batch: StoreBatch, _ completion: @escaping @Sendable (StoreError?) -> Void) {
        desk.take(.commit(batch, completion))
    }

    package func read(
        _ key: StoreKey,
        _ completion: @escaping @Sendable (Result<[UInt8]?, StoreError>) -> Void
    ) {
        desk.take(.read(key, completion))
    }

    package func scan(
        _ scan: StoreScan,
        _ completion: @escaping @Sendable (Result<[StoreRow], StoreError>) -> Void
    ) {
        desk.take(.scan(scan, completion))
    }

    package func close(_ completion: @escaping @Sendable () -> Void) {
        desk.take(.close(completion))
    }

    /// The process ends at this moment, or the machine loses its power.
    func crash(_ crash: SimulatedHost.Crash) { desk.crash(crash) }
}

/// What carries out the calls of a simulated store.
protocol SimulatedStoreBackend: AnyObject {
    var report: StoreReport { get }

    /// How many calls from the front of the queue make one group.
    func groupCount(in calls: ArraySlice<StoreCall>) -> Int

    /// Runs a group, its commits whole or not at all, and returns the completions in their order.
    func run(_ calls: ArraySlice<StoreCall>) -> [@Sendable () -> Void]

    /// What is done when the completions have been called.
    func mend()

    /// Ends at this moment, while `group` was under way, or at rest with none.
    func crash(_ crash: SimulatedHost.Crash, during group: [StoreCall], using random: inout SplitMix64)
}

/// The queue in front of a simulated store's backend.
private final class SimulatedStoreDesk: EventSource, @unchecked Sendable {  // tidy-ok: one thread
    private let backend: any SimulatedStoreBackend
    private let loop: SimulatedLoop
    private let syncTime: Int64
    private var random: SplitMix64
    private var queue: [StoreCall] = []
    private var group: [StoreCall] = []
    private var isClosed = false

    init(backend: any SimulatedStoreBackend, loop: SimulatedLoop, syncTime: Duration, seed: UInt64) {
        self.backend = backend
        self.loop = loop
        self.syncTime = syncTime.nanosecondsClamped
        random = SplitMix64(seed: seed)
    }

    var report: StoreReport { backend.report }

    func take(_ call: StoreCall) {
        if isClosed {
            loop.startTask { call.fail(.closed)() }
            return
        }
        if case .close = call { isClosed = true }
        queue.append(call)
        if group.isEmpty { begin() }
    }

    /// Hands the next group to the disk, which takes its time only over what is written.
    private func begin() {
        let count = backend.groupCount(in: queue[...])
        group = Array(queue.prefix(count))
        queue.removeFirst(count)
        let hasCommits = group.contains { if case .commit = $0 { true } else { false } }
        let time = hasCommits ? syncTime + Int64(random.number(below: Int(syncTime / 4) + 1)) : 0
        _ = loop.scheduler.schedule(self, at: loop.scheduler.now + time)
    }

    override var stalledUntil: Int64 { loop.host.stalledUntil }

    override func fire(_ sequence: UInt64) {
        guard !loop.isDead, !group.isEmpty else { return }
        let completions = backend.run(group[...])
        group = []
        loop.scheduler.enter(loop) { for completion in completions { completion() } }
        backend.mend()
        if !queue.isEmpty, group.isEmpty { begin() }
    }

    func crash(_ crash: SimulatedHost.Crash) {
        guard !isClosed || !group.isEmpty else { return }
        isClosed = true
        backend.crash(crash, during: group, using: &random)
        if loop.runsJobs {
            for call in group + queue { loop.startTask { call.fail(.closed)() } }
        }
        group = []
        queue = []
    }
}
