import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

/// One machine, told what to see.
@Suite struct LivenessTests {
    // MARK: Probes

    @Test func aProbeIsAnsweredAtOnce() {
        let rig = LivenessRig()
        rig.link(1)
        rig.sent = []
        var frame = LivenessFrame()
        frame.probe = 42
        rig.receive(frame, from: 1)
        #expect(rig.takeSent(to: 1).first?.acks == [42])
    }

    @Test func alsoWhoIsNotWatchedGetsItsAnswer() {
        var limits = Liveness.Limits()
        limits.linkCountMax = 1
        let rig = LivenessRig(limits)
        rig.link(1)
        let isWatched = rig.machine.linkUp(LivenessRig.peer(2), now: rig.now)
        #expect(!isWatched)
        var frame = LivenessFrame()
        frame.probe = 3
        rig.receive(frame, from: 2)
        #expect(rig.takeSent(to: 2).map(\.acks) == [[3]])
        #expect(rig.state(2) == nil)
    }

    @Test func neighboursThatAnswerStayAlive() {
        let rig = LivenessRig()
        rig.link(1, 2, 3)
        rig.pass(.seconds(300), answering: [1, 2, 3])
        #expect(rig.states.values.allSatisfy { $0 == .alive } && rig.states.count == 3)
        #expect(rig.machine.score == 0)
        #expect(rig.machine.roundTrip(to: LivenessRig.peer(1)) == .zero)
    }

    @Test func silenceIsAskedAboutThenSuspectedThenDeath() throws {
        let rig = LivenessRig()
        rig.link(1, 2, 3)
        rig.pass(.seconds(3), answering: [2, 3])
        let asked = rig.takeSent(to: 2).flatMap(\.requests)
        #expect(asked.map(\.peer).contains(LivenessRig.peer(1)))
        rig.pass(.seconds(2), answering: [2, 3])
        #expect(rig.state(1) == .suspect)
        let claim = try #require(rig.told(1, to: 3))
        #expect(claim.state == .suspect && claim.accusers == [LivenessRig.own.peerID])
        // Without another accuser it has three times the least.
        rig.pass(.seconds(5), answering: [2, 3])
        #expect(rig.state(1) == .suspect)
        rig.pass(.seconds(8), answering: [2, 3])
        #expect(rig.state(1) == .dead)
        #expect(rig.told(1, to: 2)?.state == .dead)
    }

    @Test func answersTellHowLongTheWayIs() {
        let rig = LivenessRig()
        rig.link(1, 2)
        rig.pass(.seconds(5), answering: [1])
        #expect(rig.measured.contains { $0.peer == LivenessRig.peer(1) && $0.roundTrip == .zero })
        #expect(!rig.measured.contains { $0.peer == LivenessRig.peer(2) })
    }

    @Test func whoIsReachedByAnotherIsNotSuspected() {
        let rig = LivenessRig()
        rig.link(1, 2)
        for _ in 0..<400 {
            rig.pass(.milliseconds(100), answering: [2])
            for request in rig.takeSent(to: 2).flatMap(\.requests) {
                var frame = LivenessFrame()
                frame.reports = [.init(request.number, .reached)]
                rig.receive(frame, from: 2)
            }
        }
        #expect(rig.state(1) == .alive)
    }

    @Test func anErrandIsReportedEitherWay() {
        let rig = LivenessRig()
        rig.link(1, 2, 3)
        rig.sent = []
        var frame = LivenessFrame()
        frame.requests = [
            .init(5, LivenessRig.peer(2)), .init(6, LivenessRig.peer(9)), .init(7, LivenessRig.peer(3)),
        ]
        rig.receive(frame, from: 1)
        #expect(rig.takeSent(to: 1).flatMap(\.reports) == [.init(6, .unable)])
        rig.pass(.milliseconds(10), answering: [2])
        var alive = LivenessFrame()
        alive.acks = rig.takeSent(to: 2).compactMap(\.probe)
        rig.receive(alive, from: 2)
        #expect(rig.takeSent(to: 1).flatMap(\.reports) == [.init(5, .reached)])
        rig.pass(.milliseconds(500))
        #expect(rig.takeSent(to: 1).flatMap(\.reports) == [.init(7, .silent)])
    }

    @Test func oneNeighboursErrandsAreBounded() {
        let rig = LivenessRig()
        rig.link(1, 2)
        var frame = LivenessFrame()
        frame.requests = (1...10).map { .init($0, LivenessRig.peer(2)) }
        rig.sent = []
        rig.receive(frame, from: 1)
        #expect(rig.takeSent(to: 1).flatMap(\.reports) == [.init(9, .unable), .init(10, .unable)])
    }

