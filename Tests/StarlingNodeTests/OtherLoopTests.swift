import StarlingCore
import StarlingCrypto
import StarlingIO
import StarlingNode
import StarlingProtocols
import StarlingTransports
import StarlingWorld
import Testing

/// Tasks that run on one loop and use what lives on another: whatever happens there before they wait must not be
/// missed.
@Suite(.timeLimit(.minutes(20))) struct OtherLoopTests {
    @Test func aSleepOnAnotherLoopEndsHoweverEarlyItIsCancelled() async throws {
        let real = try RealNodes.world()
        defer { real.stop() }
        let (home, other) = (real.loops[0], real.loops[1])
        for _ in 0..<5000 {
            let sleeper = home.startTask { () async throws in try await other.sleep(for: .seconds(3600)) }
            sleeper.cancel()
            await #expect(throws: CancellationError.self) { try await sleeper.value }
        }
    }

    @Test func aDialThatEndsAtOnceIsHeardOfOnAnotherLoop() async throws {
        let real = try RealNodes.world()
        defer { real.stop() }
        let node = try RealNodes.node(real.world)
        try await node.start()
        let stranger = try IdentityKey(seed: Array(repeating: 7, count: 32)).peerID
        for _ in 0..<1000 {
            let dialer = real.loops[1].startTask { () async throws in
                _ = try await node.swarm.connect(to: stranger)
            }
            let error = await #expect(throws: DialError.self) { try await dialer.value }
            #expect(error?.cause == .noAddresses)
        }
        await node.stop()
    }

    @Test func aReadOnAnotherLoopEndsHoweverEarlyItIsCancelled() async throws {
        let real = try RealNodes.world()
        defer { real.stop() }
        let (alice, bob) = (try RealNodes.node(real.world), try RealNodes.node(real.world))
        try await alice.start()
        let address = try #require(try await bob.start().first).with(peerID: bob.peerID)
        let connection = try await alice.swarm.connect(to: address)
        let other = try #require(real.loops.first { $0 !== connection.loop })
        let stream = try await connection.openStream([ProtocolID.echo])
        for _ in 0..<5000 {
            let reader = other.startTask { () async throws in _ = try await stream.read() }
            reader.cancel()
            await #expect(throws: StreamError.cancelled) { try await reader.value }
        }
        for byte in UInt8(0)..<200 {
            let echo = other.startTask { () async throws -> [UInt8] in
                try await stream.write([byte])
                return try await stream.read(exactly: 1)
            }
            #expect(try await echo.value == [byte])
        }
        await alice.stop()
        await bob.stop()
    }
}
