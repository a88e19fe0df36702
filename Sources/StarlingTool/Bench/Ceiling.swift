internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingCrypto
internal import StarlingIO
internal import StarlingTLS
internal import StarlingTransports

// What this machine could do at best: one process seals records and writes them to a plain TCP socket, the other reads
// and opens them, with nothing else of a node in the way.

/// The sizes and the cipher of the ceiling.
enum Ceiling {
    /// The sealed bytes of a Noise record.
    static let noiseRecordByteCount = NoiseRecord.headerByteCount + NoiseRecord.recordByteCountMax
    /// The content sealed and written at once for TLS: four of its records.
    static let tlsContentByteCount = 65_536
    static let blockByteCount = 65_536 + 512

    static func description(_ security: SecurityProtocol) -> String {
        switch security {
        case .noise: "ChaCha20-Poly1305, records of \(NoiseRecord.contentByteCountMax) bytes"
        case .tls: "TLS 1.3 with AES-128-GCM, \(tlsContentByteCount) bytes a write"
        }
    }

    static func makeTLS(_ role: TLSRole) throws -> TLSSession {
        let random = SystemRandom()
        var seed = random.bytes(count: IdentityKey.seedByteCount)
        let now = SystemWallClock().now
        let credentials = try TLSCredentials(
            identity: try IdentityKey(wipingSeed: &seed),
            now: now,
            serial: random.bytes(count: 16)
        )
        return try TLSSession(role: role, credentials: credentials, muxers: [], expectedPeer: nil, now: now)
    }

    static func shakeHands(_ session: TLSSession, _ socket: borrowing LoopbackSocket) throws {
        let (output, input) = (Buffer(byteCount: blockByteCount), Buffer(byteCount: blockByteCount))
        while true {
            let peer = try session.handshake()
            while let range = session.takeOutput(into: output) { try socket.write(output, range) }
            if peer != nil { return }
            let count = try socket.read(input, 0..<input.byteCount, isWhole: false)
            guard count > 0 else { throw TLSError.truncated }
            session.receive(BufferSlice(input, 0..<count))
        }
    }
}

/// The end that seals and writes.
struct CeilingSender {
    private let security: SecurityProtocol
    private let key: CeilingKey
    private let port: UInt16

    init(_ security: SecurityProtocol, key: String, port: UInt16) {
        self.security = security
        self.key = CeilingKey(hex: key)
        self.port = port
    }

    /// Sends for about `seconds`, and returns how many bytes of content per second arrived.
    func run(seconds: Double) throws -> Double {
        let socket = try LoopbackSocket.connected(to: port)
        let sentByteCount: Int
        let start: Double
        switch security {
        case .noise:
            start = BenchClock.seconds
            sentByteCount = try sendNoise(socket, until: start + seconds)
        case .tls:
            let session = try Ceiling.makeTLS(.client)
            try Ceiling.shakeHands(session, socket)
            start = BenchClock.seconds
            sentByteCount = try sendTLS(session, socket, until: start + seconds)
        }
        socket.closeWrite()
        // The other end closes when it has opened everything.
        let block = Buffer(byteCount: 4096)
        while try socket.read(block, 0..<block.byteCount, isWhole: false) > 0 {}
        return Double(sentByteCount) / (BenchClock.seconds - start)
    }

    private func sendNoise(_ socket: borrowing LoopbackSocket, until end: Double) throws -> Int {
        let cipher = try ChaChaPoly()
        let block = Buffer(byteCount: Ceiling.blockByteCount)
        block.fillWithZeros()
        let content =
            NoiseRecord.headerByteCount..<NoiseRecord.headerByteCount + NoiseRecord.contentByteCountMax
        let secret = SecretBytes(copying: key.bytes.span)
        var counter: UInt64 = 0
        while BenchClock.seconds < end {
            block[0] = 0xFF
            block[1] = 0xFF
            try cipher.seal(block, content, key: secret, nonce: CipherNonce(counter: counter))
            try socket.write(block, 0..<Ceiling.noiseRecordByteCount)
            counter += 1
        }
        return Int(counter) * content.count
    }

    private func sendTLS(
        _ session: TLSSession,
        _ socket: borrowing LoopbackSocket,
        until end: Double
    ) throws -> Int {
        let (content, sealed) = (
            Buffer(byteCount: Ceiling.tlsContentByteCount), Buffer(byteCount: Ceiling.blockByteCount)
        )
        content.fillWithZeros()
        var byteCount = 0
        while BenchClock.seconds < end {
            var rest = BufferSlice(content, 0..<Ceiling.tlsContentByteCount)
            while !rest.isEmpty {
                let range = try session.seal(&rest, into: sealed)
                try socket.write(sealed, range)
            }
            byteCount += Ceiling.tlsContentByteCount
        }
        return byteCount
    }
}

/// The end that reads and opens.
struct CeilingReceiver: ~Copyable {
    private let security: SecurityProtocol
    private let key: CeilingKey
    private let listener: LoopbackSocket
    let port: UInt16

    init(_ security: SecurityProtocol, key: String) throws(Diagnostic) {
        self.security = security
        self.key = CeilingKey(hex: key)
        listener = try LoopbackSocket.listening()
        port = listener.port
    }

    /// Receives until the sender ends, and returns the CPU seconds that it took.
    consuming func run() throws -> Double {
        let socket = try listener.accepted()
        let start = ProcessUsage().cpuSeconds
        switch security {
        case .noise: try receiveNoise(socket)
        case .tls:
            let session = try Ceiling.makeTLS(.server)
            try Ceiling.shakeHands(session, socket)
            try receiveTLS(session, socket)
        }
        return ProcessUsage().cpuSeconds - start
    }

    private borrowing func receiveNoise(_ socket: borrowing LoopbackSocket) throws {
        let cipher = try ChaChaPoly()
        let block = Buffer(byteCount: Ceiling.blockByteCount)
        let secret = SecretBytes(copying: key.bytes.span)
        var counter: UInt64 = 0
        let record = 0..<Ceiling.noiseRecordByteCount
        while try socket.read(block, record, isWhole: true) == record.count {
            _ = try cipher.open(
                block,
                NoiseRecord.headerByteCount..<record.upperBound,
                key: secret,
                nonce: CipherNonce(counter: counter)
            )
            counter += 1
        }
    }

    private borrowing func receiveTLS(_ session: TLSSession, _ socket: borrowing LoopbackSocket) throws {
        let (input, content) = (
            Buffer(byteCount: Ceiling.blockByteCount), Buffer(byteCount: Ceiling.blockByteCount)
        )
        while true {
            let count = try socket.read(input, 0..<input.byteCount, isWhole: false)
            guard count > 0 else { return }
            session.receive(BufferSlice(input, 0..<count))
            while case .content = try session.open(into: content, 0..<content.byteCount) {}
        }
    }
}

/// The key of one ceiling run: both processes know it, and it protects nothing.
struct CeilingKey {
    let bytes: [UInt8]

    init(hex: String) {
        let decoded = Hex.decode(hex) ?? []
        bytes = decoded.count == ChaChaPoly.keyByteCount ? decoded : [UInt8](repeating: 7, count: 32)
    }
}
