import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

/// What one machine keeps in its table, and whom it believes.
@Suite struct LivenessTableTests {
    // MARK: Going and coming

    @Test func leavingIsSaidToAllNeighboursAndNotContradicted() {
        let rig = LivenessRig()
        rig.link(1, 2)
        rig.sent = []
        rig.machine.leave(now: rig.now)
        rig.pull()
        #expect(rig.told(0, to: 1)?.state == .left && rig.told(0, to: 2)?.state == .left)
        rig.say(1, LivenessClaim(LivenessRig.own.peerID, .dead, incarnation: 9))
        rig.pass(.milliseconds(200))
        #expect(rig.told(0, to: 2)?.state != .alive)
    }

    @Test func aNewNeighbourIsToldTheWholeTable() {
        let rig = LivenessRig()
        rig.link(1)
        for number in 100..<300 {
            rig.say(1, LivenessClaim(LivenessRig.peer(number), incarnation: 2))
        }
        rig.pass(.seconds(1), answering: [1])
        rig.link(2)
        rig.pass(.seconds(2), answering: [1, 2])
        let frames = rig.takeSent(to: 2)
        let told = Set(frames.flatMap(\.claims).map(\.peer))
        #expect(told.count == 202)
        #expect(frames.allSatisfy { $0.claims.count <= 40 })
    }

    @Test func aNodeRenewsItselfAndTheSilentAreTakenForDead() {
        let rig = LivenessRig()
        rig.link(1)
        rig.say(1, LivenessClaim(LivenessRig.peer(9), incarnation: 1))
        rig.pass(.seconds(1700), answering: [1])
        #expect(rig.state(9) == .alive)
        #expect(rig.machine.member(LivenessRig.own.peerID).map { (3...4).contains($0.incarnation) } == true)
        rig.pass(.seconds(200), answering: [1])
        #expect(rig.state(9) == .dead)
        rig.pass(.seconds(700), answering: [1])
        #expect(rig.state(9) == nil && rig.forgotten == [LivenessRig.peer(9)])
    }

    @Test func whatIsToldOnDoesNotGetYounger() {
        let rig = LivenessRig()
        rig.link(1)
        var claim = LivenessClaim(LivenessRig.peer(9), incarnation: 1)
        claim.ageSeconds = 1700
        claim.uptimeSeconds = 50
        rig.say(1, claim)
        rig.pass(.seconds(10), answering: [1])
        rig.link(2)
        rig.pass(.seconds(1), answering: [1, 2])
        #expect(rig.told(9, to: 2).map { (1710...1712).contains($0.ageSeconds) } == true)
        #expect(rig.machine.member(LivenessRig.peer(9))?.uptime(at: rig.now) == .seconds(50 + 1711))
        claim = LivenessClaim(LivenessRig.peer(10), incarnation: 1)
        claim.ageSeconds = 1800
        rig.say(1, claim)
        #expect(rig.state(10) == nil)
    }

    @Test func theDeadAreNotIntroduced() {
        let rig = LivenessRig()
        rig.link(1)
        rig.say(1, LivenessClaim(LivenessRig.peer(8), .dead, incarnation: 1))
        rig.say(1, LivenessClaim(LivenessRig.peer(9), .left, incarnation: 1))
        #expect(rig.state(8) == nil && rig.state(9) == nil)
    }

    // MARK: Hostile neighbours

    @Test func anIncarnationRisesByAStepOrWithASignature() {
        let rig = LivenessRig()
        rig.link(1)
        rig.say(1, LivenessClaim(LivenessRig.peer(9), incarnation: 65_537))
        #expect(rig.state(9) == nil)
        rig.say(1, LivenessClaim(LivenessRig.peer(9), incarnation: 65_536))
        rig.say(1, LivenessClaim(LivenessRig.peer(9), .dead, incarnation: 131_073))
        #expect(rig.state(9) == .alive)
        var claim = LivenessClaim(LivenessRig.peer(9), .suspect, incarnation: 1 << 40)
        claim.proof = LivenessClaim.proof(of: 1 << 40, by: LivenessFabric.key(9))
        rig.say(1, claim)
        #expect(rig.state(9) == .suspect)
        rig.pass(.milliseconds(200), answering: [1])
        rig.link(2)
        rig.pass(.milliseconds(200), answering: [1, 2])
        #expect(rig.told(9, to: 2)?.isProven == true)
    }

    @Test func aNodeDrivenHighProvesItself() {
        let rig = LivenessRig()
        rig.link(1)
        rig.say(1, LivenessClaim(LivenessRig.own.peerID, .dead, incarnation: 65_537))
        rig.pass(.milliseconds(200), answering: [1])
        let answer = rig.told(0, to: 1)
        #expect(answer?.incarnation == 65_538 && answer?.isProven == true)
        rig.say(1, LivenessClaim(LivenessRig.own.peerID, .dead, incarnation: 1 << 50))
        rig.pass(.milliseconds(200), answering: [1])
        #expect(rig.machine.member(LivenessRig.own.peerID)?.incarnation == 65_538)
    }

