import StarlingCore
import StarlingSimulator
import StarlingWorld
import Testing

@Suite struct ConformanceTests {
    @Test(arguments: ConformanceCheck.all)
    func holdsBetweenTwoHosts(_ check: ConformanceCheck) throws {
        for chunking in [StreamChunking.whole, .seeded(byteCountMax: 5000)] {
            var configuration = Simulation.Configuration()
            configuration.chunking = chunking
            configuration.traceTailCountMax = 20
            let simulation = Simulation(seed: 1, configuration: configuration)
            let (alice, bob) = (simulation.host("alice"), simulation.host("bob"))
            let (here, there) = (try #require(alice.address), try #require(bob.address))
            var stage = ConformanceStage(
                dialerLoop: alice.loop,
                listenerLoop: bob.loop,
                streamAddress: .ip(there, port: 0),
                datagramAddresses: (.ip(here, port: 0), .ip(there, port: 0))
            )
            stage.bulkByteCount = 2_000_000
            try simulation.complete(on: alice, within: .seconds(120)) { [stage] in try await check.run(stage)
            }
        }
    }

    @Test(arguments: ConformanceCheck.all)
    func holdsOnOneHost(_ check: ConformanceCheck) throws {
        let simulation = Simulation(seed: 2)
        let host = simulation.host()
        let loopback = IPAddress.v6(high: 0, low: 1)
        for address in [SocketAddress.ip(loopback, port: 0), .unix(path: "/run/node.sock")] {
            var stage = ConformanceStage(
                dialerLoop: host.loop,
                listenerLoop: host.loop,
                streamAddress: address,
                datagramAddresses: (.ip(loopback, port: 0), .ip(loopback, port: 0))
            )
            stage.bulkByteCount = 2_000_000
            try simulation.complete(on: host, within: .seconds(120)) { [stage] in try await check.run(stage) }
        }
    }

    @Test(arguments: ConformanceCheck.all)
    func holdsAcrossTwoLoopsOfOneHost(_ check: ConformanceCheck) throws {
        let simulation = Simulation(seed: 3)
        var configuration = SimulatedHost.Configuration()
        configuration.loopCount = 2
        let host = simulation.host(configuration: configuration)
        let address = try #require(host.address)
        var stage = ConformanceStage(
            dialerLoop: host.loops[0],
            listenerLoop: host.loops[1],
            streamAddress: .ip(address, port: 0),
            datagramAddresses: (.ip(address, port: 0), .ip(address, port: 0))
        )
        stage.bulkByteCount = 2_000_000
        try simulation.complete(on: host, within: .seconds(120)) { [stage] in try await check.run(stage) }
    }

    /// A lossy and jumpy network changes when things happen, not what is promised of streams and loops.
    @Test(arguments: ConformanceCheck.all.filter { !$0.promise.contains("datagram") })
    func holdsOverABadLinkTheSameWayTwice(_ check: ConformanceCheck) throws {
        func run(seed: UInt64) throws -> UInt64 {
            var configuration = Simulation.Configuration()
            configuration.link = LinkProfile(
                latency: .milliseconds(30),
                jitter: .milliseconds(3),
                bytesPerSecond: 12_500_000,
                lossRatio: 0.01
            )
            configuration.chunking = .seeded(byteCountMax: 70_000)
            let simulation = Simulation(seed: seed, configuration: configuration)
            let (alice, bob) = (simulation.host(), simulation.host())
            let (here, there) = (try #require(alice.address), try #require(bob.address))
            var stage = ConformanceStage(
                dialerLoop: alice.loop,
                listenerLoop: bob.loop,
                streamAddress: .ip(there, port: 0),
                datagramAddresses: (.ip(here, port: 0), .ip(there, port: 0))
            )
            stage.bulkByteCount = 2_000_000
            try simulation.complete(on: alice, within: .seconds(600)) { [stage] in try await check.run(stage)
            }
            return simulation.traceHash
        }
        for seed in UInt64(1)...2 { #expect(try run(seed: seed) == run(seed: seed), "seed \(seed)") }
    }
}
