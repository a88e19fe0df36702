import StarlingCore
import StarlingNode
import StarlingProtocols
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Testing

/// Who may measure a node, and how much at a time.
@Suite struct DiagnosticsTests {
    /// Whether a node at `address` gets an echo and a ping from another.
    private static func reaches(
        from address: IPAddress,
        _ audience: Diagnostics.Audience
    ) throws -> (ping: Bool, echo: Bool, perf: Bool) {
        let simulation = Simulation(seed: 1)
        func host(_ name: String, _ address: IPAddress) -> SimulatedHost {
            simulation.host(
                name,
                configuration: .init(interfaces: [SimulatedInterface(addresses: [address])])
            )
        }
        let (aliceHost, bobHost) = (host("alice", address), host("bob", .v4(0xc633_6401)))
        let alice = try NodePair.node(aliceHost)
        let bob = try NodePair.node(bobHost) { $0.measurableBy = audience }
        try simulation.complete(on: aliceHost) { try await alice.start() }
        try simulation.complete(on: bobHost) { try await bob.start() }
        return try simulation.complete(on: aliceHost) {
            let connection = try await alice.swarm.connect(
                to: try Multiaddr("/ip4/198.51.100.1/tcp/4001/p2p/\(bob.peerID)")
            )
            func works(_ body: () async throws -> Void) async -> Bool {
                do { try await body() } catch { return false }
                return true
            }
            let ping = await works { try await alice.ping(bob.peerID, count: 1) { _ in } }
            let echo = await works {
                let stream = try await connection.openStream([ProtocolID.echo])
                try await stream.write([1])
                #expect(try await stream.read(exactly: 1) == [1])
            }
            let perf = await works {
                _ = try await PerfDriver.run(
                    try await connection.openStream([ProtocolID.perf]),
                    upload: 10,
                    download: 10
                )
            }
            return (ping, echo, perf)
        }
    }

    @Test func whoIsNearMayMeasureByDefault() throws {
        #expect(NodeConfiguration(machineMemoryByteCount: 1 << 30).measurableBy == .near)
        #expect(try Self.reaches(from: .v4(0x0a00_0009), .near) == (true, true, true))
        #expect(try Self.reaches(from: .v4(0xcb00_7101), .near) == (true, false, false))
    }

    @Test func aPeerThatEchoesNothingIsGivenUp() throws {
        let pair = try NodePair()
        let address = try pair.bobAddress
        pair.bob.swarm.protocols.set(ProtocolID.ping) { stream in
            do { while try await stream.read() != nil {} } catch { return }
        }
        let failure = try pair.simulation.complete(on: pair.aliceHost) {
            [pair] () async throws -> PingFailure? in
            let connection = try await pair.alice.swarm.connect(to: address)
            let driver = PingDriver(
                stream: try await connection.openStream([ProtocolID.ping]),
                world: pair.alice.world
            )
            do throws(PingFailure) { try await driver.run(count: 1) { _ in } } catch { return error }
            return nil
        }
        #expect(failure == .ping(.timedOut))
    }

    @Test func everyoneOrNobodyMayBeServed() throws {
        #expect(try Self.reaches(from: .v4(0xcb00_7101), .anyone) == (true, true, true))
        #expect(try Self.reaches(from: .v4(0x0a00_0009), .nobody) == (true, false, false))
    }

    @Test(arguments: [(ProtocolID.ping, 32), (ProtocolID.echo, 8)])
    func onePeerHasSoManyStreamsAtATime(protocolID: String, limit: Int) throws {
        let pair = try NodePair()
        let (alice, address) = (pair.alice, try pair.bobAddress)
        let servedCount = try pair.simulation.complete(on: pair.aliceHost) {
            let connection = try await alice.swarm.connect(to: address)
            var streams: [Stream] = []
            for _ in 0..<limit + 3 {
                let stream = try await connection.openStream([protocolID])
                try await stream.write([UInt8](repeating: 7, count: 32))
                streams.append(stream)
            }
            var servedCount = 0
            for stream in streams {
                do throws(StreamError) {
                    _ = try await stream.read(exactly: 32)
                    servedCount += 1
                } catch {
                    #expect(error == .reset)
                }
            }
            return servedCount
        }
        #expect(servedCount == limit)
    }
}