    @Test func aNeighbourBringsSoManyNewsAndNoMore() {
        var limits = Liveness.Limits()
        limits.newsBurst = 10
        limits.newsPerSecond = 2
        let rig = LivenessRig(limits)
        rig.link(1)
        for number in 100..<120 { rig.say(1, LivenessClaim(LivenessRig.peer(number), incarnation: 1)) }
        // One of the ten was its own introduction.
        #expect(rig.machine.memberCount == 2 + 9 && rig.machine.refusedNewsCount == 11)
        rig.pass(.seconds(2), answering: [1])
        for number in 110..<120 { rig.say(1, LivenessClaim(LivenessRig.peer(number), incarnation: 1)) }
        #expect(rig.machine.memberCount == 2 + 13)
        // It is asked for the rest when it has calmed down.
        rig.sent = []
        rig.pass(.seconds(60), answering: [1])
        let asked = rig.takeSent(to: 1).filter(\.wantsTable)
        #expect(asked.count == 1)
        #expect(rig.machine.tableFills.filter(\.isOverfull) == [])
    }

    @Test func whoComesAgainBringsNoMoreNewsThanBefore() {
        var limits = Liveness.Limits()
        limits.newsBurst = 10
        limits.newsPerSecond = 2
        let rig = LivenessRig(limits)
        rig.link(1)
        var made = 100
        func flood(_ number: Int) -> Int {
            let before = rig.machine.refusedNewsCount
            for _ in 0..<20 {
                rig.say(number, LivenessClaim(LivenessRig.peer(made), incarnation: 1))
                made += 1
            }
            return 20 - (rig.machine.refusedNewsCount - before)
        }
        // One of the ten was its own introduction. The other one makes none, and is forgotten when it goes.
        #expect(flood(1) == 9)
        rig.machine.linkUp(LivenessRig.peer(2), now: rig.now)
        #expect(flood(2) == 10)
        for round in 0..<10 {
            for number in 1...2 {
                rig.machine.linkDown(LivenessRig.peer(number), round % 2 == 0 ? .closed : .lost, now: rig.now)
                rig.machine.linkUp(LivenessRig.peer(number), now: rig.now)
                #expect(flood(number) == 0)
            }
        }
        rig.pass(.seconds(2), answering: [1, 2])
        #expect(flood(1) == 4 && flood(2) == 4)
        #expect(rig.machine.tableFills.filter(\.isOverfull) == [])
    }

    @Test func contradictionsWithProofsThatDoNotHoldAreNewsLikeOthers() {
        var limits = Liveness.Limits()
        limits.newsBurst = 10
        limits.newsPerSecond = 2
        let rig = LivenessRig(limits)
        rig.link(1)
        let peer = LivenessRig.peer(1)
        rig.say(1, LivenessClaim(peer, .suspect, incarnation: 1))
        #expect(rig.state(1) == .suspect)
        var forged = LivenessClaim(peer, incarnation: 70_000)
        forged.proof = [UInt8](repeating: 1, count: 64)
        for _ in 0..<100 { rig.say(1, forged) }
        // Its introduction, its own word that it is suspect, and the first contradiction, which is free.
        #expect(rig.machine.refusedNewsCount == 99 - 8)
        #expect(rig.state(1) == .suspect)
        rig.pass(.seconds(2), answering: [1])
        rig.say(1, LivenessClaim(peer, incarnation: 2))
        #expect(rig.state(1) == .alive)
    }

    @Test func theTableIsToldAgainNowAndThen() {
        let rig = LivenessRig()
        rig.link(1)
        for number in 100..<120 { rig.say(1, LivenessClaim(LivenessRig.peer(number), incarnation: 1)) }
        rig.link(2)
        var wish = LivenessFrame()
        wish.wantsTable = true
        func told() -> Int {
            rig.sent = []
            rig.receive(wish, from: 2)
            rig.pass(.seconds(1), answering: [1, 2])
            return rig.takeSent(to: 2).reduce(0) { $0 + $1.claims.count }
        }
        let interval = Liveness.Limits().tableInterval
        rig.pass(interval - .seconds(2), answering: [1, 2])
        #expect(told() == 0)
        rig.pass(.seconds(1), answering: [1, 2])
        #expect(told() == 22)
        #expect(told() == 0)
    }

    @Test func aFullTableLosesTheDeadFirstAndThenWhomTheLoudestNeighbourToldOfLast() {
        var limits = Liveness.Limits()
        limits.memberCountMax = 20
        let rig = LivenessRig(limits)
        rig.link(1, 2)
        // These stay, whatever comes.
        for number in 50..<52 { rig.say(1, LivenessClaim(LivenessRig.peer(number), incarnation: 1)) }
        rig.pass(.seconds(60), answering: [1, 2])
        // The flooder is first, and fills the table.
        for number in 100..<130 { rig.say(1, LivenessClaim(LivenessRig.peer(number), incarnation: 1)) }
        #expect(rig.machine.memberCount == 20)
        for number in 200..<230 { rig.say(2, LivenessClaim(LivenessRig.peer(number), incarnation: 1)) }
        let honest = (200..<230).count { rig.state($0) != nil }
        #expect(honest == 7, "the two share the 15 places that were free")
        for number in 300..<400 { rig.say(1, LivenessClaim(LivenessRig.peer(number), incarnation: 1)) }
        #expect((200..<230).count { rig.state($0) != nil } == honest)
        rig.say(2, LivenessClaim(LivenessRig.peer(50), .dead, incarnation: 1))
        rig.pass(.seconds(120), answering: [1, 2])
        for number in 400..<410 { rig.say(2, LivenessClaim(LivenessRig.peer(number), incarnation: 1)) }
        #expect(rig.state(50) == nil && rig.state(51) == .alive)
        #expect((400..<410).count { rig.state($0) != nil } == 1)
        #expect((200..<230).count { rig.state($0) != nil } == honest)
        #expect(rig.machine.memberCount == 20 && rig.machine.tableFills.allSatisfy { !$0.isOverfull })
        #expect(rig.state(1) == .alive && rig.state(2) == .alive)
    }
}
