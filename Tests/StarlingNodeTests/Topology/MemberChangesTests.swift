import StarlingCore
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingWorld
import Synchronization
import Testing

/// Who comes and goes, told to those who ask for it.
@Suite struct MemberChangesTests {
    private struct Change: Equatable, Sendable {
        var peer: PeerID
        var state: LivenessClaim.State
    }

    @Test func aReaderIsToldOfEachStateAndALateOneOfTheLast() throws {
        let fleet = try MeshFleet(count: 4)
        try fleet.simulation.run(for: .seconds(20))
        let (loop, liveness) = (fleet.hosts[0].loop, fleet.nodes[0].liveness)
        let first = try #require(
            try fleet.simulation.complete(on: fleet.hosts[0]) { await liveness.changes(after: 0) }
        )
        #expect(Set(first.members.map(\.peer)) == Set(fleet.nodes[1...].map(\.peerID)))
        #expect(first.members.allSatisfy { $0.state == .alive })

        let log = Mutex<[Change]>([])
        let isOver = Mutex(false)
        let reader = loop.startTask {
            var seen = first.count
            while let next = await liveness.changes(after: seen) {
                seen = next.count
                log.withLock { $0 += next.members.map { Change(peer: $0.peer, state: $0.state) } }
            }
            isOver.withLock { $0 = true }
        }
        let peer = fleet.nodes[2].peerID
        fleet.kill(2)
        try fleet.simulation.run(for: .seconds(30))
        try fleet.restart(2)
        try fleet.simulation.run(for: .seconds(30))
        let states = log.withLock { $0 }.filter { $0.peer == peer }.map(\.state)
        #expect(states == [.suspect, .dead, .alive])

        let late = try fleet.simulation.complete(on: fleet.hosts[0]) {
            await liveness.changes(after: first.count)
        }
        #expect(late?.members.filter { $0.peer == peer }.map(\.state) == [.alive])
        #expect(!isOver.withLock { $0 })
        reader.cancel()
        try fleet.simulation.run(for: .seconds(1))
        #expect(isOver.withLock { $0 })
        try fleet.stop(0)
        #expect(try fleet.simulation.complete(on: fleet.hosts[0]) { await liveness.changes(after: 0) } == nil)
    }
}
