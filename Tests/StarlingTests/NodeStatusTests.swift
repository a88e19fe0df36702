import Starling
import Testing

/// What a node tells of itself and of its ways to others.
@Suite struct NodeStatusTests {
    private static let nobody = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"

    @Test func aNodeTellsWhatItIsDoing() async throws {
        try await MessageTests.withPair { kitchen, hall in
            let nobody = try #require(PeerID(Self.nobody))
            try await kitchen.send("to nobody", to: nobody)
            _ = try await kitchen.send("hello", to: hall.id).receipt()
            let status = await kitchen.status()
            #expect(status.connectionCount == 1 && status.knownPeerCount >= 1)
            #expect(status.sentByteCount > 0 && status.receivedByteCount > 0)
            #expect(status.outbox.count == 1 && status.outbox.countMax == 10_000)
            #expect(status.backlogs.map { "\($0.to)" } == [Self.nobody] && status.stalls.isEmpty)
            #expect(status.inbox.count == 0 && status.files?.count == 0)
            #expect(status.mesh?.capacity ?? 0 > 0)
            #expect(status.damages.isEmpty)
            #expect(status.uptime > .zero && !status.version.isEmpty)
            #expect(await hall.status().inbox.count == 1)
        }
    }

    @Test func noMoreConnectionsThanTheProcessHasDescriptorsFor() async throws {
        let node = try await Node.start(
            .init(listenAddresses: [], usesLANDiscovery: false, connectionCountMax: .max)
        )
        #expect((1...(.max - 128)).contains(await node.status().connectionCountMax))
        #expect(await node.addresses.isEmpty, "without listen addresses it listens nowhere")
        await node.stop()
    }

    @Test(.timeLimit(.minutes(20))) func theWaysToPeersAreToldAndTraced() async throws {
        try await MessageTests.withPair { kitchen, hall in
            // The neighbour says of itself how it is reached.
            while await kitchen.routes().first(where: { $0.to == hall.id })?.hops.isEmpty != false {
                _ = try await kitchen.ping(hall.id)
            }
            let route = try #require(await kitchen.routes().first { $0.to == hall.id })
            #expect(route.hops.first?.neighbour == hall.id && route.hops.first?.linkCount == 1)
            #expect(route.hops.first?.use.isTaken == true)

            // On a busy machine the neighbour may answer later than a hop may take.
            var trace = try await kitchen.trace(to: hall.id)
            while !trace.hasArrived { trace = try await kitchen.trace(to: hall.id) }
            #expect(trace.hops.map(\.peer) == [hall.id])
            for hopLimit in [0, 11] {
                let error = await #expect(throws: NodeError.self) {
                    try await kitchen.trace(to: hall.id, hopLimit: hopLimit)
                }
                #expect(error?.code == .invalidRequest)
            }
            let nobody = try #require(PeerID(Self.nobody))
            let unknown = await #expect(throws: NodeError.self) { try await kitchen.trace(to: nobody) }
            #expect(unknown?.code == .unknownPeer)
        }
    }
}
