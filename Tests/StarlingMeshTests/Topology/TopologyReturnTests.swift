import StarlingCore
import StarlingMesh
import Testing

/// Neighbours that come back, and addresses that nobody knows.
@Suite struct TopologyReturnTests {
    private typealias Rig = TopologyRig

    @Test func whoComesBackAtOnceEachTimeHasNobodyElseAndStays() {
        let rig = Rig()
        rig.learn(1...30)
        rig.link(1...10)
        rig.pass(.seconds(30))
        var letGo: [Int] = []
        for _ in 0..<20 {
            for leaf in 11...14 where !rig.machine.neighbours.contains(Rig.peer(leaf)) { rig.link([leaf]) }
            rig.pass(.seconds(25))
            let gone = Set(rig.takeLetGo())
            for leaf in 11...14 where gone.contains(Rig.peer(leaf)) {
                letGo.append(leaf)
                rig.drop(leaf, .closed)
            }
            rig.pass(.seconds(1))
        }
        #expect(letGo == [11, 12, 13, 14, 11, 12, 13, 14], "twice, and no more")
        #expect(rig.machine.degree == 14)
        // Others go as before, and nobody in the stead of those who stay.
        rig.link([15])
        rig.pass(.seconds(25))
        #expect(rig.takeLetGo() == [Rig.peer(15)])
    }

    /// One more of them than keep their links is let go alone: those that came before stay.
    @Test func ofTooManyWhoComeBackTheOldestStay() {
        let rig = Rig()
        rig.learn(1...60)
        rig.link(1...10)
        rig.pass(.seconds(30))
        let leaves = 11...43
        for _ in 0..<6 {
            for leaf in leaves where !rig.machine.neighbours.contains(Rig.peer(leaf)) { rig.link([leaf]) }
            rig.pass(.seconds(25))
            for peer in rig.takeLetGo() {
                guard let leaf = leaves.first(where: { Rig.peer($0) == peer }) else { continue }
                rig.drop(leaf, .closed)
            }
            rig.pass(.seconds(1))
        }
        #expect(rig.machine.degree == 10 + 32)
    }

    @Test func whoComesIsAskedForAddressesThatNobodyKnewBefore() {
        let rig = Rig()
        rig.link([1])
        rig.learn(2...5, hasAddress: false)
        rig.pass(.seconds(3600))
        rig.drop(1, .lost)
        rig.pass(.seconds(20))
        _ = rig.takeFinds()
        rig.link([6])
        rig.pass(.seconds(5))
        #expect(Set(rig.takeFinds()).isSuperset(of: (2...5).map(Rig.peer)))
    }

    @Test func whoseAddressNobodyKnowsIsLookedForEverMoreRarely() {
        let rig = Rig()
        rig.link([1])
        rig.learn(2...30, hasAddress: false)
        rig.pass(.seconds(600))
        let early = rig.takeFinds().count
        rig.pass(.seconds(3600))
        let late = rig.takeFinds().count
        #expect((29 * 3...29 * 8).contains(early), "\(early)")
        #expect(late <= 29 * 3600 / 250, "\(late)")
        // Who is back is looked for as at first.
        rig.learn([2], hasAddress: false, state: .dead)
        rig.learn([2], hasAddress: false)
        rig.pass(.seconds(60))
        #expect(rig.takeFinds().count { $0 == Rig.peer(2) } >= 2)
    }
}
