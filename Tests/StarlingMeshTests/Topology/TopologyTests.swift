import StarlingCore
import StarlingMesh
import Testing

/// One machine, told what there is.
@Suite struct TopologyTests {
    private typealias Rig = TopologyRig

    private static func peers(_ numbers: some Sequence<Int>) -> Set<PeerID> {
        Set(numbers.map(TopologyFleet.peer))
    }

    @Test func withoutNeighboursThreeAreDialledAtOnce() {
        let rig = Rig()
        rig.learn(1...20)
        rig.pass(.milliseconds(1))
        #expect(rig.takeDials().count == 3)
        rig.pass(.seconds(20))
        #expect(rig.takeDials().isEmpty, "no more than three dials are under way")
    }

    @Test func aNodeGrowsTowardsSevenAndNoFurther() {
        let rig = Rig()
        rig.learn(1...30)
        for _ in 0..<100 {
            rig.pass(.seconds(1))
            for peer in rig.takeDials() {
                rig.machine.linkUp(peer, now: rig.now)
                rig.pull()
            }
        }
        #expect(rig.machine.degree == 7)
    }

    @Test func moreThanTenAreLetGoOnceTheyAreNotYoung() {
        let rig = Rig()
        rig.learn(1...20)
        rig.link(1...10)
        rig.pass(.seconds(30))
        rig.link(11...12)
        rig.pass(.seconds(19))
        #expect(rig.takeLetGo().isEmpty)
        rig.pass(.seconds(2))
        #expect(Set(rig.takeLetGo()) == Self.peers(11...12), "the last to come")
        #expect(rig.machine.degree == 10)
    }

    @Test func linksInUseNearOrAskedForAreNotLetGo() {
        let rig = Rig()
        rig.learn(1...20)
        rig.link(1...10)
        rig.pass(.seconds(30))
        rig.link(11...14)
        rig.machine.protect(Rig.peer(14), true, now: rig.now)
        rig.machine.demand(Rig.peer(13), true, now: rig.now)
        rig.machine.measured(Rig.peer(12), .init(roundTrip: .milliseconds(1)), now: rig.now)
        rig.pass(.seconds(60))
        let letGo = rig.takeLetGo()
        #expect(letGo.count == 4 && Set(letGo).isDisjoint(with: Self.peers(12...14)))
        rig.machine.protect(Rig.peer(14), false, now: rig.now)
        rig.link([15])
        rig.pass(.seconds(60))
        #expect(Set(rig.takeLetGo()) == Self.peers([15]))
    }

    /// Whoever has many names dials in with all of them, and keeps every link in use.
    @Test func whoDialsInDoesNotTakeThePlacesOfAll() {
        let limits = Topology.Limits()
        let rig = Rig()
        rig.learn(1...30)
        for number in 1...7 { rig.machine.linkUp(Rig.peer(number), isOwn: number <= 6, now: rig.now) }
        rig.pass(.seconds(30))
        rig.link(11...20)
        for number in 11...20 {
            rig.machine.measured(Rig.peer(number), .init(roundTrip: .milliseconds(1)), now: rig.now)
            rig.machine.protect(Rig.peer(number), true, now: rig.now)
        }
        rig.done = []
        rig.pass(.seconds(600))
        let letGo = Set(rig.takeLetGo())
        #expect(letGo.isSubset(of: Self.peers(1...7)) && letGo.contains(Rig.peer(7)))
        #expect(letGo.count == 7 - limits.degreeMin)
    }

