import StarlingCore
import StarlingCrypto
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Testing

/// Alice's node sends the bytes of one message again and again, by hand; Bob's node is a whole one.
private struct Replay {
    let simulation = Simulation(seed: 1)
    let aliceHost: SimulatedHost
    let bobHost: SimulatedHost
    let alice: Node
    var bob: Node
    /// The message as it stands on the wire.
    let frame: [UInt8]

    init(clockSkew: Duration) throws {
        aliceHost = simulation.host("alice")
        bobHost = simulation.host("bob")
        let aliceKey = try Self.key(1)
        alice = try Self.node(aliceHost, aliceKey)
        bob = try Self.node(bobHost, try Self.key(2))
        let header = MessageHeader(
            id: MessageID(random: [UInt8](repeating: 7, count: MessageID.byteCount)),
            from: alice.peerID,
            to: bob.peerID,
            created: aliceHost.wallClock.now,
            lifetimeMilliseconds: 86_400_000,
            place: .init(series: 1, number: 1, floor: 1)
        )
        let content = MessageContent(type: .data, payload: Array("once".utf8))
        frame =
            MessageFrame(.envelope, try Envelope(header, content: content, from: aliceKey).encoded).encoded
        bobHost.wallClock.skew = clockSkew
        for (host, node) in [(aliceHost, alice), (bobHost, bob)] {
            try simulation.complete(on: host) { try await node.start() }
        }
    }

    private static func key(_ number: UInt8) throws -> IdentityKey {
        var seed = [UInt8](repeating: number, count: 32)
        return try IdentityKey(wipingSeed: &seed)
    }

    private static func node(_ host: SimulatedHost, _ key: IdentityKey) throws -> Node {
        var configuration = NodeConfiguration(machineMemoryByteCount: 1 << 30)
        configuration.usesMDNS = false
        configuration.securities = [.noise]
        configuration.listenAddresses = [try Multiaddr("/ip4/0.0.0.0/tcp/4001")]
        return try Node(world: host.world, identity: key, configuration: configuration)
    }

    /// Writes the message twice, on a stream of its own, and gives Bob time for it.
    func send() throws {
        let (alice, frame) = (alice, frame)
        let address = try Multiaddr("/ip4/10.0.0.2/tcp/4001/p2p/\(bob.peerID)")
        try simulation.complete(on: aliceHost) {
            let connection = try await alice.swarm.connect(to: address)
            let stream = try await connection.openStream([MessageFrame.protocolID])
            try await stream.write(frame + frame)
            try await stream.closeWrite()
            // What answers is read to its end: Bob has dealt with all of it then.
            while try await stream.read(byteCountMax: 65_536) != nil {}
        }
        try simulation.run(for: .seconds(1))
    }

    /// Bob's machine loses its power, and his node comes back with the clock off by as much.
    mutating func restartBob(clockSkew: Duration) throws {
        bobHost.crash(.power)
        bobHost.restart()
        bobHost.wallClock.skew = clockSkew
        bob = try Self.node(bobHost, try Self.key(2))
        let bob = bob
        try simulation.complete(on: bobHost) { try await bob.start() }
        let (alice, peer) = (alice, bob.peerID)
        try simulation.complete(on: aliceHost) { await alice.swarm.disconnect(peer) }
    }

    func inboxTexts() throws -> [String] {
        let bob = bob
        return try simulation.complete(on: bobHost) {
            try await bob.delivery.inboxPage(after: 0, countMax: 100, byteCountMax: 1 << 20).deliveries
                .map { String(decoding: $0.content.payload, as: UTF8.self) }
        }
    }

    func acknowledgeAll() throws {
        let bob = bob
        _ = try simulation.complete(on: bobHost) { try await bob.delivery.acknowledge(through: .max) }
    }
}

@Suite struct ReplayTests {
    /// Ten minutes, as clocks may differ, either way.
    @Test(arguments: [-600, 0, 600]) func aMessageIsDeliveredOnceHoweverOftenItIsSent(seconds: Int64) throws {
        let skew = Duration.seconds(seconds)
        var replay = try Replay(clockSkew: skew)
        try replay.send()
        #expect(try replay.inboxTexts() == ["once"])
        try replay.send()
        #expect(try replay.inboxTexts() == ["once"])

        // After a restart, with the clock as it was and jumping to either side.
        for skew in [skew, skew + .seconds(600), skew - .seconds(600)] {
            try replay.restartBob(clockSkew: skew)
            #expect(try replay.inboxTexts() == ["once"])
            try replay.send()
            #expect(try replay.inboxTexts() == ["once"])
        }

        // When it was dealt with, nothing of it comes again, now or after a restart.
        try replay.acknowledgeAll()
        try replay.send()
        #expect(try replay.inboxTexts() == [])
        try replay.restartBob(clockSkew: skew)
        try replay.send()
        #expect(try replay.inboxTexts() == [])
    }
}
