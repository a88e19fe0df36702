import StarlingCore
import StarlingMesh
import StarlingNode
import StarlingSimulator
import Testing

/// Whole nodes that see to their connections themselves.
@Suite struct TopologyDriverTests {
    @Test func twentyNodesThatKnowOneBecomeAMesh() throws {
        let fleet = try MeshFleet(count: 20)
        try fleet.simulation.run(for: .seconds(60))
        let degrees = try fleet.links().sorted { $0.key < $1.key }.map(\.value.count)
        #expect(degrees.allSatisfy { (3...10).contains($0) }, "\(degrees)")
        #expect(try fleet.isConnected())
        let states = try fleet.states(at: 7).sorted { $0.key < $1.key }.map(\.value)
        #expect(states == .init(repeating: .alive, count: 19))
    }

    @Test func whoLeavesHasLeftAndWhoDiesIsDead() throws {
        let fleet = try MeshFleet(count: 12)
        try fleet.simulation.run(for: .seconds(40))
        try fleet.stop(3)
        try fleet.simulation.run(for: .seconds(2))
        #expect(try fleet.opinions(of: 3).allSatisfy { $0 == .left })
        fleet.kill(5)
        fleet.kill(6, .power)
        try fleet.simulation.run(for: .seconds(20))
        #expect(try fleet.opinions(of: 5).allSatisfy { $0 == .dead })
        #expect(try fleet.opinions(of: 6).allSatisfy { $0 == .dead })
        #expect(try fleet.opinions(of: 7).allSatisfy { $0 == .alive })
        #expect(try fleet.links().values.allSatisfy { $0.count >= 3 })
        #expect(try fleet.isConnected())
    }
}