    @Test func aLostNeighbourIsDialledAgainAfterTenSecondsAtMost() {
        let rig = Rig()
        rig.learn(1...8)
        rig.link(1...8)
        rig.pass(.seconds(60))
        rig.done = []
        rig.drop(3, .lost)
        rig.learn([3], state: .dead)
        rig.pass(.seconds(300), failing: true)
        let times = rig.done.filter { $0.action == .dial(Rig.peer(3), .former) }.map(\.at)
        #expect(times.count >= 30)
        for (one, other) in zip(times, times.dropFirst()) { #expect(one.duration(to: other) <= .seconds(10)) }
        #expect(times.first.map { $0 <= Instant(nanosecondsSinceOrigin: 62_000_000_000) } == true)
        // What others say of it over no link changes nothing.
        rig.learn([3], state: .left)
        rig.done = []
        rig.pass(.seconds(60), failing: true)
        #expect(rig.takeDials().count >= 6)
    }

    @Test func whoSaysThatItGoesIsNotDialledUntilItIsBack() {
        let rig = Rig()
        rig.learn(1...8)
        rig.link(1...8)
        rig.pass(.seconds(60))
        rig.done = []
        rig.learn([3], state: .left)
        rig.pass(.milliseconds(1))
        #expect(rig.takeLetGo() == [Rig.peer(3)])
        rig.drop(3, .lost)
        rig.pass(.seconds(60), failing: true)
        #expect(rig.takeDials().isEmpty)
        rig.learn([3])
        rig.link([3])
        rig.drop(3, .lost)
        rig.pass(.seconds(2), failing: true)
        #expect(rig.takeDials().first == Rig.peer(3))
    }

    /// Its link is there, and nothing of liveness goes over it.
    @Test func whoIsSaidToHaveLeftIsDialledWhenItsLinkBreaks() {
        let rig = Rig()
        rig.learn(1...8)
        rig.link(1...8)
        rig.learn([3], state: .left, isOwnWord: false)
        rig.done = []
        rig.drop(3, .lost)
        rig.pass(.seconds(2), failing: true)
        #expect(rig.takeDials().first == Rig.peer(3))
    }

    /// What is known of it may still be of its last run.
    @Test func whoHadLeftAndIsBackIsDialledWhenItsLinkBreaks() {
        let rig = Rig()
        rig.learn(1...8)
        rig.link(1...8)
        rig.learn([3], state: .left)
        rig.drop(3, .closed)
        rig.link([3])
        rig.learn([3], state: .left)
        rig.done = []
        rig.drop(3, .lost)
        rig.pass(.seconds(2), failing: true)
        #expect(rig.takeDials().first == Rig.peer(3))
    }

    @Test func whoLetALinkGoIsLeftAloneUnlessThereIsNobodyElse() {
        let rig = Rig()
        rig.link(1...4)
        rig.learn(1...4)
        rig.drop(4, .closed)
        rig.pass(.seconds(200))
        #expect(rig.takeDials().isEmpty)
        rig.drop(3, .closed)
        rig.pass(.seconds(5))
        #expect(rig.takeDials() == [Rig.peer(4)])
    }

    @Test func theDeadAreLetGoAndDialledLater() {
        let rig = Rig()
        rig.learn(1...5)
        rig.link(1...5)
        rig.pass(Topology.Limits().youth)
        rig.learn([2], state: .dead)
        rig.pass(.milliseconds(1))
        #expect(rig.done.contains { $0.action == .letGo(Rig.peer(2), .dead) })
        rig.done = []
        rig.drop(2, .closed)
        rig.pass(.seconds(2))
        #expect(rig.takeDials() == [Rig.peer(2)])
    }

    @Test func whoComesBackHasTimeToSayThatItLives() {
        let youth = Topology.Limits().youth
        let rig = Rig()
        rig.learn(1...5)
        rig.link([1, 3, 4, 5])
        rig.learn([2], state: .dead)
        rig.link([2])
        rig.pass(youth - .milliseconds(1))
        #expect(rig.takeLetGo().isEmpty)
        rig.pass(.milliseconds(1))
        #expect(rig.takeLetGo() == [Rig.peer(2)])
        // Also later the word counts.
        rig.learn([2])
        #expect(rig.done.map(\.action) == [.keep(Rig.peer(2))])
        #expect(rig.machine.degree == 5)
        rig.done = []
        rig.drop(2, .lost)
        rig.pass(.seconds(2))
        #expect(rig.takeDials() == [Rig.peer(2)])
    }

    /// A site has lost its power: its nodes answer nothing, and each dial takes as long as it may.
    @Test func amongManySilentFormerNeighboursOthersAreFound() {
        let rig = Rig()
        rig.learn(1...7)
        rig.link(1...7)
        rig.pass(.seconds(60))
        for number in 1...7 {
            rig.drop(number, .lost)
            rig.learn([number], state: .dead)
            rig.pass(.seconds(2))
        }
        rig.done = []
        rig.learn(8...15)
        rig.pass(.seconds(120))
        // All that were lost have their turn every ten seconds.
        for number in 1...7 {
            let gaps = rig.dialGaps(number)
            #expect(gaps.count >= 11 && gaps.allSatisfy { $0 <= .seconds(10) }, "\(number): \(gaps)")
        }
        let others = Set(rig.takeDials()).intersection(Self.peers(8...15))
        #expect(others.count >= 3, "those that may be there")
    }

    @Test func ofMoreThanEightSilentFormerNeighboursEachHasItsTurn() throws {
        let limits = Topology.Limits()
        let rig = Rig()
        rig.learn(1...16)
        rig.link(1...16)
        for number in 1...16 {
            rig.drop(number, .lost)
            rig.learn([number], state: .dead)
        }
        for _ in 0..<120 {
            rig.pass(.seconds(1))
            let fills = rig.machine.tableFills
            #expect(fills.filter(\.isOverfull) == [])
            let dials = try #require(fills.first { $0.name == "topology dials of former neighbours" })
            #expect(dials.count <= limits.formerDialCountMax)
        }
        for number in 1...16 {
            let gaps = rig.dialGaps(number)
            #expect(gaps.count >= 5, "\(number): \(gaps)")
            // Two turns of eight.
            #expect(
                gaps.allSatisfy { $0 <= limits.formerDialDuration * 2 + .seconds(1) },
                "\(number): \(gaps)"
            )
        }
    }

