internal import StarlingCore

/// One suspended task and the timer that wakes it.
actor LoopSleep {
    private let loop: any EventLoop
    private var timer: (any LoopTimer)?
    private var continuation: Waiter<Void>?
    private var isOver = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    private init(loop: any EventLoop) { self.loop = loop }

    static func sleep(on loop: any EventLoop, until deadline: Instant) async throws(CancellationError) {
        let sleep = LoopSleep(loop: loop)
        await withTaskCancellationHandler {
            await sleep.wait(until: deadline)
        } onCancel: {
            loop.startTask { await sleep.end() }
        }
        if Task.isCancelled { throw CancellationError() }
    }

    private func wait(until deadline: Instant) async {
        if isOver || Task.isCancelled { return }
        let timer = loop.makeTimer { [weak self] in self?.assumeIsolated { $0.end() } }
        timer.arm(at: deadline)
        self.timer = timer
        await Waiter.suspend { waiter in
            if isOver { waiter.resume() } else { continuation = waiter }
        }
    }

    private func end() {
        isOver = true
        timer?.disarm()
        timer = nil
        continuation?.resume()
        continuation = nil
    }
}
