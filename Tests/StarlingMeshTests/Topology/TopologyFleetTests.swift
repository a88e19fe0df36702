import StarlingCore
import StarlingMesh
import Testing

/// Fleets of machines, each with its own view: what they come to look like.
@Suite struct TopologyFleetTests {
    private static func checkTables(_ fleet: TopologyFleet) {
        for node in fleet.running {
            let overfull = fleet.nodes[node].machine.tableFills.filter(\.isOverfull)
            #expect(overfull.isEmpty, "node \(node): \(overfull)")
        }
    }

    @Test(arguments: UInt64(1)...2) func twoHundredThatJoinThroughOneBecomeAMesh(seed: UInt64) {
        var fleet = TopologyFleet(200, .mesh, seed: seed)
        fleet.startAll()
        fleet.run(for: .seconds(120))
        #expect(fleet.isWithinDegrees, "seed \(seed): \(fleet.degrees)")
        #expect(fleet.degrees.reduce(0, +) >= 7 * 200, "seed \(seed): \(fleet.degrees)")
        #expect(fleet.isConnected)
        // log2(200) is 7.6; seven random neighbours give four or five.
        #expect(fleet.diameter <= 7, "seed \(seed): \(fleet.diameter)")
        Self.checkTables(fleet)
    }

    @Test func aMeshThatIsThereStaysAsItIs() {
        var fleet = TopologyFleet(100, .mesh, seed: 3)
        fleet.startAll()
        fleet.run(for: .seconds(600))
        // Looking for nearer neighbours is what is left: at most one in five minutes and node, and less and less.
        var counts: [(dials: Int, letGo: Int)] = []
        for _ in 0..<3 {
            let (dials, letGo) = (fleet.dialCount, fleet.letGoCount)
            fleet.run(for: .seconds(1200))
            counts.append((fleet.dialCount - dials, fleet.letGoCount - letGo))
        }
        #expect(counts.allSatisfy { $0.dials <= 100 * 4 && $0.letGo <= 50 }, "\(counts)")
        #expect(counts[2].letGo <= 20, "\(counts)")
        #expect(fleet.isWithinDegrees)
    }

    @Test func aThirdThatDiesIsHealedInSeconds() {
        let seed: UInt64 = 4
        var fleet = TopologyFleet(200, .mesh, seed: seed)
        fleet.startAll()
        fleet.run(for: .seconds(120))
        var draws = SplitMix64(seed: seed)
        let victims = Array(1..<200).shuffled(using: &draws).prefix(60)
        for victim in victims { fleet.kill(victim) }
        fleet.run(for: .seconds(15))
        #expect(fleet.isConnected, "seed \(seed)")
        #expect(fleet.degrees.allSatisfy { $0 >= 3 }, "seed \(seed): \(fleet.degrees)")
        fleet.run(for: .seconds(60))
        #expect(fleet.isWithinDegrees, "seed \(seed): \(fleet.degrees)")
        #expect(fleet.diameter <= 7)
        Self.checkTables(fleet)
    }

    @Test func theHalvesOfAPartitionMeetAgainWithinSeconds() {
        var fleet = TopologyFleet(60, .mesh, seed: 6)
        fleet.startAll()
        fleet.run(for: .seconds(120))
        fleet.part(Set(0..<30), Set(30..<60))
        fleet.run(for: .seconds(300))
        #expect(!fleet.isConnected)
        fleet.heal()
        fleet.run(for: .seconds(15))
        #expect(fleet.isConnected)
    }

    /// Where a node stands on the ring.
    private static func position(_ fleet: TopologyFleet, _ node: Int) -> UInt64 {
        let name = fleet.nodes[node].peer.multihash
        return XXH64.hash(name.span)
    }

    @Test func aRingHasItsNeighboursAndItsChords() {
        var fleet = TopologyFleet(100, .ring, seed: 7)
        fleet.startAll()
        fleet.run(for: .seconds(180))
        let order = fleet.running.sorted { Self.position(fleet, $0) < Self.position(fleet, $1) }
        for place in order.indices {
            let (node, next) = (order[place], order[(place + 1) % order.count])
            #expect(fleet.nodes[node].links.contains(next), "\(node) and \(next) are next to one another")
        }
        // Two neighbours, four chords of its own and as many of others, on average.
        let mean = Double(fleet.degrees.reduce(0, +)) / 100
        #expect((6...11).contains(mean), "\(fleet.degrees)")
        #expect(fleet.isConnected && fleet.diameter <= 9, "\(fleet.diameter)")
        // It closes again around those who are gone.
        for victim in order.prefix(10) { fleet.kill(victim) }
        fleet.run(for: .seconds(60))
        #expect(fleet.nodes[order[10]].links.contains(order[99]))
        #expect(fleet.isConnected)
        let letGo = fleet.letGoCount
        fleet.run(for: .seconds(120))
        #expect(fleet.letGoCount - letGo <= 10, "\(fleet.letGoCount - letGo)")
    }

    @Test func aHierarchyHasItsTenthOfSuperPeers() {
        var fleet = TopologyFleet(100, .hierarchical, seed: 8)
        fleet.startAll()
        fleet.run(for: .seconds(240))
        let superPeers = fleet.running.filter { fleet.nodes[$0].machine.isSuperPeer }
        #expect(superPeers.count == 10, "\(superPeers)")
        let others = fleet.running.filter { !superPeers.contains($0) }
        let odd = others.filter {
            fleet.nodes[$0].links.count != 3 || !fleet.nodes[$0].links.isSubset(of: superPeers)
        }
        #expect(odd == [])
        #expect(fleet.isConnected && fleet.diameter <= 5, "\(fleet.diameter)")
        // Another takes the place of one that is gone.
        let victim = superPeers[3]
        fleet.kill(victim)
        fleet.run(for: .seconds(90))
        #expect(fleet.running.count { fleet.nodes[$0].machine.isSuperPeer } == 9)
        #expect(fleet.isConnected)
    }

    @Test func addressesThatDoNotTravelAreLookedFor() {
        var fleet = TopologyFleet(40, .mesh, seed: 9, addressesTravel: false)
        fleet.startAll()
        fleet.run(for: .seconds(180))
        #expect(fleet.isWithinDegrees, "\(fleet.degrees)")
        #expect(fleet.isConnected)
    }

    @Test func aSeedGivesOneTrace() {
        let traces = (0..<2).map { _ in
            var fleet = TopologyFleet(50, .mesh, seed: 10)
            fleet.startAll()
            fleet.run(for: .seconds(60))
            for victim in [3, 9, 30] { fleet.kill(victim) }
            fleet.run(for: .seconds(60))
            return fleet.trace
        }
        #expect(traces[0] == traces[1])
    }
}