    @Test func aDialOfAFormerNeighbourTakesLongerWhereItsLinkWasSlow() throws {
        for (roundTrip, duration) in [(500, 8), (1000, 16), (4000, 30)] {
            let rig = Rig()
            rig.learn(1...8)
            rig.link(1...8)
            rig.machine.measured(Rig.peer(3), .init(roundTrip: .milliseconds(roundTrip)), now: rig.now)
            rig.drop(3, .lost)
            rig.done = []
            rig.pass(.seconds(2))
            let began = try #require(rig.done.first { $0.action == .dial(Rig.peer(3), .former) }?.at)
            let ends = try #require(rig.machine.dialEnds(of: Rig.peer(3)))
            #expect(began.duration(to: ends) == .seconds(duration), "\(roundTrip) ms")
        }
    }

    // MARK: Super-peers

    /// Nine members that have been up for as long as this node, and whom of them the policy wants a link to.
    private func superPeers(
        _ rig: Rig,
        _ facts: [Int: (capacity: UInt16, uptime: Duration)]
    ) -> [PeerID] {
        rig.pass(.seconds(100))
        for number in 1...9 {
            var peer = TopologyPeer(Rig.peer(number), hasAddress: true)
            (peer.capacity, peer.uptime) = facts[number] ?? (1, .seconds(100))
            rig.machine.learn(peer, now: rig.now)
            rig.pull()
        }
        rig.pass(.seconds(60))
        return rig.done.compactMap { entry -> PeerID? in
            guard case .dial(let peer, .superPeer) = entry.action else { return nil }
            return peer
        }
    }

    @Test func amongEquallyLongUpCapacityDecidesWhoIsASuperPeer() {
        let first = (0...9).map(TopologyFleet.peer).min()
        for number in 1...9 {
            let rig = Rig(.hierarchical)
            let wanted = superPeers(rig, [number: (2, .seconds(100))])
            #expect(Set(wanted) == [Rig.peer(number)] && !rig.machine.isSuperPeer)
        }
        let rig = Rig(.hierarchical, capacity: 2)
        #expect(superPeers(rig, [:]).isEmpty && rig.machine.isSuperPeer)
        // Where all are alike, their names do.
        let alike = Rig(.hierarchical)
        #expect(Set(superPeers(alike, [:])) == Set([first].compactMap { $0 }).subtracting([Rig.peer(0)]))
        #expect(alike.machine.isSuperPeer == (first == Rig.peer(0)))
    }

    @Test func uptimeCountsAsMuchAsCapacity() {
        let rig = Rig(.hierarchical)
        let wanted = superPeers(rig, [4: (3, .seconds(100)), 6: (2, .seconds(200)), 8: (1, .seconds(250))])
        #expect(Set(wanted) == [Rig.peer(6)])
    }

    @Test func whoSaysThatItCanCarryNothingIsNoSuperPeer() {
        let rig = Rig(.hierarchical)
        let wanted = superPeers(rig, [5: (0, .seconds(100_000)), 7: (1, .seconds(101))])
        #expect(Set(wanted) == [Rig.peer(7)])
    }

    @Test func anAddressThatIsNotKnownIsLookedForNowAndThen() {
        let rig = Rig()
        rig.learn(1...1, hasAddress: false)
        rig.pass(.seconds(25))
        let finds = rig.done.filter {
            if case .find = $0.action { true } else { false }
        }
        #expect((2...3).contains(finds.count))
        rig.learn([1])
        rig.pass(.milliseconds(1))
        #expect(rig.takeDials() == [Rig.peer(1)])
    }

    @Test func whomTheUserWantsIsDialledUntilItIsThere() {
        let rig = Rig()
        rig.learn(1...8)
        rig.link(1...8)
        rig.machine.demand(Rig.peer(50), true, now: rig.now)
        rig.learn([50])
        rig.done = []
        rig.pass(.seconds(60), failing: true)
        #expect(rig.done.count { $0.action == .dial(Rig.peer(50), .demanded) } >= 6)
        rig.machine.demand(Rig.peer(50), false, now: rig.now)
        rig.done = []
        rig.pass(.seconds(60), failing: true)
        #expect(rig.takeDials().isEmpty)
    }

