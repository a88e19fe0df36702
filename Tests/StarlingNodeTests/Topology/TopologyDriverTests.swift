import StarlingCore
import StarlingMesh
import StarlingNode
import StarlingSimulator
import Testing

/// Whole nodes that see to their connections themselves.
@Suite struct TopologyDriverTests {
    @Test func twentyNodesThatKnowOneBecomeAMesh() throws {
        let fleet = try MeshFleet(count: 20)
        try fleet.simulation.run(for: .seconds(90))
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
        try fleet.simulation.run(for: .seconds(10))
        #expect(try fleet.opinions(of: 5).allSatisfy { $0 == .dead })
        #expect(try fleet.opinions(of: 6).allSatisfy { $0 == .dead })
        #expect(try fleet.opinions(of: 7).allSatisfy { $0 == .alive })
        #expect(try fleet.links().values.allSatisfy { $0.count >= 3 })
        #expect(try fleet.isConnected())
    }

    @Test func whoIsStoppedAndStartedAgainIsAliveForAllAndKeepsItsLinks() throws {
        let fleet = try MeshFleet(count: 12, seed: 9)
        try fleet.simulation.run(for: .seconds(40))
        try fleet.stop(3)
        try fleet.simulation.run(for: .seconds(5))
        #expect(try fleet.opinions(of: 3).allSatisfy { $0 == .left })
        try fleet.restart(3)
        try fleet.simulation.run(for: .seconds(10))
        #expect(try fleet.opinions(of: 3).allSatisfy { $0 == .alive })
        // The one that all know from the start may have too many.
        let links = Set(try fleet.links()[3] ?? []).subtracting([0])
        #expect(links.count >= 2)
        // Longer than a link is young.
        for _ in 0..<12 {
            try fleet.simulation.run(for: .seconds(5))
            #expect(try fleet.opinions(of: 3).allSatisfy { $0 == .alive })
            #expect(Set(try fleet.links()[3] ?? []).isSuperset(of: links))
        }
    }

    /// Whoever was taken for dead is marked by its neighbours as soon as it is back, and has contradicted before they act.
    @Test func whoCrashesAndComesBackKeepsItsLinks() throws {
        let fleet = try MeshFleet(count: 12, seed: 10)
        try fleet.simulation.run(for: .seconds(40))
        fleet.kill(3)
        try fleet.simulation.run(for: .seconds(20))
        #expect(try fleet.opinions(of: 3).allSatisfy { $0 == .dead })
        try fleet.restart(3)
        try fleet.simulation.run(for: .seconds(10))
        #expect(try fleet.opinions(of: 3).allSatisfy { $0 == .alive })
        // The one that all know from the start may have too many.
        let links = Set(try fleet.links()[3] ?? []).subtracting([0])
        #expect(links.count >= 2)
        for _ in 0..<6 {
            try fleet.simulation.run(for: .seconds(5))
            #expect(Set(try fleet.links()[3] ?? []).isSuperset(of: links))
        }
    }

    @Test func afterChurnEveryNodeHasItsLinksWithinAMinute() throws {
        let fleet = try MeshFleet(count: 12, seed: 12)
        try fleet.simulation.run(for: .seconds(40))
        for round in 0..<12 {
            // The one that all know from the start stays.
            let victim = 1 + round * 5 % 11
            if round % 2 == 0 {
                try fleet.stop(victim)
            } else {
                fleet.kill(victim, round % 4 == 1 ? .process : .power)
            }
            // Some are back before anybody misses them.
            try fleet.simulation.run(for: .seconds(round % 3 == 0 ? 2 : 15))
            try fleet.restart(victim)
            try fleet.simulation.run(for: .seconds(5))
        }
        try fleet.simulation.run(for: .seconds(60))
        let degrees = try fleet.links().sorted { $0.key < $1.key }.map(\.value.count)
        #expect(degrees.allSatisfy { $0 >= 3 }, "\(degrees)")
        #expect(try fleet.isConnected())
        for index in fleet.nodes.indices {
            #expect(try fleet.opinions(of: index).allSatisfy { $0 == .alive }, "node \(index)")
        }
    }

    /// Whoever had it for a neighbour is not to dial it.
    @Test func whoLeavesIsNotDialled() throws {
        let fleet = try MeshFleet(count: 8, seed: 11)
        try fleet.simulation.run(for: .seconds(40))
        try fleet.stop(3)
        try fleet.simulation.run(for: .seconds(60))
        for index in fleet.running {
            let node = fleet.nodes[index]
            let fills = try fleet.simulation.complete(on: fleet.hosts[index]) {
                await node.topology?.tableFills ?? []
            }
            let formers = try #require(fills.first { $0.name == "topology former neighbours" })
            #expect(formers.count == 0, "node \(index)")
        }
    }

