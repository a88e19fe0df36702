import StarlingCore
import StarlingNode
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Testing

@Suite struct TraceDriverTests {
    private func trace(_ chain: NodeChain, from one: Int, to other: Int, hopLimit: Int = 10) throws
        -> TraceReport?
    {
        let (node, to) = (chain.nodes[one], chain.nodes[other].peerID)
        return try chain.simulation.complete(on: chain.hosts[one]) {
            await node.traces.trace(to: to, hopLimit: hopLimit)
        }
    }

    @Test func eachHopAnswersForItselfInTheOrderOfTheWay() throws {
        let chain = try NodeChain(count: 4)
        let report = try #require(try trace(chain, from: 0, to: 3))
        #expect(report.hops.map(\.peerID) == chain.nodes[1...].map(\.peerID))
        #expect(report.hops.map(\.standing) == [.passedOn, .passedOn, .arrived])
        #expect(report.hops.map(\.next) == [chain.nodes[2].peerID, chain.nodes[3].peerID, nil])
        #expect(report.hasArrived)
        let times = report.hops.map(\.roundTrip)
        #expect(times == times.sorted(), "who is further away answers later")
        #expect(times[0] > .zero)
    }

    @Test func aPeerWithoutAWayIsNotAsked() throws {
        let chain = try NodeChain(count: 3, hasRoutes: false)
        #expect(try trace(chain, from: 2, to: 0) == nil)
        let stranger = try NodeChain(count: 2, seed: 9).nodes[0].peerID
        let node = chain.nodes[0]
        let report = try chain.simulation.complete(on: chain.hosts[0]) {
            await node.traces.trace(to: stranger)
        }
        #expect(report == nil)
    }

    @Test func theQuestionGoesNoFurtherThanItMay() throws {
        let chain = try NodeChain(count: 4)
        let report = try #require(try trace(chain, from: 0, to: 3, hopLimit: 2))
        #expect(report.hops.map(\.standing) == [.passedOn, .hopLimit])
        #expect(!report.hasArrived)
    }

    @Test func aWayThatLeadsInACircleIsToldAsOne() throws {
        let (chain, away) = try NodeChain.circle(0...2)
        let node = chain.nodes[0]
        let report = try #require(
            try chain.simulation.complete(on: chain.hosts[0]) { await node.traces.trace(to: away) }
        )
        #expect(report.hops.map(\.standing) == [.passedOn, .passedOn, .looped])
        #expect(report.hops.last?.peerID == chain.nodes[0].peerID)
    }

    @Test func aSilentNeighbourIsNamedByTheOneBeforeIt() throws {
        let chain = try NodeChain(count: 4)
        // It stays connected, and hears no question any more.
        let silent = chain.nodes[2]
        try chain.simulation.complete(on: chain.hosts[2]) {
            silent.swarm.protocols.set("/starling/trace/1") { stream in
                _ = try? await stream.read()
                try? await silent.world.loops[0].sleep(for: .seconds(60))
            }
        }
        let report = try #require(try trace(chain, from: 0, to: 3))
        #expect(report.hops.map(\.standing) == [.passedOn, .unanswered])
        #expect(report.hops.last?.peerID == chain.nodes[1].peerID)
        #expect(report.hops.last?.next == silent.peerID)
    }
}
