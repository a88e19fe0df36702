import StarlingCore
import StarlingMesh
import Testing

/// How often a node asks and tells, and what an answer must be to count.
@Suite struct LivenessPaceTests {
    private static let limits = Liveness.Limits()
    private static let step = limits.probeIntervalLinkCount

    // MARK: Probes

    @Test(
        arguments: [
            (step - 1, 1), (step, 2), (2 * step - 1, 2), (2 * step, 4),
            (limits.linkCountMax, 1 << limits.probeIntervalDoublingMax),
        ]
    )
    func theMoreNeighboursTheLessOftenANodeAsks(linkCount: Int, factor: Int) {
        let rig = LivenessRig()
        rig.link(1...linkCount)
        let interval = Self.limits.probeInterval * factor
        rig.pass(interval * (2 * linkCount + 2), answering: Set(1...linkCount))
        let gaps = zip(rig.probed, rig.probed.dropFirst()).map { $0.at.duration(to: $1.at) }
        #expect(gaps.count >= 2 * linkCount && gaps.allSatisfy { $0 == interval })
        // In turn: none is asked again before all others were.
        for start in 0...linkCount {
            #expect(Set(rig.probed[start..<start + linkCount].map(\.peer)).count == linkCount)
        }
        #expect(rig.machine.score == 0)
    }

    @Test func theLinksThatThereAreCountAndNotThoseThatWere() {
        let rig = LivenessRig()
        rig.link(1...Self.step)
        rig.pass(.seconds(20), answering: Set(1...Self.step))
        rig.machine.linkDown(LivenessRig.peer(1), .closed, now: rig.now)
        // What is due is still due when it was.
        rig.pass(Self.limits.probeInterval * 2, answering: Set(2...Self.step))
        rig.probed = []
        rig.pass(.seconds(20), answering: Set(2...Self.step))
        let gaps = zip(rig.probed, rig.probed.dropFirst()).map { $0.at.duration(to: $1.at) }
        #expect(gaps.count > 10 && gaps.allSatisfy { $0 == Self.limits.probeInterval })
    }

    @Test func whoSpeaksIsNotAsked() {
        let rig = LivenessRig()
        rig.link(1, 2)
        rig.pass(.seconds(2), answering: [1, 2])
        rig.probed = []
        for _ in 0..<100 {
            rig.machine.heard(from: LivenessRig.peer(1), now: rig.now)
            rig.pass(.milliseconds(300), answering: [1, 2])
        }
        #expect(!rig.probed.isEmpty && rig.probed.allSatisfy { $0.peer == LivenessRig.peer(2) })
    }

    // MARK: Answers

    /// Whoever answered ahead of the question would look nearer than it is.
    @Test func whoGuessesTheNextNumberHasAnsweredNothing() throws {
        let rig = LivenessRig()
        rig.link(1, 2)
        // The processor is gone for a minute, three times.
        for _ in 0..<3 {
            rig.now = rig.now + .seconds(60)
            rig.machine.advance(to: rig.now)
            rig.pull()
            rig.now = rig.now + .milliseconds(1)
            for number in 1...2 { rig.machine.heard(from: LivenessRig.peer(number), now: rig.now) }
        }
        let score = rig.machine.score
        #expect(score > 0)
        var before: UInt32 = 0
        for _ in 0..<50 {
            let count = rig.probed.count
            while rig.probed.count == count { rig.pass(.milliseconds(50)) }
            rig.pass(.milliseconds(1))
            // As many numbers behind the one before as a frame may answer.
            let guesses = (1...UInt32(LivenessFrame.Limits().ackCountMax)).map { before &+ $0 }
            answer(rig, with: guesses)
            before = try #require(rig.probed.last).number
        }
        #expect(rig.measured.isEmpty && rig.machine.score == score)
        answer(rig, with: [before])
        #expect(rig.measured.count == 1 && rig.machine.score == score - 1)
    }

    /// The neighbour that was asked last answers with these numbers.
    private func answer(_ rig: LivenessRig, with numbers: [UInt32]) {
        var frame = LivenessFrame()
        frame.acks = numbers
        let isFirst = rig.probed.last?.peer == LivenessRig.peer(1)
        rig.receive(frame, from: isFirst ? 1 : 2)
    }

    // MARK: News

    @Test func thatOthersAreStillThereIsToldTogetherAndInTime() throws {
        // No question takes it along.
        var limits = Self.limits
        limits.probeInterval = .seconds(10_000_000)
        let rig = LivenessRig(limits)
        rig.link(1, 2)
        for number in 10..<20 { rig.say(1, LivenessClaim(LivenessRig.peer(number), incarnation: 1)) }
        rig.pass(.seconds(1))
        rig.sent = []
        var heard: [(claim: LivenessClaim, at: Instant)] = []
        for second in 0..<200 {
            let peer = LivenessRig.peer(10 + second % 10)
            let claim = LivenessClaim(peer, incarnation: UInt64(2 + second / 10))
            rig.say(1, claim)
            heard.append((claim, rig.now))
            rig.pass(.seconds(1))
        }
        rig.pass(limits.lazyInterval)
        let frames = rig.sent
        #expect(rig.probed.isEmpty && frames.allSatisfy { $0.to == LivenessRig.peer(2) })
        for (frame, next) in zip(frames, frames.dropFirst()) {
            #expect(frame.at.duration(to: next.at) >= limits.lazyInterval)
        }
        // A claim that holds over another says all that the other did.
        for (claim, moment) in heard {
            let told = frames.first { frame in
                frame.frame.claims.contains {
                    $0.peer == claim.peer && $0.incarnation >= claim.incarnation
                }
            }
            #expect(moment.duration(to: try #require(told).at) <= limits.lazyInterval)
        }
    }

    @Test func aQuestionTakesAlongThatOthersAreStillThere() throws {
        let rig = LivenessRig()
        rig.link(1, 2)
        rig.say(1, LivenessClaim(LivenessRig.peer(9), incarnation: 1))
        rig.pass(.seconds(10), answering: [1, 2])
        rig.sent = []
        rig.say(1, LivenessClaim(LivenessRig.peer(9), incarnation: 2))
        rig.pass(Self.limits.lazyInterval - .seconds(1), answering: [1, 2])
        let first = try #require(rig.sent.first { $0.to == LivenessRig.peer(2) })
        #expect(first.frame.claims.map(\.incarnation) == [2])
        #expect(rig.probed.contains { $0.peer == LivenessRig.peer(2) && $0.at == first.at })
        #expect(rig.sent.flatMap(\.frame.claims).count == 1, "and nobody is told twice")
    }
}
