import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

/// Many nodes at once: what becomes known, how soon, and what is never said.
@Suite struct LivenessMeshTests {
    /// A mesh in which all know all.
    private static func mesh(
        _ nodeCount: Int,
        seed: UInt64,
        _ conditions: LivenessFabric.Conditions = .init()
    ) -> LivenessFabric {
        var fabric = LivenessFabric(nodeCount: nodeCount, seed: seed, conditions)
        fabric.connectAtRandom(degree: 7)
        let joined = fabric.run(atMost: .seconds(60)) { $0.allKnowAll }
        #expect(joined != nil, "seed \(seed): not all know all after a minute")
        return fabric
    }

    private static func check(_ fabric: LivenessFabric, seed: UInt64) {
        #expect(fabric.malformed == [], "seed \(seed)")
        for node in fabric.running {
            let overfull = fabric.nodes[node].machine.tableFills.filter(\.isOverfull)
            #expect(overfull.isEmpty, "seed \(seed), node \(node): \(overfull)")
        }
    }

    @Test func amongFiveHundredADeathIsKnownToAllWithinTenSeconds() throws {
        var fabric = Self.mesh(500, seed: 1)
        var durations: [Duration] = []
        for victim in [7, 108, 209, 310, 411] {
            fabric.kill(victim)
            let duration = fabric.run(atMost: .seconds(30)) { $0.allTake(victim, for: .dead) }
            durations.append(try #require(duration, "the death of \(victim) is not known to all"))
        }
        #expect(durations.sorted()[2] <= .seconds(10), "\(durations)")
        #expect(fabric.falseDeaths == [])
        Self.check(fabric, seed: 1)
    }

    /// A tenth of the nodes have a tenth of their processor, in one piece out of three seconds.
    @Test(arguments: UInt64(1)...2) func starvedNodesAreNotTakenForDead(seed: UInt64) {
        var conditions = LivenessFabric.Conditions()
        conditions.lossRatio = 0.01
        var fabric = Self.mesh(60, seed: seed, conditions)
        for node in stride(from: 0, to: 60, by: 10) {
            fabric.starve(node, .init(periodMilliseconds: 3000, blockedMilliseconds: 2700))
        }
        fabric.run(for: .seconds(120))
        #expect(fabric.falseDeaths == [], "seed \(seed)")
        // A death is found all the same.
        fabric.kill(5)
        let duration = fabric.run(atMost: .seconds(30)) { $0.allTake(5, for: .dead) }
        #expect(duration != nil, "seed \(seed)")
        Self.check(fabric, seed: seed)
    }

    @Test(arguments: UInt64(11)...13) func deathsAreKnownThoughFramesAreLost(seed: UInt64) throws {
        var conditions = LivenessFabric.Conditions()
        conditions.lossRatio = 0.1
        conditions.isEncoded = true
        var fabric = Self.mesh(60, seed: seed, conditions)
        for victim in [3, 33] {
            fabric.kill(victim)
            let duration = fabric.run(atMost: .seconds(60)) { $0.allTake(victim, for: .dead) }
            #expect(duration != nil, "seed \(seed): the death of \(victim)")
        }
        #expect(fabric.falseDeaths == [], "seed \(seed)")
        Self.check(fabric, seed: seed)
    }

    @Test func aDeadNodeThatComesBackIsAliveForAll() {
        var fabric = Self.mesh(60, seed: 21)
        fabric.kill(9)
        #expect(fabric.run(atMost: .seconds(30)) { $0.allTake(9, for: .dead) } != nil)
        fabric.restart(9)
        #expect(fabric.run(atMost: .seconds(5)) { $0.allTake(9, for: .alive) } != nil)
        #expect(fabric.run(atMost: .seconds(5)) { $0.allKnowAll } != nil)
        fabric.run(for: .seconds(60))
        #expect(fabric.allTake(9, for: .alive))
    }

    @Test func aNodeThatLeavesHasLeftForAllAndIsNotMissed() {
        var fabric = Self.mesh(60, seed: 22)
        fabric.act(4) { $0.leave(now: $1) }
        fabric.run(for: .milliseconds(100))
        for peer in fabric.nodes[4].links.keys.sorted() { fabric.cut(4, peer, .closed) }
        fabric.kill(4)
        #expect(fabric.run(atMost: .seconds(2)) { $0.allTake(4, for: .left) } != nil)
        fabric.run(for: .seconds(30))
        #expect(fabric.allTake(4, for: .left))
    }

    @Test func whoLeavesAndComesBackIsAliveForAll() {
        var fabric = Self.mesh(60, seed: 26)
        let peers = fabric.nodes[4].links.keys.sorted()
        fabric.act(4) { $0.leave(now: $1) }
        fabric.run(for: .milliseconds(100))
        for peer in peers { fabric.cut(4, peer, .closed) }
        fabric.kill(4)
        #expect(fabric.run(atMost: .seconds(2)) { $0.allTake(4, for: .left) } != nil)
        fabric.restart(4)
        for peer in peers { fabric.connect(4, peer) }
        #expect(fabric.run(atMost: .seconds(5)) { $0.allTake(4, for: .alive) } != nil)
        fabric.run(for: .seconds(60))
        #expect(fabric.allTake(4, for: .alive) && fabric.allKnowAll)
    }

    /// Those who were told by it that it is there have heard of it before, at a higher incarnation.
    @Test func whoStartsAgainBeforeAnybodyMissesItIsNotForgottenLater() {
        var conditions = LivenessFabric.Conditions()
        conditions.limits.renewInterval = .seconds(60)
        conditions.limits.silenceMax = .seconds(180)
        var fabric = Self.mesh(20, seed: 27, conditions)
        fabric.run(for: .seconds(1200))
        fabric.restart(4)
        fabric.run(for: .seconds(5))
        let incarnation = fabric.nodes[4].machine.member(fabric.nodes[4].key.peerID)?.incarnation ?? 0
        #expect(incarnation > 15)
        fabric.run(for: .seconds(600))
        #expect(fabric.allTake(4, for: .alive) && fabric.falseDeaths == [])
    }

    @Test func brokenLinksBetweenTheLivingKillNobody() {
        var fabric = Self.mesh(60, seed: 23)
        for round in 0..<100 {
            let node = fabric.draws.number(below: 60)
            let peers = fabric.nodes[node].links.keys.sorted()
            if peers.count > 2 { fabric.cut(node, peers[round % peers.count]) }
            fabric.run(for: .seconds(1))
            fabric.connect(node, fabric.draws.number(below: 60))
        }
        fabric.run(for: .seconds(20))
        #expect(fabric.falseDeaths == [])
        #expect((0..<60).allSatisfy { fabric.allTake($0, for: .alive) })
    }

    @Test func theHalvesOfAPartitionFindTheirNeighboursDeadAndOneAnotherAgain() {
        var fabric = Self.mesh(40, seed: 24)
        var crossing: [(Int, Int)] = []
        for node in 0..<20 {
            for peer in fabric.nodes[node].links.keys.sorted() where peer >= 20 {
                crossing.append((node, peer))
            }
        }
        for (node, peer) in crossing { fabric.cut(node, peer) }
        fabric.run(for: .seconds(60))
        for (node, peer) in crossing { #expect(fabric.nodes[node].states[peer] == .dead) }
        for (node, peer) in crossing { fabric.connect(node, peer) }
        let healed = fabric.run(atMost: .seconds(10)) { fabric in
            (0..<40).allSatisfy { fabric.allTake($0, for: .alive) }
        }
        #expect(healed != nil)
    }

    /// A neighbour that buries members, brings others back and invents more, as fast as it can.
    @Test func aForgerKillsNobodyForLongAndFillsNoTable() {
        var conditions = LivenessFabric.Conditions()
        conditions.limits.memberCountMax = 100
        conditions.limits.newsBurst = 200
        var fabric = Self.mesh(60, seed: 25, conditions)
        fabric.run(for: .seconds(60))
        let peers = fabric.nodes[0].links.keys.sorted()
        var made = 1000
        for _ in 0..<40 {
            for peer in peers {
                var frame = LivenessFrame()
                for _ in 0..<8 {
                    let victim = 1 + fabric.draws.number(below: 59)
                    let key = fabric.nodes[victim].key.peerID
                    let known = fabric.nodes[peer].machine.member(key)?.incarnation ?? 1
                    frame.claims.append(
                        LivenessClaim(key, .dead, incarnation: known + UInt64(fabric.draws.number(below: 3)))
                    )
                    made += 1
                    frame.claims.append(LivenessClaim(LivenessFabric.key(made).peerID, incarnation: 1))
                }
                fabric.forge(frame, from: 0, to: peer)
            }
            fabric.run(for: .milliseconds(100))
            Self.check(fabric, seed: 25)
        }
        // What it said is forgotten soon after its last lie.
        let recovered = fabric.run(atMost: .seconds(90)) { fabric in
            (1..<60).allSatisfy { fabric.allTake($0, for: .alive) }
        }
        #expect(recovered != nil)
    }

    @Test func aSeedGivesOneTrace() {
        let traces = (0..<2).map { _ in
            var conditions = LivenessFabric.Conditions()
            conditions.lossRatio = 0.05
            var fabric = Self.mesh(40, seed: 31, conditions)
            fabric.starve(3, .init(periodMilliseconds: 3000, blockedMilliseconds: 2700))
            fabric.kill(5)
            fabric.run(for: .seconds(60))
            fabric.restart(5)
            fabric.run(for: .seconds(60))
            return fabric.trace
        }
        #expect(traces[0] == traces[1])
    }
}
