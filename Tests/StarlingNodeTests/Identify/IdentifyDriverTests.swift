import StarlingCore
import StarlingNode
import StarlingSimulator
import Testing

@Suite struct IdentifyDriverTests {
    @Test func addressesThatMeanTheListenersOwnMachineAreNotDialledElsewhere() throws {
        let pair = try NodePair { configuration in
            configuration.listenAddresses += [
                try Multiaddr("/ip4/127.0.0.1/tcp/4002"), try Multiaddr("/unix/run/node.sock"),
            ]
        }
        let (alice, bob, address) = (pair.alice, pair.bob, try pair.bobAddress)
        try pair.simulation.complete(on: pair.aliceHost) { _ = try await alice.swarm.connect(to: address) }
        try pair.simulation.run(for: .seconds(1))
        let known = try pair.simulation.complete(on: pair.aliceHost) {
            await alice.swarm.peerBook[bob.peerID]?.addresses.map(\.address)
        }
        #expect(known?.contains(try Multiaddr("/ip4/10.0.0.2/tcp/4001")) == true)
        let local = known?.filter { $0.transportKind == .unix || "\($0)".contains("127.0.0.1") }
        #expect(local == [])
    }
}
