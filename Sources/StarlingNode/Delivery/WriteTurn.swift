internal import StarlingCore
internal import StarlingWorld

/// Lets one task at a time write to a stream, in the order in which they come: what one writes in pieces has nothing else between
/// them.
///
/// It lives on the loop of the stream's connection, where its callers run too. Who has the turn gives it back, or ends all turns
/// when its write has failed: what stands behind a part of a frame is no frame.
actor WriteTurn {
    private nonisolated let loop: any EventLoop
    private var isTaken = false
    private var isOver = false
    private var waiters: [(token: UInt64, waiter: Waiter<Bool>)] = []
    private var nextToken: UInt64 = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    init(on loop: any EventLoop) { self.loop = loop }

    /// Waits for the turn, which is the caller's from then on; `false` once there are none any more.
    ///
    /// Cancellation: says `false` at once; the turn is somebody else's then, and not to be given back.
    func take() async -> Bool {
        if isOver { return false }
        guard isTaken else {
            isTaken = true
            return true
        }
        let token = nextToken
        nextToken += 1
        return await withTaskCancellationHandler {
            await Waiter.suspend { waiter in
                if Task.isCancelled || isOver {
                    waiter.resume(returning: false)
                } else if isTaken {
                    waiters.append((token, waiter))
                } else {
                    isTaken = true
                    waiter.resume(returning: true)
                }
            }
        } onCancel: {
            loop.startTask { await self.leave(token) }
        }
    }

    /// Gives the turn to who came next.
    func giveBack() {
        guard !waiters.isEmpty else { return isTaken = false }
        waiters.removeFirst().waiter.resume(returning: true)
    }

    /// Nobody writes any more.
    func end() {
        isOver = true
        let waiting = waiters
        waiters = []
        for entry in waiting { entry.waiter.resume(returning: false) }
    }

    private func leave(_ token: UInt64) {
        guard let place = waiters.firstIndex(where: { $0.token == token }) else { return }
        waiters.remove(at: place).waiter.resume(returning: false)
    }
}
