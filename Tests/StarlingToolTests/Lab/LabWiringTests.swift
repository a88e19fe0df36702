import StarlingTool
import Testing

@Suite struct LabWiringTests {
    @Test func aLineHasTheNextOnesLinked() {
        let wiring = LabWiring.line(4)
        #expect((0..<4).map { wiring[$0] } == [[1], [0, 2], [1, 3], [2]])
        #expect(wiring.distance(0, 3) == 3 && wiring.distance(3, 3) == 0)
    }

    @Test func aGridHasRowsAndColumns() {
        let wiring = LabWiring.grid(10)
        #expect(wiring[0] == [1, 4] && wiring[5] == [1, 4, 6, 9] && wiring[9] == [5, 8])
        #expect(wiring.distance(0, 7) == 4)
        #expect(LabWiring.grid(1).nodeCount == 1)
    }

    @Test func twoWaysShareNoRelay() {
        let wiring = LabWiring.twoWays(relayCount: 2)
        #expect(wiring.nodeCount == 6)
        #expect(wiring[0] == [1, 3] && wiring[5] == [2, 4] && wiring[2] == [1, 5])
        #expect(wiring.distance(0, 5) == 3)
    }

    @Test func twoSidesAreLinkedHereAndThere() {
        let wiring = LabWiring.twoSides(nodeCount: 3, linkCount: 2)
        #expect(wiring[0] == [1, 2, 3] && wiring[2] == [0, 1] && wiring[4] == [1, 3, 5])
        #expect(wiring.distance(2, 5) == 3)
    }

    @Test func whatIsNotLinkedHasNoDistance() {
        let wiring = LabWiring(nodeCount: 3, links: [(0, 1)])
        #expect(wiring.distance(0, 2) == nil && wiring.distance(2, 2) == 0)
    }
}
