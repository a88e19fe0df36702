import StarlingCore
import StarlingIO
import StarlingNode
import StarlingProtocols
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Testing

/// Two nodes that dial each other at the same time.
@Suite(.timeLimit(.minutes(20))) struct SimultaneousDialTests {
    @Test(arguments: 1...8) func oneOfTwoConnectionsThatWereDialledAtOnceStays(seed: Int) throws {
        let pair = try NodePair(seed: UInt64(seed))
        let (alice, bob, bobAddress) = (pair.alice, pair.bob, try pair.bobAddress)
        let aliceAddress = try Multiaddr("/ip4/10.0.0.1/tcp/4001/p2p/\(alice.peerID)")
        let other = bob.world.loops[0].startTask(returning: Void.self) {
            _ = try await bob.swarm.connect(to: aliceAddress)
        }
        try pair.simulation.complete(on: pair.aliceHost) {
            _ = try await alice.swarm.connect(to: bobAddress)
        }
        try pair.simulation.complete(on: pair.bobHost) { try await other.value }
        try pair.simulation.run(for: .seconds(1))
        func connections(_ node: Node, _ host: SimulatedHost) throws -> [ConnectionInfo] {
            try pair.simulation.complete(on: host) { await node.swarm.allConnections.map(\.info) }
        }
        #expect(try connections(alice, pair.aliceHost).count == 2, "seed \(seed): both dials came through")
        try pair.simulation.run(for: .seconds(15))
        let left = (try connections(alice, pair.aliceHost), try connections(bob, pair.bobHost))
        #expect(left.0.count == 1 && left.1.count == 1, "seed \(seed)")
        let isAliceDialer = alice.peerID < bob.peerID
        #expect(left.0.first?.direction == (isAliceDialer ? .outbound : .inbound))
        #expect(left.1.first?.direction == (isAliceDialer ? .inbound : .outbound))
        try pair.simulation.complete(on: pair.aliceHost) {
            try await alice.ping(bob.peerID, count: 1) { _ in }
        }
    }

    @Test(arguments: 1...16) func noStreamIsLostWhileOneOfThemGoes(seed: Int) throws {
        let pair = try NodePair(seed: UInt64(seed))
        let (alice, bob, bobAddress) = (pair.alice, pair.bob, try pair.bobAddress)
        let aliceAddress = try Multiaddr("/ip4/10.0.0.1/tcp/4001/p2p/\(alice.peerID)")
        let loop = bob.world.loops[0]
        let other = loop.startTask(returning: Void.self) {
            _ = try await bob.swarm.connect(to: aliceAddress)
            try await Self.echo(
                from: bob,
                to: alice,
                interval: .milliseconds(7),
                until: loop.now + .seconds(12)
            )
        }
        try pair.simulation.complete(on: pair.aliceHost) {
            _ = try await alice.swarm.connect(to: bobAddress)
            let end = alice.world.loops[0].now + .seconds(12)
            try await Self.echo(from: alice, to: bob, interval: .milliseconds(11), until: end)
        }
        try pair.simulation.complete(on: pair.bobHost) { try await other.value }
        for (node, host) in [(alice, pair.aliceHost), (bob, pair.bobHost)] {
            let count = try pair.simulation.complete(on: host) { await node.swarm.allConnections.count }
            #expect(count == 1, "seed \(seed)")
        }
    }

    @Test func overRealSocketsToo() async throws {
        let real = try RealNodes.world()
        defer { real.stop() }
        let (alice, bob) = (try RealNodes.node(real.world), try RealNodes.node(real.world))
        let aliceAddress = try #require(try await alice.start().first).with(peerID: alice.peerID)
        let bobAddress = try #require(try await bob.start().first).with(peerID: bob.peerID)
        // Each dials twenty times, in step, and all is said that was begun.
        for _ in 0..<20 {
            async let forth: Void = Self.dialAndEcho(from: alice, to: bob, bobAddress)
            async let back: Void = Self.dialAndEcho(from: bob, to: alice, aliceAddress)
            _ = try await (forth, back)
            let loop = real.world.loops[0]
            while await alice.swarm.allConnections.count + bob.swarm.allConnections.count > 0 {
                await alice.swarm.disconnect(bob.peerID)
                await bob.swarm.disconnect(alice.peerID)
                try await loop.sleep(for: .milliseconds(1))
            }
        }
        await alice.stop()
        await bob.stop()
    }

    private static func dialAndEcho(from node: Node, to peer: Node, _ address: Multiaddr) async throws {
        _ = try await node.swarm.connect(to: address)
        for _ in 0..<3 { try await echo(from: node, to: peer) }
    }

    private static func echo(
        from node: Node,
        to peer: Node,
        interval: Duration,
        until end: Instant
    ) async throws {
        let loop = node.world.loops[0]
        // One of the connections is closed after ten seconds; until a moment before that there is nothing to see.
        try await loop.sleep(for: .seconds(9))
        while loop.now < end {
            try await echo(from: node, to: peer)
            try await loop.sleep(for: interval)
        }
    }

    private static func echo(from node: Node, to peer: Node) async throws {
        let stream = try await node.swarm.openStream(to: peer.peerID, [ProtocolID.echo])
        try await stream.write([1, 2, 3])
        try await stream.closeWrite()
        #expect(try await stream.read(exactly: 3) == [1, 2, 3])
        #expect(try await stream.read() == nil)
    }
}
