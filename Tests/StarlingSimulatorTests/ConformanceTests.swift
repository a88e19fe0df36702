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
            let stage = ConformanceStage(
                dialerLoop: alice.loop,
                listenerLoop: bob.loop,
                streamAddress: .ip(there, port: 0),
                datagramAddresses: (.ip(here, port: 0), .ip(there, port: 0))
            )
            try simulation.complete(on: alice, within: .seconds(120)) { try await check.run(stage) }
        }
    }

    @Test(arguments: ConformanceCheck.all)
    func holdsOnOneHost(_ check: ConformanceCheck) throws {
        let simulation = Simulation(seed: 2)
        let host = simulation.host()
        let loopback = IPAddress.v6(high: 0, low: 1)
        for address in [SocketAddress.ip(loopback, port: 0), .unix(path: "/run/node.sock")] {
            let stage = ConformanceStage(
                dialerLoop: host.loop,
                listenerLoop: host.loop,
                streamAddress: address,
                datagramAddresses: (.ip(loopback, port: 0), .ip(loopback, port: 0))
            )
            try simulation.complete(on: host, within: .seconds(120)) { try await check.run(stage) }
        }
    }
}