    @Test func whoLosesAllNeighboursIsConnectedAgainWithinSeconds() throws {
        let fleet = try MeshFleet(count: 30, seed: 5)
        try fleet.simulation.run(for: .seconds(60))
        for victim in try fleet.links()[9] ?? [] { fleet.kill(victim) }
        try fleet.simulation.run(for: .seconds(20))
        #expect(try fleet.isConnected())
        #expect(try fleet.links().values.allSatisfy { $0.filter { fleet.isRunning[$0] }.count >= 3 })
    }

    /// A site has lost its power: nobody answers anything, and each dial takes as long as it may.
    @Test func oneOfSevenSilentNeighboursThatComesBackIsConnectedWithinTenSeconds() throws {
        // The others dial nobody: it is the first one's to find them.
        let fleet = try MeshFleet(count: 8, seed: 13) {
            guard !$0.bootstrapAddresses.isEmpty else { return }
            ($0.bootstrapAddresses, $0.topology) = ([], nil)
        }
        let (node, victims) = (fleet.nodes[0], Array(1...7))
        let addresses = try victims.map { try fleet.address($0) }
        try fleet.simulation.complete(on: fleet.hosts[0]) {
            for address in addresses { _ = try await node.swarm.connect(to: address) }
        }
        try fleet.simulation.run(for: .seconds(40))
        #expect(try fleet.links()[0]?.sorted() == victims)
        for victim in victims { fleet.kill(victim, .power) }
        try fleet.simulation.run(for: .seconds(120))
        #expect(try fleet.links()[0] == [])
        for victim in victims {
            try fleet.restart(victim)
            try fleet.simulation.run(for: .seconds(11))
            #expect(try fleet.links()[0]?.contains(victim) == true, "\(victim)")
        }
    }

    @Test func whoCanCarryMoreIsTheSuperPeer() throws {
        var count = 0
        let fleet = try MeshFleet(count: 12, seed: 14) {
            $0.topology = .hierarchical
            $0.capacity = count == 7 ? 9 : 1
            count += 1
        }
        try fleet.simulation.run(for: .seconds(150))
        var superPeers: [Int] = []
        for index in fleet.nodes.indices {
            let (node, strong) = (fleet.nodes[index], fleet.nodes[7].peerID)
            let (isSuperPeer, capacity) = try fleet.simulation.complete(on: fleet.hosts[index]) {
                (await node.topology?.isSuperPeer, await node.liveness.member(strong)?.capacity)
            }
            if isSuperPeer == true { superPeers.append(index) }
            #expect(index == 7 || capacity == 9, "node \(index)")
        }
        // The first to start has been up for longest.
        #expect(superPeers == [7])
    }

    @Test func aNodeThatGetsATenthOfItsProcessorIsNotTakenForDead() throws {
        let fleet = try MeshFleet(count: 12, seed: 6)
        try fleet.simulation.run(for: .seconds(40))
        for _ in 0..<20 {
            fleet.hosts[4].stall(for: .milliseconds(2700))
            try fleet.simulation.run(for: .seconds(3))
            #expect(try fleet.opinions(of: 4).allSatisfy { $0 == .alive || $0 == .suspect })
        }
        #expect(try fleet.links()[4]?.isEmpty == false)
    }

    @Test func aLinkInUseIsNotLetGo() throws {
        let fleet = try MeshFleet(count: 16, seed: 7) { $0.topologyLimits.machine.degreeMax = 4 }
        // The first one, whom all know, has far too many; a stream of an application keeps one.
        let (node, peer) = (fleet.nodes[0], fleet.nodes[15].peerID)
        let stream = try fleet.simulation.complete(on: fleet.hosts[0]) {
            try await node.swarm.openStream(to: peer, ["/ipfs/ping/1.0.0"])
        }
        try fleet.simulation.run(for: .seconds(120))
        let links = try #require(try fleet.links()[0])
        #expect(links.contains(15) && links.count <= 5, "\(links)")
        withExtendedLifetime(stream) {}
    }

    @Test func whereTheTopologyIsOffNobodyIsDialledAndNobodyLetGo() throws {
        let fleet = try MeshFleet(count: 14) { $0.topology = nil }
        try fleet.simulation.run(for: .seconds(60))
        for index in fleet.nodes.indices {
            let node = fleet.nodes[index]
            let count = try fleet.simulation.complete(on: fleet.hosts[index]) {
                await node.routes.neighbours.count
            }
            #expect(count == (index == 0 ? 13 : 1))
        }
    }

    @Test(arguments: [Topology.Policy.ring, .hierarchical])
    func otherPoliciesConnectAllAsWell(policy: Topology.Policy) throws {
        let fleet = try MeshFleet(count: 24, seed: 8) { $0.topology = policy }
        try fleet.simulation.run(for: .seconds(120))
        #expect(try fleet.isConnected())
    }
}
