import StarlingCore
import StarlingMesh
import Testing

/// What a node's own questions say of its neighbours, which is what the routes go by.
@Suite struct LivenessSilenceTests {
    @Test func whoAnswersNothingIsSilentAndThenDeadUntilSomethingComes() {
        let rig = LivenessRig()
        rig.link(1, 2, 3)
        rig.pass(.seconds(1), answering: [2, 3])
        #expect(rig.suspicions.isEmpty)
        rig.pass(.seconds(4), answering: [2, 3])
        #expect(rig.state(1) == .suspect && rig.suspicion(1) == .silent)
        rig.pass(.seconds(13), answering: [2, 3])
        #expect(rig.state(1) == .dead && rig.suspicion(1) == .dead)
        rig.machine.heard(from: LivenessRig.peer(1), now: rig.now)
        rig.pull()
        #expect(rig.suspicion(1) == NeighbourSuspicion.none)
        #expect(rig.suspicion(2) == nil && rig.suspicion(3) == nil)
    }

    /// The neighbour lives, and what is sent to it does not arrive.
    @Test func whoIsReachedByAnotherIsSilentAllTheSame() {
        let rig = LivenessRig()
        rig.link(1, 2)
        for _ in 0..<100 {
            rig.pass(.milliseconds(100), answering: [2])
            for request in rig.takeSent(to: 2).flatMap(\.requests) {
                var frame = LivenessFrame()
                frame.reports = [.init(request.number, .reached)]
                rig.receive(frame, from: 2)
            }
        }
        #expect(rig.state(1) == .alive && rig.suspicion(1) == .silent)
        #expect(rig.machine.score == 0)
        rig.say(1, LivenessClaim(LivenessRig.peer(1), incarnation: 1))
        #expect(rig.suspicion(1) == NeighbourSuspicion.none)
    }

    /// A node with three neighbours, the first of which has let one question pass and was asked the second just now.
    private static func asked() -> LivenessRig {
        let rig = LivenessRig()
        rig.link(1, 2, 3)
        var questions: Set<UInt32> = []
        while questions.count < 2 {
            _ = rig.takeSent(to: 2)
            rig.pass(.milliseconds(10), answering: [2, 3])
            questions = Set(rig.probed.filter { $0.peer == LivenessRig.peer(1) }.map(\.number))
        }
        return rig
    }

    @Test func oneQuestionWithoutAnAnswerMakesNobodySilent() {
        let rig = Self.asked()
        #expect(rig.suspicions.isEmpty)
        rig.pass(.seconds(10), answering: [1, 2, 3])
        #expect(rig.suspicions.isEmpty)
        let silent = Self.asked()
        _ = silent.takeSent(to: 2)
        silent.pass(.seconds(2), answering: [2, 3])
        #expect(silent.suspicion(1) == .silent)
        // Others know nothing of the link.
        #expect(silent.takeSent(to: 2).flatMap(\.requests) == [])
    }

    /// The second question has its time, whoever has others asked meanwhile.
    @Test func whoAsksOnAnothersBehalfMakesNobodySilentSooner() {
        let rig = Self.asked()
        for number in UInt32(1)...3 {
            var frame = LivenessFrame()
            frame.requests = [.init(number, LivenessRig.peer(1))]
            rig.receive(frame, from: 2)
        }
        #expect(rig.suspicions.isEmpty)
        rig.pass(.seconds(2), answering: [1, 2, 3])
        #expect(rig.suspicions.isEmpty)
    }

    /// Nor when it is half over, and what they want to know is asked after it.
    @Test func whoAsksInTheMiddleOfTheSecondQuestionWaitsForItsEnd() {
        let rig = Self.asked()
        func questions() -> [UInt32] { rig.probed.filter { $0.peer == LivenessRig.peer(1) }.map(\.number) }
        let count = questions().count
        while questions().count == count { rig.pass(.milliseconds(10), answering: [2, 3]) }
        #expect(questions().last == questions()[count - 1], "it is repeated")
        var frame = LivenessFrame()
        frame.requests = [.init(1, LivenessRig.peer(1))]
        rig.receive(frame, from: 2)
        #expect(rig.suspicions.isEmpty)
        while questions().count == count + 1 { rig.pass(.milliseconds(10), answering: [2, 3]) }
        #expect(rig.suspicion(1) == .silent)
        #expect(questions()[count + 1] != questions()[count], "it is asked anew")
    }

    @Test func aQuestionToTheLinkBeforeDoesNotCount() {
        let rig = Self.asked()
        rig.machine.linkDown(LivenessRig.peer(1), .lost, now: rig.now)
        rig.machine.linkUp(LivenessRig.peer(1), now: rig.now)
        rig.pull()
        let before = rig.probed.count { $0.peer == LivenessRig.peer(1) }
        while !rig.probed.dropFirst(before).contains(where: { $0.peer == LivenessRig.peer(1) }) {
            rig.pass(.milliseconds(10), answering: [2, 3])
        }
        rig.pass(.milliseconds(1100), answering: [2, 3])
        #expect(rig.suspicion(1) != .silent)
    }

    @Test func othersWordMakesNobodySilent() {
        let rig = LivenessRig()
        rig.link(1, 2)
        for round in 0..<30 {
            let state: LivenessClaim.State = round % 2 == 0 ? .dead : .suspect
            rig.say(2, LivenessClaim(LivenessRig.peer(1), state, incarnation: 1))
            rig.pass(.seconds(1), answering: [1, 2])
        }
        #expect(rig.state(1) == .suspect && rig.suspicions.isEmpty)
    }

    /// Others still reach it: it contradicts, and its link is as bad as before.
    @Test func whoContradictsElsewhereIsNotDeadAndSilentStill() {
        let rig = LivenessRig()
        rig.link(1, 2, 3)
        rig.pass(.seconds(18), answering: [2, 3])
        #expect(rig.suspicion(1) == .dead)
        rig.say(2, LivenessClaim(LivenessRig.peer(1), incarnation: 2))
        #expect(rig.state(1) == .alive && rig.suspicion(1) == .silent)
    }

    @Test func aLinkThatComesAgainBeginsWithoutSilence() {
        let rig = LivenessRig()
        rig.link(1, 2, 3)
        rig.pass(.seconds(5), answering: [2, 3])
        #expect(rig.suspicion(1) == .silent)
        rig.machine.linkDown(LivenessRig.peer(1), .lost, now: rig.now)
        rig.pass(.seconds(1), answering: [2, 3])
        // What others say meanwhile is no word on its link.
        rig.say(2, LivenessClaim(LivenessRig.peer(1), .dead, incarnation: 1))
        #expect(rig.suspicion(1) == .silent)
        rig.link(1)
        #expect(rig.suspicion(1) == NeighbourSuspicion.none)
        rig.pass(.seconds(15), answering: [2, 3])
        #expect(rig.suspicion(1) != NeighbourSuspicion.none)
    }
}
