import StarlingCore
import StarlingCrypto
import StarlingProtocols
import StarlingTLS
import StarlingTransports
import StarlingWorld

/// A dialler that speaks TLS as it should and what a test says inside of it.
actor TLSDialer {
    let raw: RawPeer
    private nonisolated let loop: any EventLoop
    private let session: TLSSession
    private let block = Buffer(byteCount: 65_664)

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    init(_ world: World, muxers: [String] = [ProtocolID.yamux]) throws {
        loop = world.loops[0]
        raw = RawPeer(world.loops[0])
        let now = world.wallClock.now
        session = try TLSSession(
            role: .client,
            credentials: try TLSCredentials(
                identity: try IdentityKey(seed: world.random.bytes(count: 32)),
                now: now,
                serial: world.random.bytes(count: 16)
            ),
            muxers: muxers,
            expectedPeer: nil,
            now: now
        )
    }

    /// Connects, agrees on TLS and shakes hands.
    func dial(_ address: SocketAddress) async throws {
        try await raw.connect(to: address)
        let wish = NoisePeer.line(ProtocolID.multistream) + NoisePeer.line(ProtocolID.tls)
        await raw.write(wish)
        guard try await raw.read(wish.count) == wish else { throw MultistreamError.malformedMessage }
        while try session.handshake() == nil {
            await sendOutput()
            try await receive()
        }
        await sendOutput()
    }

    /// Writes content; `damage` may change the records.
    func write(_ bytes: [UInt8], damage: (inout [UInt8]) -> Void = { _ in }) async throws {
        var rest = BufferSlice(copying: bytes.span)
        while !rest.isEmpty {
            var records = BufferSlice(block, try session.seal(&rest, into: block)).array()
            damage(&records)
            await raw.write(records)
        }
    }

    /// Says that nothing more comes.
    func sayFarewell() async {
        session.close()
        await sendOutput()
    }

    /// All content up to the farewell.
    ///
    /// - Throws: ``TLSError/refused(_:)`` after an alert, ``TLSError/truncated`` when the socket ends without a word.
    func readToFarewell() async throws -> [UInt8] {
        var content: [UInt8] = []
        while true {
            switch try session.open(into: block, 0..<block.byteCount) {
            case .content(let range): content += BufferSlice(block, range).array()
            case .needsInput: try await receive()
            case .ended: return content
            }
        }
    }

    private func receive() async throws {
        try await raw.until { !$0.received.isEmpty || $0.isOver }
        let bytes = await raw.takeReceived()
        if bytes.isEmpty { return try session.endOfInput() }
        session.receive(BufferSlice(copying: bytes.span))
    }

    private func sendOutput() async {
        while let range = session.takeOutput(into: block) {
            await raw.write(BufferSlice(block, range).array())
        }
    }
}
