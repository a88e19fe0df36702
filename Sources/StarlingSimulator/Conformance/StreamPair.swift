internal import StarlingCore
internal import StarlingWorld

/// A listener and a connection to it, both ends in the hands of a check.
struct StreamPair: Sendable {
    let listener: ListenerProbe
    let address: SocketAddress
    let dialer: SocketProbe
    let server: SocketProbe

    static func make(on stage: ConformanceStage) async throws -> StreamPair {
        let listener = ListenerProbe(loop: stage.listenerLoop)
        let address = try await listener.listen(on: stage.streamAddress)
        return try await make(on: stage, listener: listener, address: address)
    }

    /// Another connection to a listener.
    static func make(on stage: ConformanceStage, listener: ListenerProbe, address: SocketAddress) async throws
        -> StreamPair
    {
        let dialer = SocketProbe(loop: stage.dialerLoop)
        try await dialer.connect(to: address)
        let accepted = try unwrap(await listener.accept(), "no connection was accepted")
        let server = SocketProbe(loop: stage.listenerLoop)
        try await server.adopt(accepted)
        try expect(
            await dialer.wait { $0.count(of: .connected) > 0 || $0.hasFailed },
            "the dialer heard nothing of its connection"
        )
        try expect(await !dialer.hasFailed, "the connection failed")
        return StreamPair(listener: listener, address: address, dialer: dialer, server: server)
    }

    /// Exchanges a byte in both directions: what was under way before has arrived then.
    func exchange() async throws {
        await dialer.resumeReading()
        await server.resumeReading()
        await dialer.write([1])
        try expect(await server.wait { $0.byteCount > 0 }, "a byte did not arrive at the listener's end")
        await server.write([2])
        try expect(await dialer.wait { $0.byteCount > 0 }, "a byte did not arrive at the dialer's end")
    }

    /// Closes everything, and checks what holds for every socket.
    func close() async throws {
        await dialer.close()
        await server.close()
        await listener.close()
        for probe in [dialer, server] {
            try expect(await probe.reentrantCallCount == 0, "a delegate was called from within a call")
            try expect(await probe.strayCallCount == 0, "a delegate was called off its loop")
            try expect(await probe.queuedByteCount == 0, "a closed socket counts queued bytes")
        }
    }
}
