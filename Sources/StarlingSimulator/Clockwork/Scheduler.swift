internal import StarlingCore
internal import StarlingWorld
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The virtual clock, the events to come, and the jobs of all loops in one order.
///
/// Confined to the thread that runs the simulation. Only ``enqueue(_:on:)`` may be reached from elsewhere, by
/// mistake; it notices.
final class Scheduler: @unchecked Sendable {  // tidy-ok: confined to the simulation's thread, see above
    private struct PendingJob {
        var job: UnownedJob
        var loop: SimulatedLoop
    }

    /// The virtual time in nanoseconds.
    private(set) var now: Int64 = 0
    /// The loop whose callback or job runs.
    private(set) var current: SimulatedLoop?
    var trace: SimulationTrace
    var arena = SegmentArena()
    var recordBuffers: BufferPool
    private(set) var eventCount = 0
    private(set) var jobCount = 0
    /// Jobs of crashed hosts, which never ran.
    private(set) var abandonedJobCount = 0

    private let turnJobCountMax: Int
    private var heap = EventHeap()
    private var lastSequence: UInt64 = 0
    private var jobs = RingQueue<PendingJob>()
    private var endOfTurn: [(loop: SimulatedLoop, work: any EndOfTurnWork)] = []
    /// What of that is under way: kept for its room alone.
    private var ending: [(loop: SimulatedLoop, work: any EndOfTurnWork)] = []
    private var isRunning = false
    private let thread: Atomic<UInt>
    private let strays = Mutex<[PendingJob]>([])
    private let strayCount = Atomic<Int>(0)

    init(trace: SimulationTrace, turnJobCountMax: Int) {
        self.trace = trace
        self.turnJobCountMax = turnJobCountMax
        thread = Atomic(Self.callingThread)
        recordBuffers = BufferPool(
            blockByteCount: LoopBlock.recordByteCount,
            limits: .init(blockCountMax: 256)
        )
    }

    private static var callingThread: UInt {
        #if canImport(Darwin)
            UInt(bitPattern: pthread_self())
        #else
            UInt(pthread_self())
        #endif
    }

    /// Whether the caller is on the simulation's thread.
    var isOnThread: Bool { thread.load(ordering: .relaxed) == Self.callingThread }

    /// Whether something is left to happen.
    var isIdle: Bool { heap.count == 0 && jobs.isEmpty && endOfTurn.isEmpty }
    var nextTime: Int64? { heap.nextTime }

    // MARK: Scheduling

    /// A number larger than all before: the order of what happens at the same time.
    func nextSequence() -> UInt64 {
        lastSequence += 1
        return lastSequence
    }

    /// Has `source` fire at `time`, or at once if that has passed.
    func schedule(_ source: EventSource, at time: Int64, sequence: UInt64) {
        heap.push(time: max(time, now), sequence: sequence, source: source)
    }

    func schedule(_ source: EventSource, at time: Int64) -> UInt64 {
        let sequence = nextSequence()
        schedule(source, at: time, sequence: sequence)
        return sequence
    }

    func enqueue(_ job: UnownedJob, on loop: SimulatedLoop) {
        guard isOnThread else {
            strays.withLock { $0.append(PendingJob(job: job, loop: loop)) }
            strayCount.add(1, ordering: .releasing)
            return
        }
        jobs.append(PendingJob(job: job, loop: loop))
    }

    func atEndOfTurn(_ work: any EndOfTurnWork, on loop: SimulatedLoop) {
        // There are few, and mostly one.
        for known in endOfTurn where known.work === work { return }
        endOfTurn.append((loop, work))
    }

    // MARK: Running

    /// Runs `body` as a callback of `loop`.
    ///
    /// Calls do not nest.
    func enter<Result, Failure: Error>(
        _ loop: SimulatedLoop,
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let outer = current
        current = loop
        defer { current = outer }
        return try body()
    }

    /// Makes the caller's thread the simulation's, for as long as it runs or until another asks.
    func moveToCallingThread() {
        let caller = Self.callingThread
        guard thread.load(ordering: .relaxed) != caller else { return }
        precondition(!isRunning, "a simulation runs on one thread at a time")
        thread.store(caller, ordering: .relaxed)
    }

    /// Runs jobs and end-of-turn work until nothing is ready.
    ///
    /// Time stands.
    func settle() throws(SimulationError) {
        var turnJobCount = 0
        repeat {
            while let next = jobs.popFirst() {
                if !next.loop.runsJobs {
                    abandonedJobCount += 1
                    continue
                }
                turnJobCount += 1
                guard turnJobCount <= turnJobCountMax else { throw .livelock(jobCount: turnJobCount) }
                current = next.loop
                // Safe: both references live no longer than this call, and `next` keeps the loop.
                unsafe next.job.runSynchronously(
                    isolatedTo: next.loop.asUnownedSerialExecutor(),
                    taskExecutor: next.loop.asUnownedTaskExecutor()
                )
                current = nil
            }
            if !endOfTurn.isEmpty {
                swap(&ending, &endOfTurn)
                turnJobCount += ending.count
                for (loop, work) in ending where loop.runsJobs { enter(loop) { work.endOfTurn() } }
                ending.removeAll(keepingCapacity: true)
            }
        } while !jobs.isEmpty || !endOfTurn.isEmpty
        jobCount += turnJobCount
        if turnJobCount > 0 { trace.record(.turn, at: now, from: 0, to: 0, value: turnJobCount) }
        try checkStrays()
    }

    /// Runs events up to and including `limit`, as long as `isWanted`, and leaves the clock at the last one.
    func run(until limit: Int64, while isWanted: () -> Bool) throws(SimulationError) {
        precondition(!isRunning, "a simulation does not run inside itself")
        moveToCallingThread()
        isRunning = true
        defer { isRunning = false }
        try settle()
        while isWanted(), let time = heap.nextTime, time <= limit, let event = heap.pop() {
            let wake = event.source.stalledUntil
            guard wake <= max(now, event.time) else {
                heap.push(time: wake, sequence: event.sequence, source: event.source)
                continue
            }
            now = max(now, event.time)
            eventCount += 1
            event.source.fire(event.sequence)
            try settle()
        }
    }

    /// Moves the clock where nothing happens.
    func advance(to time: Int64) { now = max(now, time) }

    /// Drops everything that is to come.
    func removeAll() {
        heap.removeAll()
        endOfTurn.removeAll()
    }

    private func checkStrays() throws(SimulationError) {
        guard strayCount.load(ordering: .acquiring) > 0 else { return }
        let found = strays.withLock { strays in
            defer { strays = [] }
            return strays
        }
        strayCount.subtract(found.count, ordering: .releasing)
        for stray in found { jobs.append(stray) }
        throw .escaped(jobCount: found.count)
    }
}
