import StarlingCore
import StarlingNode
import StarlingSimulator
import StarlingWorld
import Testing

/// Two nodes on one simulated LAN.
@Suite struct MDNSDriverTests {
    private func areConnected(_ pair: NodePair) throws -> Bool {
        let (alice, bob) = (pair.alice, pair.bob)
        return try pair.simulation.complete(on: pair.aliceHost) {
            await alice.swarm.isConnected(bob.peerID)
        }
    }

    @Test(arguments: 1...5) func twoNodesFindEachOtherWithinThreeSeconds(seed: Int) throws {
        let pair = try NodePair(seed: UInt64(seed)) { $0.usesMDNS = true }
        try pair.simulation.run(for: .seconds(3))
        #expect(try areConnected(pair), "seed \(seed)")
    }

    @Test(arguments: 1...3) func aPeerThatIsStillOnTheLANIsConnectedAgain(seed: Int) throws {
        let pair = try NodePair(seed: UInt64(seed)) { $0.usesMDNS = true }
        try pair.simulation.run(for: .seconds(3))
        #expect(try areConnected(pair), "seed \(seed)")
        // Long enough for the connection to die, short enough for each to remember the other.
        pair.simulation.network.partition([pair.aliceHost], [pair.bobHost])
        try pair.simulation.run(for: .seconds(60))
        #expect(try !areConnected(pair), "seed \(seed)")
        pair.simulation.network.healAll()
        try pair.simulation.run(for: .seconds(60))
        #expect(try areConnected(pair), "seed \(seed)")
    }

    @Test func aPeerOfTheLANCanBeDialledForAsLongAsItIsThere() throws {
        let pair = try NodePair { $0.usesMDNS = true }
        let (alice, bob) = (pair.alice, pair.bob)
        try pair.simulation.run(for: .seconds(7200))
        let addresses = try pair.simulation.complete(on: pair.aliceHost) {
            let now = alice.world.loops[0].now
            return await alice.swarm.peerBook[bob.peerID]?.addresses
                .filter { $0.expires > now && $0.source >= .localDiscovery }.map(\.address)
        }
        #expect(addresses?.contains(try Multiaddr("/ip4/10.0.0.2/tcp/4001")) == true)
    }
}
