package import StarlingCore
package import StarlingWorld

/// Listens from a test and hands out what was accepted.
///
/// Lives on the listener's loop.
package actor ListenerProbe {
    package nonisolated let loop: any EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Connections accepted so far, taken or not.
    package private(set) var acceptedCount = 0

    private var listener: (any ListenerSocket)?
    private var accepted: [AcceptedSocket] = []
    private var waiters: [UnsafeContinuation<AcceptedSocket?, Never>] = []
    private var timers: [any LoopTimer] = []

    package init(loop: any EventLoop) { self.loop = loop }

    /// Listens, and returns the address with its port.
    package func listen(on local: SocketAddress) throws -> SocketAddress {
        let listener = try loop.listen(on: local) { [weak self] socket in
            self?.assumeIsolated { $0.take(socket) }
        }
        self.listener = listener
        return listener.local
    }

    /// The next connection, or `nil` when none comes within `limit`.
    package func accept(within limit: Duration = .seconds(300)) async -> AcceptedSocket? {
        if !accepted.isEmpty { return accepted.removeFirst() }
        let timer = loop.makeTimer { [weak self] in self?.assumeIsolated { $0.giveUp() } }
        timer.arm(at: loop.now + limit)
        timers.append(timer)
        return await withUnsafeContinuation { waiters.append($0) }
    }

    package func refuse(_ socket: AcceptedSocket) { listener?.refuse(socket) }

    package func close() {
        listener?.close()
        listener = nil
        timers = []
    }

    private func giveUp() {
        let waiting = waiters
        waiters = []
        for waiter in waiting { waiter.resume(returning: nil) }
    }

    private func take(_ socket: AcceptedSocket) {
        acceptedCount += 1
        if waiters.isEmpty {
            accepted.append(socket)
        } else {
            waiters.removeFirst().resume(returning: socket)
        }
    }
}
