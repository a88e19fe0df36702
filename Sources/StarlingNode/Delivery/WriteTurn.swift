internal import StarlingCore
internal import StarlingWorld

/// Lets one task at a time write to a stream, in the order in which they come: what one writes in pieces has nothing else between
/// them.
///
/// It lives on the loop of the stream's connection, where its callers run too. Who has the turn gives it back also when the
/// stream fails, so nobody waits longer than a write may take.
actor WriteTurn {
    private nonisolated let loop: any EventLoop
    private var isTaken = false
    private var waiters = RingQueue<Waiter<Void>>()

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    init(on loop: any EventLoop) { self.loop = loop }

    /// Waits for the turn, which is the caller's from then on.
    func take() async {
        guard isTaken else {
            isTaken = true
            return
        }
        await Waiter.suspend { waiters.append($0) }
    }

    /// Gives the turn to who came next.
    func giveBack() {
        if let next = waiters.popFirst() { next.resume() } else { isTaken = false }
    }
}
