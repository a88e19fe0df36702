import StarlingCore
import StarlingCrypto

@testable import StarlingTLS

/// A small generator, so that a printed seed repeats a run.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 24) }
    }
}

extension WallTime {
    /// The first of May 2026, noon in UTC.
    static let testNow = WallTime(millisecondsSince1970: 1_777_636_800_000)

    func advanced(seconds: Int64) -> WallTime {
        WallTime(millisecondsSince1970: millisecondsSince1970 + seconds * 1000)
    }
}

/// An identity with its credentials.
struct TestNode {
    let identity: IdentityKey
    let credentials: TLSCredentials

    init(_ number: UInt8, now: WallTime = .testNow) throws {
        identity = try IdentityKey(seed: [UInt8](repeating: number, count: 32))
        credentials = try TLSCredentials(identity: identity, now: now, serial: [number, 2, 3, 4, 5, 6, 7, 8])
    }

    var peerID: PeerID { identity.peerID }

    func session(
        _ role: TLSRole,
        muxers: [String] = ["/yamux/1.0.0"],
        expecting peer: PeerID? = nil,
        now: WallTime = .testNow,
        limits: TLSSession.Limits = TLSSession.Limits()
    ) throws -> TLSSession {
        try TLSSession(
            role: role,
            credentials: credentials,
            muxers: muxers,
            expectedPeer: peer,
            now: now,
            limits: limits
        )
    }
}

extension TLSSession {
    /// Feeds bytes from an array.
    func receive(_ bytes: [UInt8]) {
        receive(BufferSlice(copying: bytes.span))
    }

    /// All output that waits.
    func output() -> [UInt8] {
        let block = Buffer(byteCount: 4096)
        var bytes: [UInt8] = []
        while let range = takeOutput(into: block) { bytes += BufferSlice(block, range).array() }
        return bytes
    }

    /// The records of `content`.
    func sealed(_ content: [UInt8], blockByteCount: Int = 65_664) throws -> [UInt8] {
        let block = Buffer(byteCount: blockByteCount)
        var rest = BufferSlice(copying: content.span)
        var bytes: [UInt8] = []
        repeat {
            let range = try seal(&rest, into: block)
            bytes += BufferSlice(block, range).array()
        } while !rest.isEmpty
        return bytes
    }

    /// The content of everything received, and how it stopped.
    func opened(partByteCount: Int = 65_536) throws -> (content: [UInt8], last: TLSRead) {
        let block = Buffer(byteCount: partByteCount)
        var bytes: [UInt8] = []
        while true {
            let read = try open(into: block, 0..<partByteCount)
            guard case .content(let range) = read else { return (bytes, read) }
            bytes += BufferSlice(block, range).array()
        }
    }
}

/// Two sessions and what lies on the way between them.
struct SessionPair {
    let client: TLSSession
    let server: TLSSession

    init(client: TLSSession, server: TLSSession) {
        (self.client, self.server) = (client, server)
    }

    /// Two nodes that are done with their handshake.
    static func connected() throws -> SessionPair {
        let (dialer, listener) = (try TestNode(1), try TestNode(2))
        let pair = SessionPair(
            client: try dialer.session(.client, expecting: listener.peerID),
            server: try listener.session(.server)
        )
        try pair.shakeHands()
        return pair
    }

    /// Runs the handshake to its end; what travels goes through `alter`.
    func shakeHands(_ alter: (TLSRole, [UInt8]) -> [[UInt8]] = { [$1] }) throws {
        for _ in 0..<8 {
            let clientPeer = try client.handshake()
            for part in alter(.client, client.output()) {
                server.receive(part)
                _ = try server.handshake()
            }
            let serverPeer = try server.handshake()
            if clientPeer != nil, serverPeer != nil { return }
            for part in alter(.server, server.output()) {
                client.receive(part)
                _ = try client.handshake()
            }
        }
    }
}
