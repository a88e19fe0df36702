import StarlingCore
import StarlingCrypto
import StarlingIO
import StarlingNode
import StarlingProtocols
import StarlingSimulator
import StarlingStore
import StarlingWorld
import Testing

@Suite struct NodeDeskTests {
    private func desk(_ node: Node) -> NodeDesk { NodeDesk(node: node, onShutdown: {}) }

    @Test func anEchoThatDoesNotComeIsNoWrongEcho() throws {
        let peer = try NodePair().bob.peerID
        let late = NodeFailure(PingFailure.ping(.timedOut), peer: peer)
        #expect(late.code == .timedOut && late.message.contains("10 s") && !late.nextStep.isEmpty)
        let wrong = NodeFailure(PingFailure.ping(.echoMismatch), peer: peer)
        #expect(wrong.code == .peerFailed && wrong.message != late.message)
    }

    @Test func identityStatusAndPeersFollowTheNode() throws {
        let pair = try NodePair { $0.name = "kitchen" }
        let (alice, bob, address) = (desk(pair.alice), pair.bob.peerID, try pair.bobAddress)
        let connected = try pair.simulation.complete(on: pair.aliceHost) {
            try await alice.connect(ConnectRequest(address: address, timeout: .seconds(5)))
        }
        #expect(connected.peerID == bob)
        #expect(connected.connections.map(\.direction) == [.outbound])
        #expect(connected.connections.first?.security == "/noise")
        try pair.simulation.run(for: .seconds(1))
        let (identity, status, peers) = try pair.simulation.complete(on: pair.aliceHost) {
            (await alice.identity(), await alice.status(), await alice.peers())
        }
        #expect(identity.name == "kitchen")
        #expect(identity.addresses.allSatisfy { $0.peerID == pair.alice.peerID })
        #expect(status.connectionCount == 1)
        #expect(status.securities == ["noise"])
        #expect(status.reservedByteCount > 0)
        let theirs = try pair.simulation.complete(on: pair.bobHost) { await desk(pair.bob).status() }
        #expect(status.receivedByteCount > 200 && status.sentByteCount > 200)
        #expect(status.receivedByteCount == theirs.sentByteCount)
        #expect(status.sentByteCount == theirs.receivedByteCount)
        #expect(peers.map(\.peerID) == [bob])
        #expect(peers.first?.name == "kitchen")
    }

    @Test func pingsComeBackAndThoseOfASilentPeerAreLost() throws {
        let pair = try NodePair()
        let (alice, address) = (desk(pair.alice), try pair.bobAddress)
        let request = PingRequest(
            target: .address(address),
            count: 4,
            interval: .seconds(1),
            timeout: .seconds(2)
        )
        let report = try pair.simulation.complete(on: pair.aliceHost) { try await alice.ping(request) }
        #expect(report.roundTrips.count == 4)
        #expect(report.lostCount == 0)
        #expect(report.peerID == pair.bob.peerID)
    }

    @Test func aFailedDialNamesAddressReasonAndNextStep() throws {
        let pair = try NodePair()
        let alice = desk(pair.alice)
        let address = try Multiaddr("/ip4/10.0.0.2/tcp/9/p2p/\(pair.bob.peerID)")
        let failure = #expect(throws: NodeFailure.self) {
            try pair.simulation.complete(on: pair.aliceHost) {
                _ = try await alice.connect(ConnectRequest(address: address, timeout: .seconds(5)))
            }
        }
        #expect(failure?.code == .unreachable)
        #expect(failure?.message.contains("/ip4/10.0.0.2/tcp/9: refused after") == true)
        #expect(failure?.nextStep.contains("check the port") == true)
    }

    /// Streams whose connection lives on another loop than their reader: once, a reader was put away too late.
    @Test func noPingIsLostBetweenRealLoops() async throws {
        let reals = try (0..<2).map { _ in
            try RealWorld.make(loopCount: 3, log: Log(levelMin: .error, sink: NoLog()))
        }
        let nodes = try reals.map { real in
            var configuration = NodeConfiguration(machineMemoryByteCount: 1 << 30)
            configuration.usesMDNS = false
            configuration.listenAddresses = [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
            var world = real.world
            world.store = try SQLiteStore.inMemory(loop: world.loops[0], wallClock: world.wallClock)
            var seed = world.random.bytes(count: 32)
            return try Node(
                world: world,
                identity: try IdentityKey(wipingSeed: &seed),
                configuration: configuration
            )
        }
        for node in nodes { _ = try await node.start() }
        let address = try #require(await desk(nodes[1]).identity().addresses.first)
        let alice = desk(nodes[0])
        for _ in 0..<3 {
            let request = PingRequest(
                target: .address(address),
                count: 300,
                interval: .zero,
                timeout: .seconds(60)
            )
            let report = try await alice.ping(request)
            #expect(report.roundTrips.count == 300)
            await nodes[0].swarm.disconnect(nodes[1].peerID)
        }
        for node in nodes { await node.stop() }
        for real in reals { real.stop() }
    }
}

private struct NoLog: LogSink {
    func write(_ level: LogLevel, _ message: String, _ values: [(key: String, value: LogValue)]) {}
}
