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
        let first = try fleet.simulation.complete(on: fleet.hosts[0]) {
            var (known, seen): ([LivenessMember], UInt64) = ([], 0)
            while known.count < 3, let next = await liveness.change(after: seen) {
                known.append(next.member)
                seen = next.number
            }
            return (known: known, seen: seen)
        }
        #expect(Set(first.known.map(\.peer)) == Set(fleet.nodes[1...].map(\.peerID)))
        #expect(first.known.allSatisfy { $0.state == .alive })

        let log = Mutex<[Change]>([])
        let isOver = Mutex(false)
        let reader = loop.startTask {
            var seen = first.seen
            while let next = await liveness.change(after: seen) {
                seen = next.number
                log.withLock { $0.append(Change(peer: next.member.peer, state: next.member.state)) }
            }
            isOver.withLock { $0 = true }
        }
        let peer = fleet.nodes[2].peerID
        fleet.kill(2)
        try fleet.simulation.run(for: .seconds(30))
        try fleet.restart(2)
        try fleet.simulation.run(for: .seconds(30))
        let changes = log.withLock { $0 }
        #expect(changes == [.suspect, .dead, .alive].map { Change(peer: peer, state: $0) })

        let late = try fleet.simulation.complete(on: fleet.hosts[0]) {
            await liveness.change(after: first.seen)
        }
        #expect(late?.member.peer == peer && late?.member.state == .alive, "and not all that it was")
        #expect(!isOver.withLock { $0 })
        reader.cancel()
        try fleet.simulation.run(for: .seconds(1))
        #expect(isOver.withLock { $0 })
        try fleet.stop(0)
        #expect(try fleet.simulation.complete(on: fleet.hosts[0]) { await liveness.change(after: 0) } == nil)
    }
}
