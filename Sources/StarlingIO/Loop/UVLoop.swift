internal import CSys
internal import CUV
package import StarlingCore
package import StarlingWorld
internal import Synchronization

/// An event loop of the real world: one thread that runs libuv, timers, actors and tasks.
///
/// Every callback of libuv ends with ``finishTurn()``, which runs the jobs and the end-of-turn work that the
/// callback caused, so that they cost no further round through the poll.
///
/// It runs until ``stop()``. What is enqueued after that is never run: end everything that lives on a
/// loop before stopping it.
package final class UVLoop: EventLoop, @unchecked Sendable {  // tidy-ok: state is its thread's
    /// Jobs run in one turn before sockets and timers get their chance again.
    private static let jobCountPerTurnMax = 1024
    /// How long jobs run before they do, in nanoseconds; the one that is running then ends first.
    private static let turnNanosecondsMax: Int64 = 2_000_000
    /// How long pooled memory may lie unused before it is given back.
    private static let trimInterval = Duration.seconds(2)

    /// A timer whose handle is gone: nobody has it any more but its loop.
    private struct DroppedTimer: @unchecked Sendable {  // tidy-ok: handed over, not shared
        let entry: TimerEntry
    }

    /// What other threads hand in.
    private struct Inbox: ~Copyable {
        var jobs: [UnownedJob] = []
        /// Timers that were dropped on other threads.
        var droppedTimers: [DroppedTimer] = []
        var isStopping = false
        /// The wake-up handle is gone.
        var isClosed = false
        /// The thread touches nothing any more.
        var isOver = false
    }

    /// The loop's name, which is its thread's too.
    package let name: String
    let log: Log
    let uv: UnsafeMutablePointer<uv_loop_t>
    private let wakeup: UnsafeMutablePointer<uv_async_t>
    private let idle: UnsafeMutablePointer<uv_idle_t>
    private let alarm: UnsafeMutablePointer<uv_timer_t>
    private let beforePoll: UnsafeMutablePointer<uv_prepare_t>
    private let afterPoll: UnsafeMutablePointer<uv_check_t>
    private let inbox = Mutex(Inbox())
    private let thread = Mutex<uv_thread_t?>(nil)

    // The loop's thread only.
    var readArea = ReadArea()
    private var jobs = JobRing()
    private var spareJobs: [UnownedJob] = []
    private var turnWork = TurnWork()
    private var timers = TimerHeap()
    /// When the alarm rings, in libuv's milliseconds; `nil` when it is off.
    private var alarmTime: UInt64?
    private var isContinuing = false
    private var spin = PollSpin()
    private var pollStart: Int64 = 0
    /// No socket opens any more.
    private(set) var isEnding = false
    private var recordBlocks = BufferPool(blockByteCount: LoopBlock.recordByteCount)
    private var recordsWereTaken = false
    private var trimTimer: UVTimer?
    private var isTrimming = false
    /// Free write requests, so that a blocked write allocates none.
    var writeRequests: [UnsafeMutablePointer<uv_write_t>] = []

    /// Makes a loop and starts its thread.
    package init(name: String, log: Log) throws(SocketError) {
        self.name = name
        self.log = log
        uv = .allocate(capacity: 1)
        wakeup = .allocate(capacity: 1)
        idle = .allocate(capacity: 1)
        alarm = .allocate(capacity: 1)
        beforePoll = .allocate(capacity: 1)
        afterPoll = .allocate(capacity: 1)
        try SocketError.check(uv_loop_init(uv))
        let me = Unmanaged.passUnretained(self).toOpaque()
        wakeup.initialize(to: uv_async_t())
        let status = uv_async_init(uv, wakeup) { UVLoop.of($0?.pointee.data).receiveInbox() }
        guard status == 0 else {
            uv_loop_close(uv)
            throw SocketError(code: status)
        }
        wakeup.pointee.data = me
        idle.initialize(to: uv_idle_t())
        uv_idle_init(uv, idle)
        idle.pointee.data = me
        alarm.initialize(to: uv_timer_t())
        uv_timer_init(uv, alarm)
        alarm.pointee.data = me
        beforePoll.initialize(to: uv_prepare_t())
        uv_prepare_init(uv, beforePoll)
        beforePoll.pointee.data = me
        uv_prepare_start(beforePoll) { UVLoop.of($0?.pointee.data).willPoll() }
        afterPoll.initialize(to: uv_check_t())
        uv_check_init(uv, afterPoll)
        afterPoll.pointee.data = me
        uv_check_start(afterPoll) { UVLoop.of($0?.pointee.data).didPoll() }
        try startThread()
    }

    deinit {
        uv.deallocate()
        wakeup.deallocate()
        idle.deallocate()
        alarm.deallocate()
        beforePoll.deallocate()
        afterPoll.deallocate()
    }

    private func startThread() throws(SocketError) {
        var started = uv_thread_t()
        // The thread keeps the loop until it ends.
        let context = Unmanaged.passRetained(self).toOpaque()
        let status = uv_thread_create(&started, { UVLoop.takeOver($0).run() }, context)
        guard status == 0 else {
            Unmanaged<UVLoop>.fromOpaque(context).release()
            closeAll()
            throw SocketError(code: status)
        }
        thread.withLock { $0 = started }
    }

    /// Ends the loop: closes all its sockets without a word to their delegates, and waits for its thread.
    ///
    /// On its own thread it does not wait: the loop ends after the turn.
    package func stop() {
        inbox.withLock { inbox in
            inbox.isStopping = true
            if !inbox.isClosed { _ = uv_async_send(wakeup) }
        }
        guard var started = thread.withLock({ $0.take() }) else { return }
        if isCurrent { csys_detach_thread() } else { uv_thread_join(&started) }
    }

    // MARK: Executor

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isCurrent {
            jobs.append(job)
            return
        }
        // The wake-up is sent under the lock, so that it cannot meet a handle that stop() has closed.
        inbox.withLock { inbox in
            if inbox.isClosed { return }
            let isFirst = inbox.jobs.isEmpty
            inbox.jobs.append(job)
            if isFirst { _ = uv_async_send(wakeup) }
        }
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    package var isCurrent: Bool {
        csys_thread_owner() == UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())
    }

    package func checkIsolated() { precondition(isCurrent, "not on the loop's thread") }

    package func isIsolatingCurrentContext() -> Bool? { isCurrent }

    package var now: Instant { Instant(nanosecondsSinceOrigin: csys_monotonic_nanoseconds()) }

    // MARK: Turns

    package func atEndOfTurn(_ work: any EndOfTurnWork) {
        precondition(isCurrent)
        turnWork.insert(work)
    }

    /// Runs what the callback caused: jobs until there is none, then each object's end-of-turn work, again
    /// until it is quiet.
    ///
    /// What exceeds the turn's share goes on after the next poll, which does not wait then.
    func finishTurn() {
        var budget = Self.jobCountPerTurnMax
        while true {
            runJobs(&budget)
            let workCount = turnWork.beginPass()
            for index in 0..<workCount { turnWork.work(at: index).endOfTurn() }
            if workCount > 0 { turnWork.endPass() }
            budget -= workCount
            let isQuiet = jobs.count == 0 && turnWork.isEmpty
            if isQuiet || budget <= 0 {
                continueSoon(!isQuiet)
                return
            }
        }
    }

    private func runJobs(_ budget: inout Int) {
        guard jobs.count > 0 else { return }
        let serial = asUnownedSerialExecutor()
        let preference = asUnownedTaskExecutor()
        let end = csys_monotonic_nanoseconds() + Self.turnNanosecondsMax
        while budget > 0, let job = jobs.popFirst() {
            job.runSynchronously(isolatedTo: serial, taskExecutor: preference)
            budget = csys_monotonic_nanoseconds() < end ? budget - 1 : 0
        }
    }

    private func continueSoon(_ shallContinue: Bool) {
        guard shallContinue != isContinuing else { return }
        isContinuing = shallContinue
        if shallContinue {
            uv_idle_start(idle) { UVLoop.of($0?.pointee.data).finishTurn() }
        } else {
            uv_idle_stop(idle)
        }
    }

    private func receiveInbox() {
        let isStopping = inbox.withLock { inbox in
            swap(&inbox.jobs, &spareJobs)
            return inbox.isStopping
        }
        forgetDroppedTimers()
        for job in spareJobs { jobs.append(job) }
        spareJobs.removeAll(keepingCapacity: true)
        finishTurn()
        if isStopping { uv_stop(uv) }
    }

    // MARK: Polling

    private func willPoll() {
        pollStart = csys_monotonic_nanoseconds()
        guard uv_backend_timeout(uv) != 0, let look = spin.begin() else { return }
        let found = csys_await_readable(uv_backend_fd(uv), pollStart + look.nanosecondsClamped) == 1
        spin.looked(found: found)
    }

    private func didPoll() { spin.waited(.nanoseconds(csys_monotonic_nanoseconds() - pollStart)) }

    // MARK: Timers

    package func makeTimer(_ fire: @escaping @Sendable () -> Void) -> any LoopTimer {
        UVTimer(loop: self, fire: fire)
    }

    func arm(_ entry: TimerEntry, at deadline: Instant) {
        precondition(isCurrent)
        if timers.arm(entry, at: deadline) { setAlarm() }
    }

    /// Forgets a timer whose handle is gone.
    func drop(_ entry: TimerEntry) {
        if isCurrent { return forget(entry) }
        let dropped = DroppedTimer(entry: entry)
        let isOver = inbox.withLock { inbox in
            if inbox.isOver { return true }
            let isFirst = inbox.droppedTimers.isEmpty
            inbox.droppedTimers.append(dropped)
            if isFirst && !inbox.isClosed { _ = uv_async_send(wakeup) }
            return false
        }
        if isOver { entry.fire = nil }
    }

    /// Forgets the timers that were dropped on other threads.
    private func forgetDroppedTimers() {
        let dropped = inbox.withLock { inbox in
            let dropped = inbox.droppedTimers
            inbox.droppedTimers = []
            return dropped
        }
        for timer in dropped { forget(timer.entry) }
    }

    private func forget(_ entry: TimerEntry) {
        entry.deadline = nil
        entry.fire = nil
        timers.remove(entry)
    }

    /// Sets the one system timer to the earliest deadline, rounded up to libuv's milliseconds.
    private func setAlarm() {
        guard let first = timers.first else { return }
        let nanoseconds = max(0, first.queuedDeadline.nanosecondsSinceOrigin)
        let time = UInt64(nanoseconds / 1_000_000) + (nanoseconds % 1_000_000 > 0 ? 1 : 0)
        if let alarmTime, alarmTime <= time { return }
        alarmTime = time
        let current = uv_now(uv)
        uv_timer_start(
            alarm,
            { UVLoop.of($0?.pointee.data).fireTimers() },
            time > current ? time - current : 0,
            0
        )
    }

    private func fireTimers() {
        alarmTime = nil
        let now = now
        // As many as there are: timers that arm themselves for the past get their chance next time.
        var fireCountMax = timers.count
        while fireCountMax > 0, let entry = timers.first, entry.queuedDeadline <= now {
            // Armed later than it is queued: it waits for its turn, even if that has come too.
            if let deadline = entry.deadline, deadline > entry.queuedDeadline {
                timers.queue(entry)
                continue
            }
            fireCountMax -= 1
            timers.remove(entry)
            if entry.deadline == nil { continue }
            entry.deadline = nil
            entry.fire?()
            finishTurn()
        }
        setAlarm()
    }

    // MARK: Memory

    package func takeRecordBuffer() -> Buffer {
        precondition(isCurrent)
        recordsWereTaken = true
        trimLater()
        return recordBlocks.take()
    }

    /// Bytes of the blocks that the loop keeps for reuse, in use or free.
    package var pooledByteCount: Int {
        precondition(isCurrent)
        return readArea.blockCount * LoopBlock.readByteCount
            + recordBlocks.blockCount * LoopBlock.recordByteCount
    }

    /// Sees to it that pooled blocks are freed some time after the last use.
    func trimLater() {
        if isTrimming { return }
        isTrimming = true
        let timer = trimTimer ?? UVTimer(loop: self) { [unowned self] in trim() }
        trimTimer = timer
        timer.arm(at: now + Self.trimInterval)
    }

    private func trim() {
        isTrimming = false
        let (freedReads, hasNoReads) = readArea.trim()
        var freedRecords = false
        if !recordsWereTaken {
            let blockCount = recordBlocks.blockCount
            recordBlocks.trim()
            freedRecords = recordBlocks.blockCount < blockCount
        }
        recordsWereTaken = false
        if freedReads || freedRecords { csys_trim_memory() }
        if !hasNoReads || recordBlocks.blockCount > 0 { trimLater() }
    }

    // MARK: Thread

    private func run() {
        csys_set_thread_owner(Unmanaged.passUnretained(self).toOpaque(), name)
        uv_run(uv, UV_RUN_DEFAULT)
        trimTimer = nil
        isEnding = true
        closeAll()
        csys_set_thread_owner(nil, name)
    }

    private func closeAll() {
        inbox.withLock { $0.isClosed = true }
        uv_walk(uv, { handle, _ in UVLoop.close(handle) }, nil)
        // Closing dropped delegates, whose tasks may still have a last word.
        var budget = Self.jobCountPerTurnMax
        runJobs(&budget)
        while uv_run(uv, UV_RUN_DEFAULT) != 0 {}
        timers.removeAll()
        turnWork.removeAll()
        for request in writeRequests { request.deallocate() }
        writeRequests = []
        uv_loop_close(uv)
        inbox.withLock { $0.isOver = true }
        forgetDroppedTimers()
    }

    /// Closes whatever handle it is: a socket's owner sees to its own memory, the loop's own have none.
    private static func close(_ handle: UnsafeMutablePointer<uv_handle_t>?) {
        guard let handle, uv_is_closing(handle) == 0 else { return }
        switch uv_handle_get_type(handle) {
        case UV_TCP, UV_NAMED_PIPE: UVStreamSocket.of(handle.pointee.data).close()
        case UV_POLL: PollWatcher.of(handle.pointee.data).close()
        default: uv_close(handle, nil)
        }
    }

    static func of(_ data: UnsafeMutableRawPointer?) -> UVLoop {
        guard let data else { preconditionFailure("a handle without its loop") }
        return Unmanaged<UVLoop>.fromOpaque(data).takeUnretainedValue()
    }

    private static func takeOver(_ data: UnsafeMutableRawPointer?) -> UVLoop {
        guard let data else { preconditionFailure("a thread without its loop") }
        return Unmanaged<UVLoop>.fromOpaque(data).takeRetainedValue()
    }
}