    @Test func aLinkThatBreaksIsAskedAboutAndOneThatIsClosedIsNot() {
        let rig = LivenessRig()
        rig.link(1, 2, 3)
        rig.sent = []
        rig.machine.linkDown(LivenessRig.peer(1), .closed, now: rig.now)
        rig.pass(.seconds(5), answering: [2, 3])
        #expect(rig.state(1) == .alive && rig.takeSent(to: 3).flatMap(\.requests).isEmpty)
        rig.machine.linkDown(LivenessRig.peer(2), .lost, now: rig.now)
        rig.pass(.seconds(1), answering: [3])
        #expect(rig.takeSent(to: 3).flatMap(\.requests).map(\.peer) == [LivenessRig.peer(2)])
        #expect(rig.state(2) == .suspect)
    }

    @Test func whoHasLostEveryLinkAccusesNobody() {
        let rig = LivenessRig()
        rig.link(1)
        rig.machine.linkDown(LivenessRig.peer(1), .lost, now: rig.now)
        rig.pass(.seconds(100))
        #expect(rig.state(1) == .alive)
    }

    @Test func whoHasNotIntroducedItselfIsNotAccused() {
        let rig = LivenessRig()
        rig.link(2)
        rig.machine.linkUp(LivenessRig.peer(1), now: rig.now)
        rig.pass(.seconds(60), answering: [2])
        #expect(rig.state(1) == .alive)
        #expect(rig.sent.flatMap(\.frame.claims).allSatisfy { $0.incarnation > 0 })
    }

    @Test func lateTimersPutOffWhatWasDueAndWorsenTheScore() {
        let rig = LivenessRig()
        rig.link(1, 2, 3)
        rig.pass(.milliseconds(5200), answering: [2, 3])
        #expect(rig.state(1) == .suspect)
        // The processor is gone for as long as the suspect has.
        rig.now = rig.now + .seconds(60)
        rig.machine.advance(to: rig.now)
        rig.pull()
        #expect(rig.state(1) == .suspect && rig.machine.score > 0)
        rig.pass(.seconds(15), answering: [2, 3])
        #expect(rig.state(1) == .dead)
    }

    // MARK: Suspicion

    @Test func moreAccusersShortenASuspectsTime() {
        func duration(_ accusers: [Int]) -> Duration {
            let rig = LivenessRig()
            rig.link(1, 2, 3, 4)
            var claim = LivenessClaim(LivenessRig.peer(9), incarnation: 1)
            rig.say(1, claim)
            claim.state = .suspect
            claim.accusers = accusers.map(LivenessRig.peer)
            rig.say(2, claim)
            let began = rig.now
            while rig.state(9) == .suspect { rig.pass(.milliseconds(100), answering: [1, 2, 3, 4]) }
            return began.duration(to: rig.now)
        }
        let one = duration([1])
        let two = duration([1, 2])
        let four = duration([1, 2, 3, 4])
        #expect(one > two && two > four)
        #expect(one >= .seconds(12) && four >= .seconds(4) && four < .seconds(5))
        // Strangers, the suspect itself and repetitions count for nothing.
        #expect(duration([1, 1, 77, 78]) == one)
        #expect(duration([9, 1]) == one)
    }

    @Test func anAccusationOfThisNodeIsContradicted() {
        let rig = LivenessRig()
        rig.link(1, 2)
        rig.pass(.seconds(1), answering: [1, 2])
        rig.sent = []
        var worst = 0
        for state in [LivenessClaim.State.suspect, .dead, .left] {
            let incarnation = rig.machine.member(LivenessRig.own.peerID)?.incarnation ?? 0
            rig.say(1, LivenessClaim(LivenessRig.own.peerID, state, incarnation: incarnation))
            worst = max(worst, rig.machine.score)
            rig.pass(.milliseconds(200), answering: [1, 2])
            #expect(rig.told(0, to: 2)?.incarnation == incarnation + 1)
        }
        #expect(worst == 1)
    }

    @Test func accusationsWithoutEndDoNotMakeANodeMistrustItselfForLong() {
        let rig = LivenessRig()
        rig.link(1, 2)
        var (worst, raised) = (0, 0)
        for _ in 0..<200 {
            let (incarnation, score) = (rig.incarnation, rig.machine.score)
            rig.say(1, LivenessClaim(LivenessRig.own.peerID, .suspect, incarnation: incarnation))
            #expect(rig.incarnation == incarnation + 1)
            if rig.machine.score > score { raised += 1 }
            worst = max(worst, rig.machine.score)
            rig.pass(.seconds(1), answering: [1, 2])
        }
        // At the beginning, and every 30 seconds.
        #expect(worst == 1 && raised == 7)
        #expect(rig.machine.score <= 1)
    }

    @Test func whatIsLeftOfAnEarlierRunIsContradictedToo() {
        let rig = LivenessRig()
        rig.link(1)
        rig.say(1, LivenessClaim(LivenessRig.own.peerID, .dead, incarnation: 400))
        rig.pass(.milliseconds(200), answering: [1])
        #expect(rig.told(0, to: 1)?.incarnation == 401)
        #expect(rig.machine.score == 0)
    }

