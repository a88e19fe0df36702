import StarlingSimulator
import Testing

@Suite struct FleetMemoryTests {
    private static func memory(hours: Int, nodes: [Int], disks: [Int]) -> FleetMemory {
        var memory = FleetMemory(duration: .seconds(3600 * hours), sampleCount: nodes.count)
        for (node, disk) in zip(nodes, disks) {
            memory.append(FleetMemory.Sample(allocatedByteCount: node + disk, diskByteCount: disk))
        }
        return memory
    }

    @Test func whatStraysInTheSecondHalfIsAViolation() {
        let flat = [Int](repeating: 500, count: 8)
        let growing = Self.memory(hours: 24, nodes: [1, 10, 50, 90, 100, 100, 100, 112], disks: flat)
        #expect(growing.nodes?.least == 100 && growing.nodes?.mean == 103 && growing.nodes?.most == 112)
        #expect(growing.violations.count == 1)
        #expect(growing.violations.first?.contains("100 to 112 bytes") == true)
        let shrinking = Self.memory(hours: 24, nodes: [1, 10, 50, 90, 100, 100, 100, 88], disks: flat)
        #expect(shrinking.violations.count == 1)
    }

    /// The first half may fill the tables, and the disks may grow.
    @Test func onlyTheNodesInTheSecondHalfAreJudged() {
        let memory = Self.memory(
            hours: 12,
            nodes: [1, 10, 50, 90, 100, 104, 96, 100],
            disks: [10, 20, 30, 40, 50, 60, 70, 80]
        )
        #expect(memory.violations == [])
        #expect(memory.nodes?.ratio == 0.04)
        #expect(memory.disks?.least == 50 && memory.disks?.most == 80)
    }

    @Test func aShortRunIsNotJudged() {
        let memory = Self.memory(hours: 11, nodes: [1, 2, 3, 4], disks: [1, 1, 1, 1])
        #expect(memory.violations == [])
        #expect(memory.nodes?.ratio ?? 0 > 0.05)
        #expect(Self.memory(hours: 24, nodes: [], disks: []).nodes == nil)
    }
}