    @Test func lossesAddLinksAndLatencyAddsSuperPeers() {
        let rig = Rig(.adaptive)
        rig.learn(1...40)
        rig.link(1...7)
        func measure(_ lossRatio: Double, _ roundTrip: Duration) {
            for number in 1...7 {
                rig.machine.measured(
                    Rig.peer(number),
                    .init(roundTrip: roundTrip, lossRatio: lossRatio),
                    now: rig.now
                )
            }
            rig.pass(.seconds(61))
        }
        measure(0.01, .milliseconds(20))
        #expect(rig.machine.adaptation.extraLinkCount == 0 && !rig.machine.adaptation.hasHierarchy)
        measure(0.11, .milliseconds(20))
        measure(0.11, .milliseconds(20))
        #expect(rig.machine.adaptation.extraLinkCount == 2)
        // Between the bounds nothing changes.
        measure(0.07, .milliseconds(450))
        #expect(rig.machine.adaptation.extraLinkCount == 2 && !rig.machine.adaptation.hasHierarchy)
        rig.done = []
        measure(0.07, .milliseconds(501))
        #expect(rig.machine.adaptation.hasHierarchy)
        rig.pass(.seconds(5))
        #expect(rig.done.contains { if case .dial(_, .superPeer) = $0.action { true } else { false } })
        measure(0.07, .milliseconds(400))
        #expect(rig.machine.adaptation.hasHierarchy)
        measure(0.01, .milliseconds(300))
        #expect(!rig.machine.adaptation.hasHierarchy && rig.machine.adaptation.extraLinkCount == 1)
    }

    @Test func nearerPeersAreTriedNowAndThen() {
        let rig = Rig()
        rig.link(1...7)
        rig.learn(1...20)
        for number in 1...7 {
            rig.machine.measured(Rig.peer(number), .init(roundTrip: .milliseconds(100)), now: rig.now)
        }
        rig.machine.measured(Rig.peer(15), .init(roundTrip: .milliseconds(80)), now: rig.now)
        rig.machine.measured(Rig.peer(16), .init(roundTrip: .milliseconds(60)), now: rig.now)
        rig.pass(.seconds(340))
        #expect(rig.done.map(\.action) == [.dial(Rig.peer(16), .near)])
    }

    @Test func theTableOfPeersIsBounded() {
        var limits = Topology.Limits()
        limits.peerCountMax = 10
        let rig = Rig(.mesh, limits)
        rig.learn(1...10)
        rig.learn(11...30)
        #expect(rig.machine.peerCount == 10)
        rig.learn([5], state: .dead)
        rig.learn([11])
        #expect(rig.machine.peerCount == 10)
        rig.link(20...25)
        #expect(rig.machine.neighbours.count == 6 && rig.machine.peerCount <= 16)
        #expect(rig.machine.tableFills.filter(\.isOverfull) == [])
    }

    @Test func everyReasonHasWords() {
        let reasons: [TopologyReason] = [
            .tooFew(degree: 1, degreeMin: 3), .growing(degree: 4, degreeTarget: 7), .near, .former,
            .ringNeighbour,
            .chord, .superPeer, .demanded, .tooMany(degree: 12, degreeMax: 10), .dead, .unwanted,
        ]
        #expect(Set(reasons.map(\.words)).count == reasons.count)
        #expect(TopologyReason.tooMany(degree: 12, degreeMax: 10).words == "12 neighbours, and 10 are enough")
    }

    @Test func oneThatLetGoAndHasNoAddressAnyMoreIsNotLookedAtWithoutEnd() throws {
        let rig = Rig()
        rig.learn([1])
        rig.link([1])
        rig.drop(1, .closed)
        rig.learn([1], hasAddress: false)
        for _ in 0..<20 {
            rig.now = rig.now + .seconds(1)
            rig.machine.advance(to: rig.now)
            rig.pull()
            #expect(try #require(rig.machine.nextDeadline) > rig.now)
        }
    }

    @Test func addressesAreKeptForWhenAllNeighboursAreGone() {
        let rig = Rig()
        rig.learn(1...7)
        rig.learn(8...30, hasAddress: false)
        rig.link(1...7)
        rig.done = []
        var found: Set<PeerID> = []
        for _ in 0..<30 {
            rig.pass(.seconds(10))
            for case .find(let peer, .spare) in rig.done.map(\.action) where found.insert(peer).inserted {
                let number = (8...30).first { Rig.peer($0) == peer }
                rig.learn(number.map { [$0] } ?? [])
            }
            rig.done = []
        }
        #expect(found.count == Topology.Limits().spareCount)
        // Whoever lost them all dials those at once, and asks nobody.
        for number in 1...7 { rig.drop(number, .lost) }
        rig.pass(.zero)
        let dials = rig.takeDials()
        #expect(dials.count == Topology.Limits().dialCountMax)
        #expect(found.isSuperset(of: dials))
    }
}