    /// Its neighbours are the only ones that can tell it.
    @Test(arguments: [LivenessClaim.State.left, .dead])
    func aNeighbourThatComesBackHearsWhatItWasTakenFor(state: LivenessClaim.State) {
        let rig = LivenessRig()
        rig.link(1, 2)
        rig.say(1, LivenessClaim(LivenessRig.peer(9), incarnation: 3))
        rig.say(1, LivenessClaim(LivenessRig.peer(9), state, incarnation: 3))
        rig.pass(.seconds(1), answering: [1, 2])
        rig.sent = []
        rig.machine.linkUp(LivenessRig.peer(9), now: rig.now)
        rig.pull()
        #expect(rig.told(9, to: 9)?.state == state && rig.told(9, to: 9)?.incarnation == 3)
        rig.sent = []
        rig.say(9, LivenessClaim(LivenessRig.peer(9), incarnation: 1))
        #expect(rig.told(9, to: 9)?.state == state)
        rig.say(9, LivenessClaim(LivenessRig.peer(9), incarnation: 4))
        #expect(rig.state(9) == .alive)
        rig.sent = []
        rig.pass(.seconds(1), answering: [1, 2, 9])
        #expect(rig.told(9, to: 9) == nil)
        #expect(rig.told(9, to: 2)?.state == .alive)
    }

    @Test func whoStartsAgainUnmissedHearsHowFarItHadCome() {
        let rig = LivenessRig()
        rig.link(1, 2)
        rig.say(1, LivenessClaim(LivenessRig.peer(9), incarnation: 5))
        rig.pass(.seconds(1), answering: [1, 2])
        rig.machine.linkUp(LivenessRig.peer(9), now: rig.now)
        rig.pull()
        rig.sent = []
        rig.say(9, LivenessClaim(LivenessRig.peer(9), incarnation: 1))
        rig.pass(.milliseconds(200), answering: [1, 2, 9])
        #expect(rig.sent.count { $0.frame.claims.contains { $0.peer == LivenessRig.peer(9) } } == 1)
        #expect(rig.told(9, to: 9)?.incarnation == 5)
    }

    @Test func anAccusedNeighbourIsAskedAndIsTheFirstToHear() {
        let rig = LivenessRig()
        rig.link(1, 2)
        rig.sent = []
        rig.say(2, LivenessClaim(LivenessRig.peer(1), .suspect, incarnation: 1))
        let frames = rig.takeSent(to: 1)
        #expect(frames.count == 1 && frames.first?.probe != nil)
        #expect(frames.first?.claims.first?.state == .suspect)
        rig.say(1, LivenessClaim(LivenessRig.peer(1), incarnation: 2))
        #expect(rig.state(1) == .alive)
        rig.pass(.milliseconds(200), answering: [1, 2])
        #expect(rig.told(1, to: 2)?.incarnation == 2)
    }

    @Test func nobodysWordBuriesANeighbourThatAnswers() {
        let rig = LivenessRig()
        rig.link(1, 2)
        for round in 0..<30 {
            rig.say(2, LivenessClaim(LivenessRig.peer(1), round % 2 == 0 ? .dead : .left, incarnation: 1))
            rig.pass(.seconds(1), answering: [1, 2])
        }
        #expect(rig.state(1) == .suspect)
        // Others have nothing better to go by.
        rig.say(1, LivenessClaim(LivenessRig.peer(9), incarnation: 1))
        rig.say(2, LivenessClaim(LivenessRig.peer(9), .dead, incarnation: 1))
        #expect(rig.state(9) == .dead)
    }

    /// Who is silent need not be one that goes: it may come back.
    @Test func thatItGoesANeighbourSaysItself() {
        let rig = LivenessRig()
        rig.link(1, 2, 3)
        rig.pass(.seconds(5), answering: [2, 3])
        #expect(rig.state(1) == .suspect)
        rig.say(2, LivenessClaim(LivenessRig.peer(1), .left, incarnation: 2))
        #expect(rig.state(1) == .dead)
        rig.say(1, LivenessClaim(LivenessRig.peer(1), .left, incarnation: 2))
        #expect(rig.state(1) == .left)
        rig.say(2, LivenessClaim(LivenessRig.peer(1), .left, incarnation: 2))
        #expect(rig.state(1) == .left)
    }

    @Test func aNeighbourThatWasAskedInVainIsBuriedWithTheOthers() {
        let rig = LivenessRig()
        rig.link(1, 2, 3)
        rig.pass(.seconds(5), answering: [2, 3])
        #expect(rig.state(1) == .suspect)
        rig.say(2, LivenessClaim(LivenessRig.peer(1), .dead, incarnation: 1))
        #expect(rig.state(1) == .dead)
    }

    @Test func whoIsBehindIsToldBetter() {
        let rig = LivenessRig()
        rig.link(1, 2)
        rig.say(1, LivenessClaim(LivenessRig.peer(9), .suspect, incarnation: 4))
        rig.pass(.seconds(20), answering: [1, 2])
        #expect(rig.state(9) == .dead)
        rig.sent = []
        rig.say(2, LivenessClaim(LivenessRig.peer(9), incarnation: 4))
        rig.pass(.milliseconds(200), answering: [1, 2])
        #expect(rig.told(9, to: 2)?.state == .dead)
    }
}
