import StarlingCore
import StarlingTransports
import StarlingWorld

/// A peer made of a bare socket, which a test drives by hand.
///
/// It lives on one loop; waiting asks again every millisecond.
actor RawPeer: StreamSocketDelegate {
    private nonisolated let loop: any EventLoop
    private var socket: (any StreamSocket)?
    private(set) var received: [UInt8] = []
    private(set) var isConnected = false
    private(set) var hasEnded = false
    private(set) var failure: SocketError?

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    init(_ loop: any EventLoop) { self.loop = loop }

    /// Whether the other side has closed the connection, in whichever way.
    var isOver: Bool { hasEnded || failure != nil }

    func connect(to address: SocketAddress, isReading: Bool = true) async throws {
        socket = try loop.connect(to: address, delegate: self)
        try await until { $0.isConnected || $0.failure != nil }
        if let failure { throw failure }
        if isReading { socket?.resumeReading() }
    }

    /// Takes the first connection that comes to `listener`.
    func adopt(_ accepted: AcceptedSocket) throws {
        socket = try loop.adopt(accepted, delegate: self)
        isConnected = true
        socket?.resumeReading()
    }

    func write(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        var slices = RingQueue<BufferSlice>()
        slices.append(BufferSlice(copying: bytes.span))
        socket?.write(&slices)
    }

    /// Each byte in a write of its own, with time between them.
    func writeBytewise(_ bytes: [UInt8]) async throws {
        for byte in bytes {
            write([byte])
            try await loop.sleep(for: .microseconds(10))
        }
    }

    /// Exactly so many bytes, in the order of the wire.
    func read(_ byteCount: Int) async throws -> [UInt8] {
        try await until { $0.received.count >= byteCount || $0.isOver }
        guard received.count >= byteCount else { throw failure ?? SocketError.reset }
        defer { received.removeFirst(byteCount) }
        return Array(received.prefix(byteCount))
    }

    /// All that has come so far.
    func takeReceived() -> [UInt8] {
        defer { received = [] }
        return received
    }

    func waitForEnd() async throws { try await until { $0.isOver } }

    func pauseReading() { socket?.pauseReading() }
    func resumeReading() { socket?.resumeReading() }
    func closeWrite() { socket?.closeWrite() }
    func close() { socket?.close() }
    var queuedByteCount: Int { socket?.queuedByteCount ?? 0 }

    func until(_ condition: @Sendable (isolated RawPeer) -> Bool) async throws {
        while !condition(self) { try await loop.sleep(for: .milliseconds(1)) }
    }

    nonisolated func socketDidConnect() { assumeIsolated { $0.isConnected = true } }
    nonisolated func socketDidRead(_ bytes: BufferSlice) { assumeIsolated { $0.received += bytes.array() } }
    nonisolated func socketDidEnd() { assumeIsolated { $0.hasEnded = true } }
    nonisolated func socketDidDrain() {}
    nonisolated func socketDidFail(_ error: SocketError) { assumeIsolated { $0.failure = error } }
}
