import StarlingCore
import StarlingMesh
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Synchronization
import Testing

@testable import StarlingNode

/// Searches for others, and those that a node makes for itself meanwhile.
@Suite struct RecordSearchTests {
    @Test func searchesForOthersLeaveANodeItsOwn() throws {
        let chain = try NodeChain(count: 4, hasRoutes: false)
        try chain.simulation.run(for: .seconds(5))
        let (asker, node, last) = (chain.nodes[0], chain.nodes[1], chain.nodes[3].peerID)
        var limits = RecordDriver.Limits()
        (limits.searchCountMax, limits.othersSearchCountMax) = (3, 2)
        let records = RecordDriver(
            swarm: node.swarm,
            routes: node.routes,
            identify: node.identify,
            limits: limits
        )
        try chain.simulation.complete(on: chain.hosts[1]) { await records.start() }
        // Whoever is asked in turn says nothing.
        let asked = Mutex(0)
        let loop = chain.nodes[2].world.loops[0]
        chain.nodes[2].swarm.protocols.set(RecordRequest.protocolID) { stream in
            asked.withLock { $0 += 1 }
            try? await loop.sleep(for: .seconds(60))
            await stream.reset()
        }
        let request = RecordRequest(last, newerThan: 0, hopLimit: 10)
        let empty = Mutex(0)
        let askers = chain.hosts[0].loop.perform {
            (0..<5).map { _ in
                chain.hosts[0].loop.startTask {
                    guard
                        let stream = try? await asker.swarm.openStream(
                            to: node.peerID,
                            [RecordRequest.protocolID]
                        )
                    else { return }
                    try? await stream.write(request.encoded)
                    if (try? await stream.read()) != nil { empty.withLock { $0 += 1 } }
                    await stream.reset()
                }
            }
        }
        try chain.simulation.run(for: .seconds(1))
        #expect(asked.withLock(\.self) == 2, "so many searches are made for others")
        #expect(empty.withLock(\.self) == 3, "and the rest is told that nothing is known")
        let own = chain.hosts[1].loop.perform {
            chain.hosts[1].loop.startTask { _ = await records.find(last) }
        }
        try chain.simulation.run(for: .seconds(1))
        #expect(asked.withLock(\.self) == 3)
        let fills = try chain.simulation.complete(on: chain.hosts[1]) { await records.tableFills }
        #expect(fills.contains { $0.name == "record searches" && $0.count == 3 })
        try chain.simulation.run(for: .seconds(60))
        let later = try chain.simulation.complete(on: chain.hosts[1]) { await records.tableFills }
            .filter { $0.name.contains("searches") }
        #expect(later.allSatisfy { $0.count == 0 }, "\(later)")
        withExtendedLifetime((askers, own)) {}
    }
}
