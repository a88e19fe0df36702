import StarlingCore
import StarlingCrypto
import StarlingProtocols
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Testing

/// Peers that break the rules before the connection stands: each ends with a typed error, and others still connect.
@Suite struct HostileHandshakeTests {
    private static let wish = NoisePeer.line(ProtocolID.multistream) + NoisePeer.line(ProtocolID.noise)

    /// What a dialler says, and which errors are right.
    private static func expect(
        _ place: Place,
        _ bytes: [UInt8],
        _ isRight: @escaping @Sendable (ConnectionError) -> Bool
    ) async throws {
        try await place.run(limits: { $0.upgradeTimeout = .seconds(1) }) { meeting in
            meeting.bob.serveEcho()
            let raw = RawPeer(meeting.alice.loop)
            try await raw.connect(to: try meeting.socketAddress)
            await raw.write(bytes)
            try await raw.waitForEnd()
            try await meeting.alice.until { !meeting.bob.owner.failures.isEmpty }
            let error = try #require(meeting.bob.owner.failures.first)
            #expect(isRight(error), "\(error)")
            #expect(meeting.bob.owner.pendingCount == 0)
            let connection = try await meeting.connect()
            let stream = try await connection.openStream(["/echo"])
            try await stream.write([1])
            #expect(try await stream.read(exactly: 1) == [1])
        }
    }

