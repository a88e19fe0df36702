package import StarlingCore
package import StarlingWorld
internal import Synchronization

/// A world of hosts in virtual time, stepped on the calling thread and determined by its seed.
///
/// ```swift
/// let simulation = Simulation(seed: 7)
/// let (alice, bob) = (simulation.host("alice"), simulation.host("bob"))
/// let rtt = try simulation.complete(on: alice) { try await ping(from: alice.world, to: bob) }
/// ```
///
/// All loops of all hosts run on the thread that calls a `run` function. Time moves only when nothing is left
/// to do at the present moment. A task that is still suspended when the simulation ends is never freed, nor what it
/// holds: end what you started where one process runs many simulations.
package final class Simulation: @unchecked Sendable {  // tidy-ok: one thread runs it
    /// What a simulation is made of.
    package struct Configuration: Sendable {
        /// How hosts are linked.
        package var link = LinkProfile(latency: .milliseconds(5), jitter: .microseconds(500))
        package var networkLimits = NetworkLimits()
        package var chunking = StreamChunking.whole
        package var traceDetail = SimulationTrace.Detail.bytes
        /// How many of the last events are kept for ``Simulation/traceTail``.
        package var traceTailCountMax = 0
        /// Jobs that may run without time moving; more is reported as ``SimulationError/livelock(jobCount:)``.
        package var turnJobCountMax = 10_000_000
        /// The time of day at which the simulation begins: 2026-01-01T00:00:00Z.
        package var wallOrigin = WallTime(millisecondsSince1970: 1_767_225_600_000)

        package init() {}
    }

    package let seed: UInt64
    package let network: NetworkFabric
    /// What names resolve to, for all hosts.
    package let names = NameTable()
    /// Randomness for scripts and tests, apart from the hosts' and the network's.
    package var random: SplitMix64

    private let scheduler: Scheduler
    private let configuration: Configuration
    private var hostSeeds: SplitMix64

    package init(seed: UInt64, configuration: Configuration = Configuration()) {
        self.seed = seed
        self.configuration = configuration
        var seeds = SplitMix64(seed: seed)
        scheduler = Scheduler(
            trace: SimulationTrace(
                detail: configuration.traceDetail,
                tailCountMax: configuration.traceTailCountMax
            ),
            turnJobCountMax: configuration.turnJobCountMax
        )
        network = NetworkFabric(
            scheduler: scheduler,
            seed: seeds.next(),
            link: configuration.link,
            limits: configuration.networkLimits,
            chunking: configuration.chunking
        )
        random = SplitMix64(seed: seeds.next())
        hostSeeds = SplitMix64(seed: seeds.next())
    }

    deinit {
        scheduler.removeAll()
        network.tearDown()
    }

    // MARK: Hosts

    /// Adds a host.
    ///
    /// Without interfaces of its own it gets `10.x.y.z` and `fd00::…` on the common LAN segment.
    @discardableResult
    package func host(
        _ name: String = "",
        configuration: SimulatedHost.Configuration = SimulatedHost.Configuration()
    ) -> SimulatedHost {
        var configuration = configuration
        let id = network.hosts.count
        if configuration.interfaces.isEmpty {
            let addresses: [IPAddress] = [
                .v4(0x0a00_0000 + UInt32(truncatingIfNeeded: id) + 1),
                .v6(high: 0xfd00 << 48, low: UInt64(id) + 1),
            ]
            configuration.interfaces = [SimulatedInterface(addresses: addresses)]
        }
        let host = SimulatedHost(
            id: id,
            name: name.isEmpty ? "host\(id)" : name,
            seed: hostSeeds.next(),
            network: network,
            names: names,
            wallOrigin: self.configuration.wallOrigin,
            configuration: configuration
        )
        network.add(host)
        return host
    }

    /// Adds a host and returns the world of its process.
    package func makeWorld(host name: String = "") -> World { host(name).world }

    package var hosts: [SimulatedHost] { network.hosts }

    // MARK: Running

    /// The virtual time.
    package var now: Instant { Instant(nanosecondsSinceOrigin: scheduler.now) }

    /// Runs what is ready and leaves time where it is.
    package func settle() throws(SimulationError) {
        try scheduler.run(until: scheduler.now) { false }
    }

    /// Runs everything up to and including `deadline`, and leaves the clock there.
    package func run(until deadline: Instant) throws(SimulationError) {
        try scheduler.run(until: deadline.nanosecondsSinceOrigin) { true }
        scheduler.advance(to: deadline.nanosecondsSinceOrigin)
    }

    package func run(for duration: Duration) throws(SimulationError) {
        try run(until: now + duration)
    }

    /// Runs until `condition` holds, which is asked after each event.
    ///
    /// Errors: ``SimulationError/unfinished(after:)`` when it does not within `limit`.
    package func run(
        until condition: () -> Bool,
        within limit: Duration = .seconds(60)
    ) throws(SimulationError) {
        try scheduler.run(until: (now + limit).nanosecondsSinceOrigin) { !condition() }
        guard !condition() else { return }
        throw scheduler.isIdle ? .deadlock : .unfinished(after: limit)
    }

    /// Runs asynchronous work on a host, and everything else, until the work has ended.
    ///
    /// Errors: the work's own; or ``SimulationError`` when it does not end within `limit`.
    @discardableResult
    package func complete<Value: Sendable>(
        on host: SimulatedHost,
        within limit: Duration = .seconds(60),
        _ work: @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        let outcome = Outcome<Value>()
        scheduler.moveToCallingThread()
        host.loop.startTask {
            do { outcome.result = .success(try await work()) } catch { outcome.result = .failure(error) }
        }
        try run(until: { outcome.result != nil }, within: limit)
        guard let result = outcome.result else { throw SimulationError.unfinished(after: limit) }
        return try result.get()
    }

    /// Where the result of awaited work lands.
    private final class Outcome<Value: Sendable>: Sendable {
        private let state = Mutex<Result<Value, any Error>?>(nil)

        var result: Result<Value, any Error>? {
            get { state.withLock { $0 } }
            set { state.withLock { $0 = newValue } }
        }
    }

    // MARK: Script

    /// Calls `body` once after `delay`, outside of all hosts.
    package func after(_ delay: Duration, _ body: @escaping () -> Void) {
        _ = scheduler.schedule(ScriptedEvent(body), at: (now + delay).nanosecondsSinceOrigin)
    }

    /// Calls `body` every `interval`, outside of all hosts, until the result is dropped.
    package func every(_ interval: Duration, _ body: @escaping () -> Void) -> ScriptedRoutine {
        ScriptedRoutine(scheduler: scheduler, interval: interval.nanosecondsClamped, body: body)
    }

    // MARK: Trace

    /// Everything that happened so far, folded into 64 bits: equal for two runs of one seed.
    package var traceHash: UInt64 { scheduler.trace.hash }

    /// The last events, oldest first; see ``Configuration/traceTailCountMax``.
    package var traceTail: [SimulationTrace.Entry] { scheduler.trace.tail }

    /// Adds an observation of the caller's to the trace.
    package func note(_ text: String) { scheduler.trace.record(note: text, at: scheduler.now) }

    /// Events and jobs that ran, and jobs of crashed hosts that did not.
    package var counts: (events: Int, jobs: Int, abandonedJobs: Int) {
        (scheduler.eventCount, scheduler.jobCount, scheduler.abandonedJobCount)
    }
}
