import StarlingCore
import StarlingCrypto
import StarlingProtocols
import StarlingTransports
import StarlingWorld

/// A peer that speaks Noise as it should and what a test says inside of it.
actor NoisePeer {
    let raw: RawPeer
    private nonisolated let loop: any EventLoop
    private let identity: IdentityKey
    private let random: any RandomSource
    private let cipher: ChaChaPoly
    private var session: NoiseSession?
    /// Content that came and was not asked for yet.
    private var content: [UInt8] = []
    private(set) var muxer: String?

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }
    nonisolated var peerID: PeerID { identity.peerID }

    init(_ world: World) throws {
        loop = world.loops[0]
        raw = RawPeer(world.loops[0])
        random = world.random
        identity = try IdentityKey(seed: random.bytes(count: 32))
        cipher = try ChaChaPoly()
    }

    /// Connects, agrees on Noise and shakes hands; without `muxers` the multiplexer is left for later.
    func dial(_ address: SocketAddress, muxers: [String] = [ProtocolID.yamux]) async throws {
        try await raw.connect(to: address)
        await raw.write(Self.line(ProtocolID.multistream) + Self.line(ProtocolID.noise))
        try await expect(ProtocolID.multistream)
        try await expect(ProtocolID.noise)
        try await shakeHands(.initiator, muxers)
    }

    /// Shakes hands with the last message changed in its sealed identity.
    func dialForged(_ address: SocketAddress, as identity: IdentityKey) async throws {
        try await raw.connect(to: address)
        await raw.write(Self.line(ProtocolID.multistream) + Self.line(ProtocolID.noise))
        try await expect(ProtocolID.multistream)
        try await expect(ProtocolID.noise)
        var seed = random.bytes(count: 32)
        var ephemeral = random.bytes(count: 32)
        var handshake = NoiseHandshake(
            role: .initiator,
            identity: NoiseIdentity(identity, wipingStaticSeed: &seed),
            ephemeralSeed: SecretBytes(wiping: &ephemeral),
            expectedPeer: nil,
            muxers: []
        )
        if let first = try handshake.nextMessage() { await raw.write(Self.framed(first)) }
        let answer = try await frame()
        try handshake.receive(answer.span)
        if var last = try handshake.nextMessage() {
            last[last.count - 20] ^= 1
            await raw.write(Self.framed(last))
        }
    }

    /// Answers a dialler as a listener.
    func answer(muxers: [String] = [ProtocolID.yamux]) async throws {
        try await expect(ProtocolID.multistream)
        try await expect(ProtocolID.noise)
        await raw.write(Self.line(ProtocolID.multistream) + Self.line(ProtocolID.noise))
        try await shakeHands(.responder, muxers)
    }

    private func shakeHands(_ role: NoiseRole, _ muxers: [String]) async throws {
        var seed = random.bytes(count: 32)
        var ephemeral = random.bytes(count: 32)
        var handshake = NoiseHandshake(
            role: role,
            identity: NoiseIdentity(identity, wipingStaticSeed: &seed),
            ephemeralSeed: SecretBytes(wiping: &ephemeral),
            expectedPeer: nil,
            muxers: muxers
        )
        while !handshake.isFinished {
            if let message = try handshake.nextMessage() {
                await raw.write(Self.framed(message))
            } else {
                let message = try await frame()
                try handshake.receive(message.span)
            }
        }
        let finished = try handshake.finish()
        muxer = finished.muxer
        session = consume finished
    }

    /// One Noise frame without its length.
    private func frame() async throws -> [UInt8] {
        let length = try await raw.read(2)
        return try await raw.read(Int(length[0]) << 8 | Int(length[1]))
    }

    private func expect(_ text: String) async throws {
        let expected = Self.line(text)
        let bytes = try await raw.read(expected.count)
        guard bytes == expected else { throw MultistreamError.malformedMessage }
    }

    /// Writes content in one record; `damage` may change the record.
    func write(_ bytes: [UInt8], damage: (inout [UInt8]) -> Void = { _ in }) async throws {
        for start in stride(from: 0, to: max(bytes.count, 1), by: NoiseRecord.contentByteCountMax) {
            let part = Array(bytes[start..<min(start + NoiseRecord.contentByteCountMax, bytes.count)])
            var record = try seal(part)
            damage(&record)
            await raw.write(record)
        }
    }

    /// A record with this content, not sent.
    func seal(_ bytes: [UInt8]) throws -> [UInt8] {
        let block = Buffer(byteCount: 65_536 + 128)
        block.write(bytes.span, at: 2)
        guard let range = try session?.seal(block, content: 2..<2 + bytes.count, with: cipher) else {
            return []
        }
        return BufferSlice(block, range).array()
    }

    /// Exactly so many bytes of content.
    func read(_ byteCount: Int) async throws -> [UInt8] {
        while content.count < byteCount {
            let message = try await frame()
            let block = Buffer(byteCount: message.count + 2)
            block.write([UInt8(message.count >> 8), UInt8(message.count & 0xff)].span, at: 0)
            block.write(message.span, at: 2)
            if let range = try session?.open(block, record: 0..<block.byteCount, with: cipher) {
                content += BufferSlice(block, range).array()
            }
        }
        defer { content.removeFirst(byteCount) }
        return Array(content.prefix(byteCount))
    }

    /// The next yamux frame's header, and its data where it has some.
    func frameOfMuxer() async throws -> (header: YamuxFrame, data: [UInt8]) {
        let header = YamuxFrame(wire: try await read(12))
        return (header, header.type == 0 ? try await read(Int(header.length)) : [])
    }

    /// A line of multistream-select.
    static func line(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        Multistream.append(text, to: &bytes)
        return bytes
    }

    static func framed(_ message: [UInt8]) -> [UInt8] {
        [UInt8(message.count >> 8), UInt8(message.count & 0xff)] + message
    }
}

/// A yamux header with whatever values a test wants.
struct YamuxFrame: Equatable, Sendable {
    static let (syn, ack, fin, rst) = (UInt16(1), UInt16(2), UInt16(4), UInt16(8))

    var version: UInt8 = 0
    var type: UInt8
    var flags: UInt16 = 0
    var stream: UInt32
    var length: UInt32 = 0

    init(_ type: UInt8, _ flags: UInt16 = 0, _ stream: UInt32, _ length: UInt32 = 0) {
        (self.type, self.flags, self.stream, self.length) = (type, flags, stream, length)
    }

    init(wire: [UInt8]) {
        func number(_ range: Range<Int>) -> UInt32 { wire[range].reduce(0) { $0 << 8 | UInt32($1) } }
        version = wire[0]
        type = wire[1]
        flags = UInt16(number(2..<4))
        stream = number(4..<8)
        length = number(8..<12)
    }

    var wire: [UInt8] {
        func bytes(_ number: UInt32) -> [UInt8] {
            [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
        }
        return [version, type] + bytes(UInt32(flags)).suffix(2) + bytes(stream) + bytes(length)
    }

    /// A data frame.
    static func data(_ stream: UInt32, _ flags: UInt16 = 0, _ bytes: [UInt8]) -> [UInt8] {
        YamuxFrame(0, flags, stream, UInt32(bytes.count)).wire + bytes
    }
}
