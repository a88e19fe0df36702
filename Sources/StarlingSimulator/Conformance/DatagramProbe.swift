package import StarlingCore
package import StarlingWorld

/// Drives one datagram socket from a check.
///
/// Lives on the socket's loop.
package actor DatagramProbe {
    /// One datagram that came.
    package struct Datagram: Equatable, Sendable {
        package var bytes: [UInt8]
        package var remote: SocketAddress
        package var interfaceIndex: UInt32
    }

    private final class Delegate: DatagramSocketDelegate {
        private let probe: DatagramProbe

        init(probe: DatagramProbe) { self.probe = probe }

        func socketDidReceive(_ bytes: BufferSlice, from remote: SocketAddress, interfaceIndex: UInt32) {
            probe.assumeIsolated { probe in
                probe.hear(
                    Datagram(bytes: bytes.array(), remote: remote, interfaceIndex: interfaceIndex)
                )
            }
        }

        func datagramSocketDidFail(_ error: SocketError) { probe.assumeIsolated { $0.failure = error } }
    }

    package nonisolated let loop: any EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// What came, in order.
    package private(set) var received: [Datagram] = []
    package private(set) var failure: SocketError?

    private var socket: (any DatagramSocket)?
    private var waiters: [(count: Int, continuation: UnsafeContinuation<Bool, Never>, timer: any LoopTimer)] =
        []

    package init(loop: any EventLoop) { self.loop = loop }

    /// Opens the socket, and returns its address with the port.
    @discardableResult
    package func open(_ options: DatagramOptions) throws -> SocketAddress {
        let socket = try loop.openDatagram(options, delegate: Delegate(probe: self))
        self.socket = socket
        return socket.local
    }

    package func send(_ bytes: [UInt8], to remote: SocketAddress, interfaceIndex: UInt32 = 0) throws {
        try socket?.send(bytes, to: remote, interfaceIndex: interfaceIndex)
    }

    package func close() { socket?.close() }

    /// Waits until so many datagrams came.
    ///
    /// Returns false when they do not within `limit`.
    @discardableResult
    package func wait(forCount count: Int, within limit: Duration = .seconds(300)) async -> Bool {
        if received.count >= count { return true }
        let timer = loop.makeTimer { [weak self] in self?.assumeIsolated { $0.giveUp() } }
        timer.arm(at: loop.now + limit)
        return await withUnsafeContinuation { waiters.append((count, $0, timer)) }
    }

    private func hear(_ datagram: Datagram) {
        received.append(datagram)
        let ready = waiters.filter { $0.count <= received.count }
        waiters.removeAll { $0.count <= received.count }
        for waiter in ready { waiter.continuation.resume(returning: true) }
    }

    private func giveUp() {
        let waiting = waiters
        waiters = []
        for waiter in waiting { waiter.continuation.resume(returning: false) }
    }
}
