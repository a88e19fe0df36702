import StarlingCore
import StarlingCrypto
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Testing

@Suite struct NodeTests {
    @Test(arguments: [SecurityProtocol.noise, .tls])
    func connectsIdentifiesAndPings(security: SecurityProtocol) throws {
        let pair = try NodePair { $0.securities = [security] }
        let (alice, bob, address) = (pair.alice, pair.bob, try pair.bobAddress)
        let times = try pair.simulation.complete(on: pair.aliceHost) {
            let connection = try await alice.swarm.connect(to: address)
            #expect(connection.info.peer == bob.peerID)
            #expect(connection.info.security == security.rawValue)
            #expect(connection.info.muxer == "/yamux/1.0.0")
            var times: [Duration] = []
            try await alice.ping(bob.peerID, count: 5) { times.append($0) }
            return times
        }
        #expect(times.count == 5)
        #expect(times.allSatisfy { $0 >= .milliseconds(8) }, "two ways of 5 ms less jitter")
        try pair.simulation.run(for: .seconds(1))
        let entry = try pair.simulation.complete(on: pair.aliceHost) {
            await alice.swarm.peerBook[bob.peerID]
        }
        #expect(entry?.agentVersion.hasPrefix("starling/") == true)
        #expect(entry?.protocols.contains("/ipfs/ping/1.0.0") == true)
        #expect(entry?.recordSequence ?? 0 > 0, "the signed record was taken")
    }

    @Test func aMessageComesBackWithItsReceipt() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (pair.alice, pair.bob, try pair.bobAddress)
        let delivery = try pair.simulation.complete(on: pair.aliceHost) {
            _ = try await alice.swarm.connect(to: address)
            let content = MessageContent(type: .data, payload: Array("hello".utf8))
            let id = try await alice.delivery.accept(MessageDraft(to: bob.peerID, content: content))
            let deadline = pair.aliceHost.world.loops[0].now + .seconds(5)
            return await alice.delivery.report(on: id, settledBefore: deadline)
        }
        #expect(delivery?.message.state == .delivered)
        let page = try pair.simulation.complete(on: pair.bobHost) {
            try await bob.delivery.inboxPage(after: 0, countMax: 10, byteCountMax: 1000)
        }
        #expect(page.deliveries.map(\.content.payload) == [Array("hello".utf8)])
        #expect(page.deliveries.first?.entry.from == alice.peerID)
        #expect(page.deliveries.first?.entry.id == delivery?.message.id)
    }

    @Test func aDialThatFindsAnotherPeerSaysSo() throws {
        let pair = try NodePair()
        let (alice, stranger) = (pair.alice, try NodePair.node(pair.simulation.host("stranger")).peerID)
        let address = try Multiaddr("/ip4/10.0.0.2/tcp/4001/p2p/\(stranger)")
        let error = #expect(throws: DialError.self) {
            try pair.simulation.complete(on: pair.aliceHost) {
                _ = try await alice.swarm.connect(to: address)
            }
        }
        #expect(error?.attempts.first?.failure == .connection(.noise(.unexpectedPeer(pair.bob.peerID))))
        #expect(error?.nextStep.contains("Another peer") == true)
    }

    @Test func aDialToNobodyTellsEachAddressAndWhy() throws {
        let pair = try NodePair()
        let (alice, bob) = (pair.alice, pair.bob.peerID)
        let addresses = [try Multiaddr("/ip4/10.0.0.2/tcp/9"), try Multiaddr("/ip4/10.0.0.2/udp/9/quic-v1")]
        let error = #expect(throws: DialError.self) {
            try pair.simulation.complete(on: pair.aliceHost) {
                _ = try await alice.swarm.connect(to: bob, addresses: addresses)
            }
        }
        #expect(error?.cause == .allFailed)
        let failures = error?.attempts.map(\.failure) ?? []
        #expect(failures.contains(.connection(.socket(.refused))))
        #expect(failures.contains(.unsupported))
    }

    @Test func callersAtTheSameTimeShareOneDial() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (pair.alice, pair.bob.peerID, try pair.bobAddress)
        let ids = try pair.simulation.complete(on: pair.aliceHost) {
            try await withThrowingTaskGroup(of: ConnectionID.self) { group in
                for _ in 0..<10 {
                    group.addTask { try await alice.swarm.connect(to: bob, addresses: [address]).id }
                }
                return try await group.reduce(into: Set<ConnectionID>()) { $0.insert($1) }
            }
        }
        #expect(ids.count == 1)
    }

    @Test func aCallerAfterACancelledDialGetsOneOfItsOwn() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (pair.alice, pair.bob.peerID, try pair.bobAddress)
        let peer = try pair.simulation.complete(on: pair.aliceHost) {
            let loop = alice.world.loops[0]
            let first = loop.startTask(returning: PeerID.self) {
                try await alice.swarm.connect(to: bob, addresses: [address]).info.peer
            }
            try await loop.sleep(for: .milliseconds(7))
            first.cancel()
            await #expect(throws: DialError.self) { _ = try await first.value }
            return try await alice.swarm.connect(to: bob, addresses: [address]).info.peer
        }
        #expect(peer == bob)
    }

    @Test func stoppingOneNodeEndsTheConnectionAtTheOther() throws {
        let pair = try NodePair()
        let (alice, bob, address) = (pair.alice, pair.bob, try pair.bobAddress)
        try pair.simulation.complete(on: pair.aliceHost) {
            _ = try await alice.swarm.connect(to: address)
            await alice.stop()
        }
        try pair.simulation.run(for: .seconds(1))
        let isConnected = try pair.simulation.complete(on: pair.bobHost) {
            await bob.swarm.isConnected(alice.peerID)
        }
        #expect(!isConnected)
        let ledger = bob.swarm.protocols.withLedger { $0 }
        #expect(ledger.connectionCount == 0)
        #expect(ledger.streamCount == 0)
        #expect(ledger.memoryByteCount == 0)
    }
}
