import StarlingCore
import StarlingNode
import StarlingSimulator
import Testing

/// Whole nodes that keep connections with peers that their users named, where no topology does.
@Suite struct PeerAttendanceTests {
    /// Alice knows Bob and so many that answer nothing; Bob knows nobody.
    private struct Rig {
        let simulation: Simulation
        let aliceHost: SimulatedHost
        let bobHost: SimulatedHost
        let alice: Node
        let bob: Node

        init(silentCount: Int, usesRoutes: Bool) throws {
            let simulation = Simulation(seed: 1)
            self.simulation = simulation
            aliceHost = simulation.host("alice")
            bobHost = simulation.host("bob")
            let holes = (0..<silentCount).map { simulation.host("hole-\($0)") }
            if !holes.isEmpty { simulation.network.partition([aliceHost, bobHost], holes) }
            let bob = try NodePair.node(bobHost) { ($0.usesRoutes, $0.topology) = (usesRoutes, nil) }
            var known = try holes.enumerated().map { index, hole in
                try Multiaddr("/ip4/10.0.0.\(index + 3)/tcp/4001/p2p/\(NodePair.node(hole).peerID)")
            }
            known.append(try Multiaddr("/ip4/10.0.0.2/tcp/4001/p2p/\(bob.peerID)"))
            let addresses = known
            let alice = try NodePair.node(aliceHost) {
                ($0.usesRoutes, $0.topology) = (usesRoutes, nil)
                $0.bootstrapAddresses = addresses
            }
            (self.alice, self.bob) = (alice, bob)
            try simulation.complete(on: bobHost) { try await bob.start() }
            try simulation.complete(on: aliceHost) { try await alice.start() }
        }

        func restartBob() throws {
            let node = try Node(
                world: bobHost.restart(),
                identity: bob.identity,
                configuration: bob.configuration
            )
            try simulation.complete(on: bobHost) { try await node.start() }
        }

        func isConnected() throws -> Bool {
            let (alice, peer) = (alice, bob.peerID)
            return try simulation.complete(on: aliceHost) { await alice.swarm.isConnected(peer) }
        }
    }

    /// What fails for that long is left alone by other dials for five minutes at a time.
    @Test(arguments: [false, true])
    func aNamedPeerThatIsBackAfterAnHourIsConnectedWithinTenSeconds(usesRoutes: Bool) throws {
        let rig = try Rig(silentCount: 0, usesRoutes: usesRoutes)
        try rig.simulation.run(for: .seconds(30))
        #expect(try rig.isConnected())
        rig.bobHost.crash(.process)
        try rig.simulation.run(for: .seconds(3600))
        #expect(try !rig.isConnected())
        try rig.restartBob()
        try rig.simulation.run(for: .seconds(10.5))
        #expect(try rig.isConnected())
    }

    @Test func namedPeersThatAnswerNothingHoldUpNoOther() throws {
        let rig = try Rig(silentCount: 5, usesRoutes: false)
        try rig.simulation.run(for: .seconds(1))
        #expect(try rig.isConnected())
        for _ in 0..<5 {
            rig.bobHost.crash(.process)
            try rig.simulation.run(for: .seconds(120))
            #expect(try !rig.isConnected())
            try rig.restartBob()
            try rig.simulation.run(for: .seconds(10.5))
            #expect(try rig.isConnected())
        }
    }
}
