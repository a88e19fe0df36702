internal import StarlingCore
internal import StarlingWorld

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The thread of a store, and the queue in front of it.
///
/// Calls from the store's own loop are held back until the end of the loop's turn: what a turn asks for is one group,
/// not the first call alone and the rest behind it. A large one is not held back from a thread that has nothing to do:
/// the disk works while the turn goes on.
final class StoreWorker: EndOfTurnWork, @unchecked Sendable {  // tidy-ok: lock below
    private let loop: any EventLoop
    private let engine: StoreEngine
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let wakeup = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    // Guarded by the lock.
    private var queue: [StoreCall] = []
    /// Calls of the loop's present turn.
    private var held: [StoreCall] = []
    private var isClosed = false
    /// Whether the thread waits for calls.
    private var isIdle = false

    /// Changes of a batch that is not held back.
    private static let largeChangeCount = 8

    private init(engine: StoreEngine, loop: any EventLoop) {
        self.engine = engine
        self.loop = loop
        pthread_mutex_init(lock, nil)
        pthread_cond_init(wakeup, nil)
    }

    deinit {
        pthread_cond_destroy(wakeup)
        pthread_mutex_destroy(lock)
        lock.deallocate()
        wakeup.deallocate()
    }

    /// Starts a thread, which lives until the store is closed.
    static func start(engine: StoreEngine, loop: any EventLoop) throws(StoreError) -> StoreWorker {
        let worker = StoreWorker(engine: engine, loop: loop)
        let context = Unmanaged.passRetained(worker).toOpaque()
        #if canImport(Darwin)
            var thread: pthread_t?
            let status = pthread_create(&thread, nil, { StoreWorker.takeOver($0).run() }, context)
            if status == 0, let thread { pthread_detach(thread) }
        #else
            var thread = pthread_t()
            let status = pthread_create(&thread, nil, { StoreWorker.takeOver($0).run() }, context)
            if status == 0 { pthread_detach(thread) }
        #endif
        guard status == 0 else {
            Unmanaged<StoreWorker>.fromOpaque(context).release()
            throw .other(name: String(cString: strerror(status)))
        }
        return worker
    }

    // MARK: Any thread

    /// Queues a call.
    func take(_ call: StoreCall) {
        let isOnLoop = loop.isCurrent
        var isLarge = false
        if case .commit(let batch, _) = call { isLarge = batch.changes.count >= Self.largeChangeCount }
        let (isRefused, isFirst, isWaitedFor) = locked {
            if isClosed { return (true, false, false) }
            if case .close = call { isClosed = true }
            held.append(call)
            if !isOnLoop || isLarge && isIdle { return (false, false, release()) }
            return (false, held.count == 1, false)
        }
        if isWaitedFor { pthread_cond_signal(wakeup) }
        if isFirst { loop.atEndOfTurn(self) }
        if isRefused { post([call.fail(.closed)]) }
    }

    func endOfTurn() {
        if locked({ release() }) { pthread_cond_signal(wakeup) }
    }

    /// Hands over what was held back.
    ///
    /// - Returns: Whether the thread waits for that; it is woken without the lock, which it needs at once.
    private func release() -> Bool {
        guard !held.isEmpty else { return false }
        let isWaitedFor = queue.isEmpty
        queue += held
        held.removeAll(keepingCapacity: true)
        return isWaitedFor
    }

    /// Closes, unless that was asked for already.
    func end() {
        let isWaitedFor = locked {
            guard !isClosed else { return false }
            isClosed = true
            held.append(.close({}))
            return release()
        }
        if isWaitedFor { pthread_cond_signal(wakeup) }
    }

    private func locked<Value>(_ body: () -> Value) -> Value {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return body()
    }

    // MARK: The thread

    private func run() -> UnsafeMutableRawPointer? {
        var calls: [StoreCall] = []
        while true {
            locked {
                isIdle = true
                while queue.isEmpty { pthread_cond_wait(wakeup, lock) }
                isIdle = false
                swap(&queue, &calls)
            }
            var rest = calls[...]
            while !rest.isEmpty {
                let group = rest.prefix(engine.groupCount(in: rest))
                rest = rest.dropFirst(group.count)
                if case .close = group.first {
                    post(engine.run(group))
                    return nil
                }
                post(engine.run(group))
                engine.mend()
            }
            calls.removeAll(keepingCapacity: true)
        }
    }

    /// Calls completions on the loop, all in one job.
    private func post(_ completions: [@Sendable () -> Void]) {
        loop.startTask { for completion in completions { completion() } }
    }

    private static func takeOver(_ context: UnsafeMutableRawPointer?) -> StoreWorker {
        guard let context else { preconditionFailure("a thread without its store") }
        return Unmanaged<StoreWorker>.fromOpaque(context).takeRetainedValue()
    }
}
