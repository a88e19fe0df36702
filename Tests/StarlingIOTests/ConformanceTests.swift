import StarlingCore
import StarlingIO
import StarlingSimulator
import StarlingWorld
import Testing

/// The checks that the simulated world passes too.
@Suite struct ConformanceTests {
    @Test(arguments: ConformanceCheck.all)
    func holdsOnOneLoop(_ check: ConformanceCheck) async throws {
        var addresses = [loopback4, .unix(path: temporaryPath("conformance") + ".sock")]
        if await hasIPv6 { addresses.append(loopback6) }
        for address in addresses {
            let isIPv6 = address == loopback6
            let local = isIPv6 ? loopback6 : loopback4
            try await withLoop { loop in
                try await check.run(
                    ConformanceStage(
                        dialerLoop: loop,
                        listenerLoop: loop,
                        streamAddress: address,
                        datagramAddresses: (local, local)
                    )
                )
            }
        }
    }

    @Test(arguments: ConformanceCheck.all)
    func holdsAcrossTwoLoops(_ check: ConformanceCheck) async throws {
        try await withLoop { there in
            try await withLoop { here in
                try await check.run(
                    ConformanceStage(
                        dialerLoop: here,
                        listenerLoop: there,
                        streamAddress: loopback4,
                        datagramAddresses: (loopback4, loopback4)
                    )
                )
            }
        }
    }
}
