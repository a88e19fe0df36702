import StarlingCore
import StarlingSimulator
import StarlingWorld
import Synchronization
import Testing

@Suite struct StreamFabricTests {
    /// A dialer on one host and an echo on another; returns what came back.
    private static func echo(_ simulation: Simulation, _ message: [UInt8]) throws -> [UInt8] {
        let (alice, bob) = (simulation.host("alice"), simulation.host("bob"))
        let (loop, serverLoop) = (alice.loop, bob.loop)
        let address = try #require(bob.address)
        return try simulation.complete(on: alice) {
            let listener = ListenerProbe(loop: serverLoop)
            let bound = try await listener.listen(on: .ip(address, port: 0))
            let dialer = SocketProbe(loop: loop)
            try await dialer.connect(to: bound)
            await dialer.resumeReading()
            let accepted = try #require(await listener.accept())
            let server = SocketProbe(loop: serverLoop)
            try await server.adopt(accepted)
            await server.echo()
            await dialer.write(message)
            await dialer.closeWrite()
            await dialer.wait { $0.hasEnded || $0.hasFailed }
            let bytes = await dialer.bytes
            await dialer.close()
            await server.close()
            await listener.close()
            return bytes
        }
    }

    private static let message = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }

    @Test func aStreamEchoesEveryByte() throws {
        let simulation = Simulation(seed: 1)
        #expect(try Self.echo(simulation, Self.message) == Self.message)
        #expect(simulation.network.connectionCount == 0)
    }

    @Test func bytesSurviveLossJitterAndSmallReads() throws {
        for seed in UInt64(1)...10 {
            var configuration = Simulation.Configuration()
            configuration.link = LinkProfile(
                latency: .milliseconds(20),
                jitter: .milliseconds(10),
                bytesPerSecond: 1_000_000,
                lossRatio: 0.01
            )
            configuration.chunking = .seeded(byteCountMax: 1000)
            let simulation = Simulation(seed: seed, configuration: configuration)
            #expect(try Self.echo(simulation, Self.message) == Self.message, "seed \(seed)")
        }
    }

    @Test func aSeedRunTwiceGivesOneTraceAndAnotherSeedAnother() throws {
        func hash(_ seed: UInt64) throws -> UInt64 {
            var configuration = Simulation.Configuration()
            configuration.link = LinkProfile(latency: .milliseconds(5), jitter: .milliseconds(2))
            let simulation = Simulation(seed: seed, configuration: configuration)
            _ = try Self.echo(simulation, Self.message)
            return simulation.traceHash
        }
        #expect(try hash(1) == hash(1))
        #expect(try hash(2) == hash(2))
        #expect(try hash(1) != hash(2))
    }
}