    @Test(arguments: [
        Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8), [UInt8](repeating: 0xff, count: 100),
        [UInt8](repeating: 0, count: 100), Array("SSH-2.0-OpenSSH_9\r\n".utf8),
        [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]
            + [UInt8](repeating: 1, count: 600),
    ])
    func garbageInsteadOfANegotiation(bytes: [UInt8]) async throws {
        for place in Place.both {
            try await Self.expect(place, bytes) {
                // What a length promises and does not bring is waited for.
                if case .negotiation = $0 { return true }
                return $0 == .timedOut(.security)
            }
        }
    }

    @Test func seededGarbageEverywhere() async throws {
        for seed in UInt64(1)...40 {
            var random = SplitMix64(seed: seed)
            // Some of it behind a good beginning, so that the handshake sees it too.
            let start = seed % 2 == 0 ? Self.wish : []
            let bytes = start + (0..<2000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            try await Self.expect(.simulated(seed: seed, .seeded(byteCountMax: 50)), bytes) {
                switch $0 {
                case .negotiation, .noise, .timedOut, .noCommonSecurity: true
                default: false
                }
            }
        }
    }

    @Test func aHandshakeMessageLongerThanAnyIsRefusedByItsLength() async throws {
        try await Self.expect(.virtual, Self.wish + [0x20, 0x01]) { $0 == .noise(.messageTooLong) }
        try await Self.expect(.virtual, Self.wish + [0xff, 0xff]) { $0 == .noise(.messageTooLong) }
    }

    @Test func aHandshakeMessageTooShortForItsKey() async throws {
        try await Self.expect(.virtual, Self.wish + [0, 31] + [UInt8](repeating: 9, count: 31)) {
            $0 == .noise(.messageTooShort)
        }
        try await Self.expect(.virtual, Self.wish + [0, 0]) { $0 == .noise(.messageTooShort) }
    }

    @Test func aKeyThatMakesTheSecretKnown() async throws {
        try await Self.expect(.virtual, Self.wish + [0, 32] + [UInt8](repeating: 0, count: 32)) {
            $0 == .noise(.invalidDiffieHellmanKey)
        }
    }

    @Test(arguments: [SecurityProtocol.noise, .tls]) func aHandshakeByteByByteStillWorks(
        security: SecurityProtocol
    ) async throws {
        try await Place.simulated(seed: 9, .seeded(byteCountMax: 1)).run(securities: [security]) { meeting in
            meeting.bob.serveEcho()
            let connection = try await meeting.connect()
            let stream = try await connection.openStream(["/echo"])
            try await stream.write([1, 2, 3])
            #expect(try await stream.read(exactly: 3) == [1, 2, 3])
        }
    }

    @Test func garbageBytewiseAgainstTLS() async throws {
        try await Place.virtual.run(securities: [.tls]) { meeting in
            let raw = RawPeer(meeting.alice.loop)
            try await raw.connect(to: try meeting.socketAddress)
            let wish = NoisePeer.line(ProtocolID.multistream) + NoisePeer.line(ProtocolID.tls)
            try await raw.writeBytewise(wish + [UInt8](repeating: 0x55, count: 200))
            try await raw.waitForEnd()
            try await meeting.alice.until { !meeting.bob.owner.failures.isEmpty }
            guard case .tls = meeting.bob.owner.failures.first else {
                Issue.record("\(meeting.bob.owner.failures)")
                return
            }
        }
    }

    @Test func aReplayedHandshakeFails() async throws {
        try await Place.virtual.run { meeting in
            // All that an honest dialler said, recorded on the way.
            let tape = RawPeer(meeting.bob.loop)
            let listener = try await RawListener(tape, on: meeting)
            let honest = RawPeer(meeting.bob.loop)
            try await honest.connect(to: try meeting.socketAddress)
            let dialling = meeting.alice.loop.startTask(returning: Void.self) {
                _ = try await meeting.alice.transport.dial(listener.address, expecting: meeting.bob.peerID)
            }
            try await tape.until { $0.isConnected }
            var recorded: [UInt8] = []
            for _ in 0..<100 {
                let forth = await tape.takeReceived()
                recorded += forth
                await honest.write(forth)
                await tape.write(await honest.takeReceived())
                try await meeting.bob.loop.sleep(for: .milliseconds(1))
            }
            try await dialling.value
            let connectionCount = meeting.bob.owner.connections.count
            #expect(connectionCount == 1, "the recording is of a handshake that worked")
            let replay = RawPeer(meeting.alice.loop)
            try await replay.connect(to: try meeting.socketAddress)
            await replay.write(recorded)
            try await replay.waitForEnd()
            try await meeting.alice.until { !meeting.bob.owner.failures.isEmpty }
            #expect(meeting.bob.owner.failures == [.noise(.authenticationFailed)])
            await listener.close()
        }
    }

    @Test func anIdentityThatDidNotSignTheNoiseKeyIsRefused() async throws {
        try await Place.virtual.run { meeting in
            let peer = try NoisePeer(meeting.alice.world)
            try await peer.dialForged(try meeting.socketAddress, as: meeting.bob.identity)
            try await peer.raw.waitForEnd()
            try await meeting.alice.until { !meeting.bob.owner.failures.isEmpty }
            #expect(meeting.bob.owner.failures == [.noise(.authenticationFailed)])
        }
    }

    @Test func aListenerThatNegotiatesNonsenseFailsTheDial() async throws {
        let answers: [[UInt8]] = [
            Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8), [0], [0xff, 0xff, 0xff],
            NoisePeer.line("/multistream/2.0.0"),
            NoisePeer.line(ProtocolID.multistream) + NoisePeer.line("/no"),
        ]
        for answer in answers {
            try await Place.virtual.run { meeting in
                let raw = RawPeer(meeting.bob.loop)
                let listener = try await RawListener(raw, on: meeting)
                async let answered: Void = {
                    _ = try await raw.read(1)
                    await raw.write(answer)
                }()
                var failure: ConnectionError?
                do throws(ConnectionError) {
                    _ = try await meeting.alice.transport.dial(listener.address, expecting: nil)
                } catch {
                    failure = error
                }
                try await answered
                switch failure {
                case .negotiation?, .timedOut(.security)?: break
                case let other: Issue.record("\(answer): \(String(describing: other))")
                }
                try await raw.waitForEnd()
                await listener.close()
            }
        }
    }
}
