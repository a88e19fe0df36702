import StarlingCore
import StarlingCrypto
import StarlingIO
import StarlingNode
import StarlingSimulator
import StarlingStore
import StarlingWorld
import Testing

@Suite struct NodeDeskTests {
    private func desk(_ node: Node) -> NodeDesk { NodeDesk(node: node, onShutdown: {}) }

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

    @Test func aMessageIsDeliveredListedAndTaken() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (desk(pair.alice), desk(pair.bob), try pair.bobAddress)
        let to = pair.bob.peerID
        let report = try pair.simulation.complete(on: pair.aliceHost) {
            _ = try await alice.connect(ConnectRequest(address: address, timeout: .seconds(5)))
            return try await alice.send(
                OutgoingMessage(to: to, type: "text/plain", payload: [1, 2, 3], receiptTimeout: .seconds(5))
            )
        }
        #expect(report.state == .delivered)
        #expect(report.roundTrip != nil)
        let all = InboxQuery(after: 0, messageCountMax: 10, payloadByteCountMax: 100)
        let (before, taken, after) = try pair.simulation.complete(on: pair.bobHost) {
            (try await bob.inbox(all), try await bob.takeInbox(through: 1), try await bob.inbox(all))
        }
        #expect(before.messages.map(\.payload) == [[1, 2, 3]])
        #expect(before.messages.first?.messageID == report.messageID)
        #expect(!before.hasMore)
        #expect(taken == 1)
        #expect(after.messages.isEmpty)
    }

    @Test func aMessageForAPeerThatIsAwayIsQueuedAndArrivesOnceWhenItCanBeReached() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (desk(pair.alice), desk(pair.bob), try pair.bobAddress)
        let to = pair.bob.peerID
        let report = try pair.simulation.complete(on: pair.aliceHost) {
            try await alice.send(
                OutgoingMessage(to: to, type: "t", payload: [7], receiptTimeout: .seconds(1))
            )
        }
        #expect(report.state == .queued)
        #expect(report.obstacle?.code == .unknownPeer)
        let before = try pair.simulation.complete(on: pair.aliceHost) { await alice.status() }.outbox
        #expect(before.messageCount == 1)
        #expect(before.fills.map(\.queuedCount) == [0, 0, 1, 0])
        #expect(before.backlogs.map(\.to) == [to])
        #expect(before.backlogs.first?.obstacle?.code == .unknownPeer)
        _ = try pair.simulation.complete(on: pair.aliceHost) {
            try await alice.connect(ConnectRequest(address: address, timeout: .seconds(5)))
        }
        try pair.simulation.run(for: .seconds(10))
        let query = InboxQuery(after: 0, messageCountMax: 10, payloadByteCountMax: 100)
        let page = try pair.simulation.complete(on: pair.bobHost) { try await bob.inbox(query) }
        #expect(page.messages.map(\.messageID) == [report.messageID])
        let after = try pair.simulation.complete(on: pair.aliceHost) { await alice.status() }.outbox
        #expect(after.messageCount == 0 && after.byteCount == 0)
        #expect(after.backlogs.isEmpty && after.stalls.isEmpty)
    }

    @Test func thePagesOfTheInboxKeepToTheirLimits() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (desk(pair.alice), desk(pair.bob), try pair.bobAddress)
        let to = pair.bob.peerID
        try pair.simulation.complete(on: pair.aliceHost) {
            _ = try await alice.connect(ConnectRequest(address: address, timeout: .seconds(5)))
            for index in 0..<5 {
                let payload = [UInt8](repeating: UInt8(index), count: 10)
                _ = try await alice.send(
                    OutgoingMessage(to: to, type: "t", payload: payload, receiptTimeout: .seconds(5))
                )
            }
        }
        let pages = try pair.simulation.complete(on: pair.bobHost) {
            [
                try await bob.inbox(InboxQuery(after: 0, messageCountMax: 2, payloadByteCountMax: 1000)),
                try await bob.inbox(InboxQuery(after: 2, messageCountMax: 9, payloadByteCountMax: 20)),
                try await bob.inbox(InboxQuery(after: 4, messageCountMax: 9, payloadByteCountMax: 1)),
            ]
        }
        #expect(pages.map { $0.messages.map(\.position) } == [[1, 2], [3, 4], [5]])
        #expect(pages.map(\.hasMore) == [true, true, false])
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

    @Test func aMessageToOneselfIsRefused() throws {
        let pair = try NodePair()
        let (alice, own) = (desk(pair.alice), pair.alice.peerID)
        let failure = #expect(throws: NodeFailure.self) {
            try pair.simulation.complete(on: pair.aliceHost) {
                _ = try await alice.send(
                    OutgoingMessage(to: own, type: "t", payload: [], receiptTimeout: .zero)
                )
            }
        }
        #expect(failure?.code == .invalidRequest)
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
