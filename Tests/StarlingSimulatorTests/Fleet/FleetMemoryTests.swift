import StarlingSimulator
import Testing

@Suite struct FleetMemoryTests {
    private static func memory(hours: Int, nodes: [Int], disks: [Int]) -> FleetMemory {
        var memory = FleetMemory(
            duration: .seconds(3600 * hours),
            quietTime: .seconds(1800),
            sampleCount: nodes.count
        )
        for (node, disk) in zip(nodes, disks) {
            memory.append(FleetMemory.Sample(allocatedByteCount: node + disk, diskByteCount: disk))
        }
        return memory
    }

    @Test func whatDriftsInTheSecondHalfIsAViolation() {
        let flat = [Int](repeating: 500, count: 9)
        let growing = Self.memory(hours: 24, nodes: [1, 10, 50, 90, 100, 102, 104, 106, 500], disks: flat)
        #expect(growing.nodes?.least == 102 && growing.nodes?.mean == 104 && growing.nodes?.most == 106)
        #expect(growing.violations == [])
        let fast = Self.memory(hours: 24, nodes: [1, 10, 50, 90, 100, 102, 105, 108, 500], disks: flat)
        #expect(fast.violations.count == 1)
        #expect(
            fast.violations.first?.contains("102 to 108 bytes, 105 on average, with a drift of 6 %") == true
        )
        let shrinking = Self.memory(hours: 24, nodes: [1, 10, 50, 90, 100, 108, 105, 102, 500], disks: flat)
        #expect(shrinking.violations == [])
    }

    /// The first half may fill the tables, the disks may grow, all nodes are up at the end, and before they come and go.
    @Test func onlyTheNodesInTheSecondHalfAreJudgedWhileThereAreFaults() {
        let memory = Self.memory(
            hours: 12,
            nodes: [1, 10, 50, 90, 99, 90, 110, 90, 110, 500],
            disks: [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
        )
        #expect(memory.nodes?.ratio == 0.1)
        #expect(memory.disks?.least == 60 && memory.disks?.most == 90)
        let flat = [Int](repeating: 1, count: 10)
        #expect(
            Self.memory(hours: 12, nodes: [1, 1, 1, 1, 1, 90, 110, 110, 90, 500], disks: flat).violations
                == []
        )
    }

    @Test func aShortRunIsNotJudged() {
        let memory = Self.memory(hours: 11, nodes: Array(1...8), disks: [Int](repeating: 1, count: 8))
        #expect(memory.violations == [])
        #expect(memory.nodes?.ratio ?? 0 > 0.05)
        #expect(Self.memory(hours: 24, nodes: [], disks: []).nodes == nil)
    }
}
