import StarlingCore
import StarlingMesh
import StarlingNode
import StarlingSimulator
import Testing

/// Where others can be dialled, asked of neighbours.
@Suite struct RecordDriverTests {
    private func addresses(of other: Int, at one: Int, _ chain: NodeChain) throws -> [Multiaddr] {
        let (node, peer) = (chain.nodes[one], chain.nodes[other].peerID)
        let now = chain.simulation.now
        return try chain.simulation.complete(on: chain.hosts[one]) {
            await node.swarm.peerBook.addresses(of: peer, now: now)
        }
    }

    private func find(_ other: Int, at one: Int, _ chain: NodeChain) throws -> Bool {
        let (node, peer) = (chain.nodes[one], chain.nodes[other].peerID)
        return try chain.simulation.complete(on: chain.hosts[one]) { await node.records.find(peer) }
    }

    @Test func aRecordComesBackAlongTheRoute() throws {
        let chain = try NodeChain(count: 5, hasRoutes: false)
        try chain.simulation.run(for: .seconds(5))
        #expect(try addresses(of: 4, at: 0, chain) == [])
        #expect(try find(4, at: 0, chain))
        #expect(try addresses(of: 4, at: 0, chain) == [try Multiaddr("/ip4/10.0.0.5/tcp/4001")])
        // Those on the way have kept it.
        #expect(try addresses(of: 4, at: 2, chain) == [try Multiaddr("/ip4/10.0.0.5/tcp/4001")])
        // There is none that is newer.
        #expect(try find(4, at: 0, chain) == false)
    }
}
