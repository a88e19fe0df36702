import StarlingCore
import StarlingIO
import StarlingSimulator
import StarlingWorld
import Testing

/// The checks that the simulated world passes too.
@Suite struct ConformanceTests {
    /// Runs a check on a world of so many loops, of which it gets the first and the last.
    private func run(
        _ check: ConformanceCheck,
        loopCount: Int,
        streams: SocketAddress,
        datagrams: SocketAddress
    ) async throws {
        let real = try RealWorld.make(loopCount: loopCount, log: Log(sink: SilentLog()))
        let stage = ConformanceStage(
            dialerLoop: real.loops[0],
            listenerLoop: real.loops[loopCount - 1],
            streamAddress: streams,
            datagramAddresses: (datagrams, datagrams)
        )
        let task = real.loops[0].startTask(returning: Void.self) { try await check.run(stage) }
        let result = await task.result
        real.stop()
        try result.get()
    }

    @Test(arguments: ConformanceCheck.all)
    func holdsOnOneLoop(_ check: ConformanceCheck) async throws {
        try await run(check, loopCount: 1, streams: loopback4, datagrams: loopback4)
        if await hasIPv6 { try await run(check, loopCount: 1, streams: loopback6, datagrams: loopback6) }
    }

    @Test(arguments: ConformanceCheck.all)
    func holdsAcrossTwoLoops(_ check: ConformanceCheck) async throws {
        try await run(check, loopCount: 2, streams: loopback4, datagrams: loopback4)
    }

    @Test(arguments: ConformanceCheck.ofUnixStreams)
    func holdsForUnixSockets(_ check: ConformanceCheck) async throws {
        let path = temporaryPath("conformance") + ".sock"
        try await run(check, loopCount: 1, streams: .unix(path: path), datagrams: loopback4)
    }
}
