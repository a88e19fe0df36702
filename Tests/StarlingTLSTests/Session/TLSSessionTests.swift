import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingTLS

@Suite struct TLSHandshakeTests {
    @Test func bothEndsLearnWhoTheOtherIs() throws {
        let (dialer, listener) = (try TestNode(1), try TestNode(2))
        let pair = SessionPair(
            client: try dialer.session(.client, expecting: listener.peerID),
            server: try listener.session(.server)
        )
        try pair.shakeHands()
        #expect(pair.client.peer?.peerID == listener.peerID)
        #expect(pair.server.peer?.peerID == dialer.peerID)
        #expect(pair.client.peer?.publicKey == listener.identity.publicKey)
        #expect(pair.server.peer?.muxer == "/yamux/1.0.0")
        #expect(pair.client.peer?.muxer == "/yamux/1.0.0")
        #expect(
            pair.client.peer?.description == "(TLS1.3)-(ECDHE-X25519)-(ECDSA-SECP256R1-SHA256)-(AES-128-GCM)"
        )
        #expect(try pair.client.handshake() == pair.client.peer)
    }

    @Test(arguments: 0..<30 as Range<UInt64>) func theHandshakeWorksInAnyPieces(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let (dialer, listener) = (try TestNode(1), try TestNode(2))
        let pair = SessionPair(
            client: try dialer.session(.client, expecting: listener.peerID),
            server: try listener.session(.server)
        )
        try pair.shakeHands { _, bytes in
            var pieces: [[UInt8]] = []
            var rest = bytes[...]
            let most = seed == 0 ? 1 : 1 + random.next() % 400
            while !rest.isEmpty {
                let count = min(rest.count, Int(1 + random.next() % most))
                pieces.append(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            return pieces
        }
        #expect(pair.client.peer?.peerID == listener.peerID, "seed \(seed)")
        #expect(pair.server.peer?.peerID == dialer.peerID, "seed \(seed)")
    }

    @Test func anotherPeerThanTheDialledOneIsRefused() throws {
        let (dialer, listener, other) = (try TestNode(1), try TestNode(2), try TestNode(3))
        let pair = SessionPair(
            client: try dialer.session(.client, expecting: other.peerID),
            server: try listener.session(.server)
        )
        let error = TLSError.wrongPeer(expected: other.peerID, actual: listener.peerID)
        #expect(throws: error) { try pair.shakeHands() }
        #expect(throws: error) { try pair.client.handshake() }
        pair.server.receive(pair.client.output())
        #expect(throws: TLSError.refused(.certificateUnknown)) { try pair.server.handshake() }
        #expect(pair.client.peer == nil && pair.server.peer == nil)
    }

    @Test func anotherPeerThanTheExpectedDiallerIsRefused() throws {
        let (dialer, listener, other) = (try TestNode(1), try TestNode(2), try TestNode(3))
        let pair = SessionPair(
            client: try dialer.session(.client, expecting: listener.peerID),
            server: try listener.session(.server, expecting: other.peerID)
        )
        #expect(throws: TLSError.wrongPeer(expected: other.peerID, actual: dialer.peerID)) {
            try pair.shakeHands()
        }
        // The client had finished before the server could look at its certificate; it hears afterwards.
        pair.client.receive(pair.server.output())
        #expect(throws: TLSError.refused(.certificateUnknown)) {
            _ = try pair.client.handshake()
            _ = try pair.client.opened()
        }
    }

    @Test func anExpiredCertificateIsRefused() throws {
        let (dialer, listener) = (try TestNode(1), try TestNode(2))
        let late = WallTime.testNow.advanced(seconds: 101 * 365 * 86_400)
        let pair = SessionPair(
            client: try dialer.session(.client, expecting: listener.peerID, now: late),
            server: try listener.session(.server)
        )
        #expect(throws: TLSError.certificate(.expired)) { try pair.shakeHands() }
        pair.server.receive(pair.client.output())
        #expect(throws: TLSError.refused(.certificateExpired)) { try pair.server.handshake() }
    }

    @Test func theFirstMuxerOfTheClientThatTheServerHasIsChosen() throws {
        let (dialer, listener) = (try TestNode(1), try TestNode(2))
        let pair = SessionPair(
            client: try dialer.session(.client, muxers: ["/a/1", "/b/1", "/c/1"]),
            server: try listener.session(.server, muxers: ["/c/1", "/b/1"])
        )
        try pair.shakeHands()
        #expect(pair.client.peer?.muxer == "/b/1" && pair.server.peer?.muxer == "/b/1")
    }

    @Test(arguments: [(["/a/1"], ["/b/1"]), ([], ["/b/1"]), (["/a/1"], [])])
    func withoutACommonMuxerMultistreamDecides(client: [String], server: [String]) throws {
        let pair = SessionPair(
            client: try TestNode(1).session(.client, muxers: client),
            server: try TestNode(2).session(.server, muxers: server)
        )
        try pair.shakeHands()
        #expect(pair.client.peer != nil && pair.client.peer?.muxer == nil)
        #expect(pair.server.peer != nil && pair.server.peer?.muxer == nil)
    }

    @Test(arguments: ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\u{13}/multistream/1.0.0\n", "SSH-2.0-x\r\n"])
    func whatIsNotTLSIsRefused(text: String) throws {
        for role in [TLSRole.client, .server] {
            let session = try TestNode(1).session(role)
            _ = try session.handshake()
            session.receive(Array(text.utf8))
            #expect(throws: TLSError.notTLS13) { try session.handshake() }
        }
    }

    @Test(arguments: 0..<60 as Range<UInt64>) func aChangedByteNeverYieldsAPeer(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let (dialer, listener) = (try TestNode(1), try TestNode(2))
        let pair = SessionPair(
            client: try dialer.session(.client, expecting: listener.peerID),
            server: try listener.session(.server)
        )
        let victim = seed % 2 == 0 ? TLSRole.client : .server
        var isDone = false
        try? pair.shakeHands { role, bytes in
            guard role == victim, !isDone, !bytes.isEmpty else { return [bytes] }
            isDone = true
            var changed = bytes
            changed[Int(random.next() % UInt64(bytes.count))] ^= UInt8(1 << (random.next() % 8))
            return [changed]
        }
        // Whoever the change was for may not finish. (Header bytes that nobody reads do not exist in TLS 1.3
        // but for the record version, which both sides ignore.)
        if let peer = pair.client.peer { #expect(peer.peerID == listener.peerID, "seed \(seed)") }
        if let peer = pair.server.peer { #expect(peer.peerID == dialer.peerID, "seed \(seed)") }
    }

    @Test func moreBytesThanAHandshakeNeedsAreRefused() throws {
        var limits = TLSSession.Limits()
        limits.handshakeByteCountMax = 100
        let pair = SessionPair(
            client: try TestNode(1).session(.client, limits: limits),
            server: try TestNode(2).session(.server)
        )
        #expect(throws: TLSError.handshakeTooLarge) { try pair.shakeHands() }
    }

    @Test func aHandshakeMessageAboveTheLimitIsRefused() throws {
        var limits = TLSSession.Limits()
        limits.handshakeMessageByteCountMax = 200
        let pair = SessionPair(
            client: try TestNode(1).session(.client, limits: limits),
            server: try TestNode(2).session(.server)
        )
        #expect(throws: TLSError.tooLarge) { try pair.shakeHands() }
    }

    @Test func aStreamThatEndsInTheHandshakeIsTruncated() throws {
        let session = try TestNode(1).session(.client)
        _ = try session.handshake()
        #expect(throws: TLSError.truncated) { try session.endOfInput() }
        #expect(throws: TLSError.truncated) { try session.handshake() }
    }

    @Test func contentHasToWaitForTheHandshake() throws {
        let session = try TestNode(1).session(.client)
        #expect(throws: TLSError.handshakeIncomplete) { try session.sealed([1]) }
        #expect(throws: TLSError.handshakeIncomplete) { try session.opened() }
    }

    @Test func randomBytesNeverYieldAPeer() throws {
        for seed in 0..<50 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let session = try TestNode(1).session(seed % 2 == 0 ? .client : .server)
            _ = try session.handshake()
            var bytes = random.bytes(Int(random.next() % 600))
            if seed % 3 == 0 { bytes = [22, 3, 3, 1, 0, seed % 2 == 0 ? 2 : 1, 0, 0, 252] + bytes }
            session.receive(bytes)
            #expect((try? session.handshake()) == nil, "seed \(seed)")
        }
    }
}

@Suite struct TLSContentTests {
    @Test(arguments: [1, 511, 16_383, 16_384, 16_385, 65_536, 65_537, 1_000_000])
    func contentArrivesUnchanged(byteCount: Int) throws {
        let pair = try SessionPair.connected()
        var random = SeededRandom(seed: UInt64(byteCount))
        let content = random.bytes(byteCount)
        pair.server.receive(try pair.client.sealed(content))
        #expect(try pair.server.opened() == (content, .needsInput))
        pair.client.receive(try pair.server.sealed(content))
        #expect(try pair.client.opened() == (content, .needsInput))
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func anyPiecesAndBlocksCarryTheSameContent(seed: UInt64) throws
    {
        let pair = try SessionPair.connected()
        var random = SeededRandom(seed: seed)
        var (sent, received): ([UInt8], [UInt8]) = ([], [])
        for _ in 0..<10 {
            let content = random.bytes(1 + Int(random.next() % 60_000))
            sent += content
            let block = TLSSession.blockRoomMin + Int(random.next() % 40_000)
            var bytes = try pair.client.sealed(content, blockByteCount: block)[...]
            while !bytes.isEmpty {
                let piece = bytes.prefix(Int(1 + random.next() % 20_000))
                bytes = bytes.dropFirst(piece.count)
                pair.server.receive(Array(piece))
                if random.next() % 2 == 0 {
                    received += try pair.server.opened(partByteCount: 1 + Int(random.next() % 30_000)).content
                }
            }
        }
        received += try pair.server.opened().content
        #expect(received == sent, "seed \(seed)")
    }

    @Test func aRecordArrivesByteByByte() throws {
        let pair = try SessionPair.connected()
        for byte in try pair.client.sealed(Array("starling".utf8)).dropLast() {
            pair.server.receive([byte])
            #expect(try pair.server.opened() == ([], .needsInput))
        }
    }

    @Test func aFullBlockTakesWhatItSays() throws {
        #expect(TLSSession.contentByteCountMax(blockByteCount: 65_536 + 128) >= 65_536)
        let pair = try SessionPair.connected()
        for byteCount in [1024, 16_384 + 54, 16_384 + 55, 16_384 + 600, 65_664, 262_144] {
            let most = TLSSession.contentByteCountMax(blockByteCount: byteCount)
            var content = BufferSlice(copying: [UInt8](repeating: 5, count: most).span)
            let block = Buffer(byteCount: byteCount)
            let range = try pair.client.seal(&content, into: block)
            #expect(range.upperBound <= byteCount)
            #expect(content.count < 512, "block of \(byteCount)")
        }
    }

    @Test func aRecordStandsWhereTheCallerWantsIt() throws {
        let pair = try SessionPair.connected()
        let block = Buffer(byteCount: 4096)
        var content = BufferSlice(copying: Array("starling".utf8).span)
        let range = try pair.client.seal(&content, into: block, at: 100)
        #expect(range == 100..<100 + 8 + TLSSession.recordOverhead)
        pair.server.receive(BufferSlice(block, range))
        #expect(try pair.server.opened().content == Array("starling".utf8))
    }

    @Test(arguments: 0..<30 as Range<UInt64>) func aChangedByteInARecordBreaksTheSession(seed: UInt64) throws
    {
        let pair = try SessionPair.connected()
        var random = SeededRandom(seed: seed)
        let first = try pair.client.sealed([1, 2, 3])
        var second = try pair.client.sealed(random.bytes(300))
        // The record's version is not looked at, its length may make it wait for more.
        let index = 5 + Int(random.next() % UInt64(second.count - 5))
        second[index] ^= 1
        pair.server.receive(first + second)
        let block = Buffer(byteCount: 1024)
        #expect(try pair.server.open(into: block, 0..<1024) == .content(0..<3))
        #expect(throws: TLSError.tampered, "seed \(seed)") { try pair.server.opened() }
        #expect(throws: TLSError.tampered) { try pair.server.sealed([1]) }
        pair.client.receive(pair.server.output())
        #expect(throws: TLSError.refused(.badRecordMAC)) { try pair.client.opened() }
    }

    @Test func aReplayedRecordBreaksTheSession() throws {
        let pair = try SessionPair.connected()
        let record = try pair.client.sealed([1, 2, 3])
        pair.server.receive(record + record)
        #expect(throws: TLSError.tampered) { try pair.server.opened() }
    }

    @Test func aLostRecordBreaksTheSession() throws {
        let pair = try SessionPair.connected()
        _ = try pair.client.sealed([1, 2, 3])
        pair.server.receive(try pair.client.sealed([4, 5, 6]))
        #expect(throws: TLSError.tampered) { try pair.server.opened() }
    }

    @Test func aRecordLongerThanTLSAllowsIsRefused() throws {
        let pair = try SessionPair.connected()
        pair.server.receive([23, 3, 3, 0x48, 0x00] + [UInt8](repeating: 0, count: 0x4800))
        #expect(throws: TLSError.tooLarge) { try pair.server.opened() }
    }

    @Test func contentThatFollowsTheHandshakeAtOnceIsKept() throws {
        let (dialer, listener) = (try TestNode(1), try TestNode(2))
        let client = try dialer.session(.client, expecting: listener.peerID)
        let server = try listener.session(.server)
        _ = try client.handshake()
        server.receive(client.output())
        _ = try server.handshake()
        client.receive(server.output())
        #expect(try client.handshake() != nil)
        // The end of the handshake and the first record leave in one block.
        server.receive(try client.sealed(Array("early".utf8)))
        #expect(try server.handshake() != nil)
        #expect(try server.opened() == (Array("early".utf8), .needsInput))
    }
}

@Suite struct TLSFarewellTests {
    @Test func theFarewellEndsOneDirectionOnly() throws {
        let pair = try SessionPair.connected()
        let content = try pair.client.sealed([1, 2, 3])
        pair.client.close()
        pair.server.receive(content + pair.client.output())
        #expect(try pair.server.opened() == ([1, 2, 3], .ended))
        #expect(pair.server.hasPeerEnded && pair.client.isClosed)
        try pair.server.endOfInput()
        #expect(throws: TLSError.closed) { try pair.client.sealed([1]) }

        let answer = try pair.server.sealed([4, 5])
        pair.server.close()
        pair.client.receive(answer + pair.server.output())
        #expect(try pair.client.opened() == ([4, 5], .ended))
        try pair.client.endOfInput()
    }

    @Test func aStreamThatEndsWithoutFarewellIsTruncated() throws {
        let pair = try SessionPair.connected()
        pair.server.receive(try pair.client.sealed([1, 2, 3]))
        #expect(try pair.server.opened().content == [1, 2, 3])
        #expect(throws: TLSError.truncated) { try pair.server.endOfInput() }
        #expect(throws: TLSError.truncated) { try pair.server.opened() }
    }

    @Test func bytesAfterTheFarewellAreIgnored() throws {
        let pair = try SessionPair.connected()
        pair.client.close()
        pair.server.receive(pair.client.output() + [23, 3, 3, 0, 1, 0])
        #expect(try pair.server.opened().last == .ended)
        pair.server.receive([1, 2, 3])
        #expect(try pair.server.opened().last == .ended)
    }

    @Test func aForgedFarewellIsNoFarewell() throws {
        let pair = try SessionPair.connected()
        pair.server.receive([21, 3, 3, 0, 2, 1, 0])
        #expect(throws: (any Error).self) { try pair.server.opened() }
        #expect(!pair.server.hasPeerEnded)
    }

    @Test func closingTwiceSaysFarewellOnce() throws {
        let pair = try SessionPair.connected()
        pair.client.close()
        #expect(pair.client.hasOutput)
        #expect(!pair.client.output().isEmpty)
        pair.client.close()
        #expect(pair.client.output().isEmpty && !pair.client.hasOutput)
    }
}
