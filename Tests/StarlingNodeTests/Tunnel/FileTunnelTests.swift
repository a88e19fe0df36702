import StarlingCore
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Testing

/// Files between nodes that are not connected.
@Suite struct FileTunnelTests {
    private static let slow = LinkProfile(latency: .milliseconds(2), bytesPerSecond: 1_000_000)

    /// Nodes 0 to 3 in a square: 0 and 2 reach each other over 1 and over 3.
    private func square(link: LinkProfile? = nil, seed: UInt64 = 1) throws -> NodeChain {
        let chain = try NodeChain(count: 4, seed: seed, link: link, hasRoutes: false)
        try chain.connect(3, 0)
        try chain.simulation.run(for: .seconds(3))
        return chain
    }

    @Test(arguments: [3, 4, 6]) func aFileCrossesHops(nodeCount: Int) throws {
        let chain = try NodeChain(count: nodeCount, hasRoutes: false)
        try chain.simulation.run(for: .seconds(3))
        let content = BlobPair.pattern(3_000_000)
        let id = try chain.sendFile(content, from: 0, to: nodeCount - 1)
        #expect(try chain.wait { try chain.isDelivered(id, at: 0) })
        #expect(try chain.savedFile(at: nodeCount - 1) == content)
        for relay in 1..<nodeCount - 1 { #expect(try chain.carriedCount(relay) == 1) }
        try chain.simulation.run(for: .seconds(80))
        for relay in 1..<nodeCount - 1 {
            let node = chain.nodes[relay]
            let fills = try chain.simulation.complete(on: chain.hosts[relay]) {
                await node.tunnels.tableFills
            }
            #expect(fills.allSatisfy { $0.count == 0 }, "nothing of it stays with those who carried it")
        }
    }

    @Test(arguments: UInt64(1)...4) func whatArrivedBeforeARelayDiedIsNotSentAgain(seed: UInt64) throws {
        let chain = try square(link: Self.slow, seed: seed)
        let content = BlobPair.pattern(12_000_000)
        let id = try chain.sendFile(content, from: 0, to: 2)
        #expect(try chain.wait { try chain.arrivedByteCount(at: 2) > 6_000_000 }, "seed \(seed)")
        let relay = try chain.carriedCount(1) > 0 ? 1 : 3
        chain.hosts[relay].crash(.process)
        #expect(try chain.wait(upTo: .seconds(60)) { try chain.isDelivered(id, at: 0) }, "seed \(seed)")
        #expect(try chain.savedFile(at: 2) == content, "seed \(seed)")
        #expect(try chain.carriedCount(4 - relay) > 0, "seed \(seed)")
        // What was under way when the relay died is sent twice, a window or two of it.
        #expect(try chain.sentByteCount(0) < 15_000_000, "seed \(seed)")
    }

    @Test func aLinkThatComesUpTakesOver() throws {
        let chain = try NodeChain(count: 3, link: Self.slow, hasRoutes: false)
        try chain.simulation.run(for: .seconds(3))
        let content = BlobPair.pattern(8_000_000)
        let id = try chain.sendFile(content, from: 0, to: 2)
        #expect(try chain.wait { try chain.arrivedByteCount(at: 2) > 2_000_000 })
        try chain.connect(2, 0)
        let before = try chain.sentByteCount(1)
        #expect(try chain.wait { try chain.isDelivered(id, at: 0) })
        #expect(try chain.savedFile(at: 2) == content)
        #expect(try chain.sentByteCount(1) < before + 1_500_000, "the relay had no more than was under way")
        #expect(try chain.sentByteCount(0) < 10_500_000)
    }

    @Test func aRelayThatChangesAByteHasItsTunnelEndedAndAnotherIsUsed() throws {
        for hostile in [1, 3] {
            let chain = try square(link: Self.slow)
            let target = 500_000
            let change: @Sendable (inout [UInt8], Int) -> Void = { piece, offset in
                if (offset..<offset + piece.count).contains(target) { piece[target - offset] ^= 0x10 }
            }
            chain.carryTunnels(at: hostile, over: 0, back: change)
            let content = BlobPair.pattern(3_000_000)
            let id = try chain.sendFile(content, from: 0, to: 2)
            #expect(try chain.wait { try chain.isDelivered(id, at: 0) }, "hostile \(hostile)")
            #expect(try chain.savedFile(at: 2) == content, "hostile \(hostile)")
        }
    }

    @Test func aRelayThatTakesTunnelsAndCarriesNothingIsGivenUp() throws {
        for hostile in [1, 3] {
            let chain = try square()
            chain.carryTunnels(
                at: hostile,
                over: 0,
                back: { piece, offset in if offset > 10_000 { piece = [] } }
            )
            let content = BlobPair.pattern(3_000_000)
            let id = try chain.sendFile(content, from: 0, to: 2)
            #expect(
                try chain.wait(upTo: .seconds(90)) { try chain.isDelivered(id, at: 0) },
                "hostile \(hostile)"
            )
            #expect(try chain.savedFile(at: 2) == content, "hostile \(hostile)")
        }
    }

    @Test func aPeerWithoutRoutesOrLinkWaits() throws {
        let chain = try NodeChain(count: 3, hasRoutes: false)
        try chain.simulation.run(for: .seconds(3))
        let relay = chain.nodes[1]
        let content = BlobPair.pattern(500_000)
        let id = try chain.sendFile(content, from: 0, to: 2)
        // Messages pass, and tunnels do not.
        relay.swarm.protocols.set(TunnelProtocol.id, nil)
        try chain.simulation.run(for: .seconds(20))
        #expect(try !chain.isDelivered(id, at: 0))
        let last = chain.nodes[2]
        let failure = try chain.simulation.complete(on: chain.hosts[2]) {
            await last.delivery.incomingFiles.first?.progress.failure
        }
        guard case .tunnel(.broken)? = failure else {
            Issue.record("the report tells why: \(String(describing: failure))")
            return
        }
        try chain.simulation.complete(on: chain.hosts[1]) { await relay.tunnels.start() }
        #expect(try chain.wait { try chain.isDelivered(id, at: 0) })
    }
}
