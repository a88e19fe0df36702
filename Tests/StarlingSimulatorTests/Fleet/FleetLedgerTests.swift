import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh
@testable import StarlingNode
@testable import StarlingSimulator

@Suite struct FleetLedgerTests {
    @Test func whatIsHandedOutAgainAfterADeathIsNoDuplicate() throws {
        let rig = try LedgerRig()
        let number = rig.send()
        rig.see(number)
        rig.see(number, attempt: 2)
        rig.ledger.ended(number, .delivered, clockTolerance: .zero)
        rig.ledger.gone(rig.delivery(number))
        rig.ledger.checkDelivered { _, _ in true }
        #expect(rig.ledger.finish() == (0, 0))
        #expect(rig.ledger.violations == [] && rig.ledger.events == [])
        #expect(rig.ledger.counts.repeated == 1 && rig.ledger.counts.duplicated == 0)
    }

    @Test func anEntryAtASecondPlaceIsADuplicateAndToldWithItsTime() throws {
        let rig = try LedgerRig()
        let number = rig.send()
        rig.see(number, at: 3)
        rig.clock.moment = FleetMoment(nanoseconds: 2_500_000_000, step: 7)
        rig.see(number, at: 4)
        #expect(rig.broke("is delivered twice, at 3 and 4 (from node 0 to node 1)"))
        #expect(rig.ledger.violations[0].hasPrefix("at 2.5 s, step 7: "))
        #expect(rig.ledger.firstViolation == rig.clock.moment)
        #expect(rig.ledger.events == ["node 0: the last of 0", "node 1: the last of 1"])
        #expect(rig.ledger.counts.duplicated == 1)
    }

    @Test func anEntryIsNotHandedOutAgainAfterItsAcknowledgement() throws {
        let rig = try LedgerRig()
        let number = rig.send()
        rig.see(number)
        rig.ledger.gone(rig.delivery(number))
        rig.see(number, attempt: 2, in: 2)
        #expect(rig.broke("was acknowledged, and is handed out again"))
        #expect(rig.ledger.counts.duplicated == 1)
    }

    @Test func whatIsDealtWithDoesNotComeBackInTheSameLife() throws {
        let rig = try LedgerRig()
        let number = rig.send()
        rig.see(number)
        rig.ledger.finished(rig.delivery(number), in: 1)
        rig.see(number, attempt: 2)
        #expect(rig.broke("was dealt with, and the same node hands it out again"))
        #expect(rig.ledger.counts.duplicated == 1 && rig.ledger.counts.repeated == 0)
    }

    /// Whoever crashes before the disk can know of it has it again, in whichever later life; nobody else does.
    @Test(arguments: [(Duration.zero, false), (.milliseconds(2), false), (.nanoseconds(2_000_001), true)])
    func whatIsDealtWithComesBackOnlyWhereTheNodeCrashedAtOnce(time: Duration, isBroken: Bool) throws {
        let rig = try LedgerRig()
        let number = rig.send()
        rig.see(number)
        rig.clock.moment = FleetMoment(nanoseconds: 1_000_000_000, step: 1)
        rig.ledger.finished(rig.delivery(number), in: 1)
        rig.pass(time)
        rig.ledger.crashed(in: 1, of: 1)
        // The crash of another life, or of another node, says nothing.
        rig.pass(.seconds(3600))
        rig.ledger.crashed(in: 2, of: 1)
        rig.ledger.crashed(in: 1, of: 0)
        rig.see(number, attempt: 2, in: 3)
        #expect(rig.broke("was dealt with, and a later life hands it out again") == isBroken)
        #expect(rig.ledger.counts.duplicated == (isBroken ? 1 : 0))
        #expect(rig.ledger.counts.repeated == (isBroken ? 0 : 1))
    }

    @Test func whatIsDealtWithDoesNotComeBackAfterAnOrderlyStop() throws {
        let rig = try LedgerRig()
        let number = rig.send()
        rig.see(number)
        rig.ledger.finished(rig.delivery(number), in: 1)
        rig.see(number, attempt: 2, in: 2)
        #expect(rig.broke("was dealt with, and a later life hands it out again"))
    }

    @Test func anAttemptCountsUp() throws {
        let rig = try LedgerRig()
        let number = rig.send()
        rig.see(number, attempt: 2)
        rig.see(number, attempt: 2)
        #expect(rig.broke("is handed out again as attempt 2, after 2"))
    }

    @Test func aMessageThatExpiresBeforeItsTimeIsTold() throws {
        for (early, isBroken) in [(Duration.nanoseconds(1), true), (.zero, false)] {
            let rig = try LedgerRig()
            let number = rig.send()
            let age = rig.ledger.message(number).lifetime - early - .seconds(1)
            rig.clock.moment = FleetMoment(nanoseconds: age.nanosecondsClamped, step: 1)
            rig.ledger.ended(number, .expired, clockTolerance: .seconds(1))
            #expect(rig.broke("message \(number) expired after") == isBroken, "\(rig.ledger.violations)")
            #expect(rig.ledger.counts.expired == 1)
        }
    }

    @Test func messagesLiveAsLongAsTheLeastThatIsAskedForAndAreTheSameOtherwise() {
        let numbers: [UInt64] = Array(0..<200)
        for number in numbers {
            let usual = FleetMessage(number, seed: 1)
            let long = FleetMessage(number, seed: 1, lifetimeMin: .seconds(3600))
            #expect(long.lifetime == max(usual.lifetime, .seconds(3600)))
            #expect(long.patience == usual.patience && long.course == usual.course)
            #expect(long.answer == usual.answer)
        }
        #expect(numbers.contains { FleetMessage($0, seed: 1).lifetime < .seconds(3600) })
    }

    @Test func aMessageThatItsNodeForgotIsLost() throws {
        let rig = try LedgerRig()
        rig.ledger.unknown(rig.send())
        #expect(rig.broke("was accepted, and its node knows nothing of it"))
        #expect(rig.ledger.counts.lost == 1)
    }

    @Test func anEntryThatNobodySentIsTold() throws {
        let rig = try LedgerRig()
        var delivery = rig.delivery(rig.send())
        delivery.content.payload = [1, 2, 3]
        #expect(rig.ledger.sighted(delivery, by: 1, in: 1) == nil)
        #expect(rig.broke("node 1 sees an entry that nobody sent"))
    }

    @Test func whatIsDeliveredByItsSendersWordAloneIsLost() throws {
        let rig = try LedgerRig()
        rig.ledger.ended(rig.send(), .delivered, clockTolerance: .zero)
        rig.ledger.checkDelivered { _, _ in nil }
        #expect(rig.ledger.violations == [], "who is down cannot be asked")
        rig.ledger.checkDelivered { _, _ in false }
        #expect(rig.broke("is delivered by its sender's word, and not in the inbox"))
    }

    @Test func ofManyBrokenRulesTheFirstAreToldAndOfTwoTheLastEvents() throws {
        let rig = try LedgerRig()
        #expect(rig.ledger.firstViolation == nil)
        for step in 1...20 {
            rig.clock.moment = FleetMoment(nanoseconds: 0, step: step)
            rig.ledger.violate("rule \(step)", involving: [step])
        }
        #expect(rig.ledger.violations.count == 20)
        rig.ledger.violate("another rule", involving: [7])
        #expect(rig.ledger.violations.count == 21 && rig.ledger.violations.last == "… and 1 more")
        #expect(rig.ledger.firstViolation?.step == 1)
        #expect(rig.ledger.events == ["node 1: the last of 1", "node 2: the last of 2"])
    }

    @Test(arguments: [480, 481]) func asManyEventsAreToldAsEightNodesHave(count: Int) throws {
        let rig = try LedgerRig()
        rig.ledger.recentEvents = { node in (0..<60).map { "event \($0) of \(node)" } }
        rig.ledger.violate("one", involving: Array(0..<3))
        rig.ledger.violate("another", involving: Array(0..<count / 60 - 3) + (count > 480 ? [9] : []))
        #expect(rig.ledger.events.count == 480)
        #expect(rig.ledger.events.last == "node 4: event 59 of 4")
    }

    @Test func whatIsLeftAtTheEndIsPendingWhereItWasAccepted() throws {
        let rig = try LedgerRig()
        _ = rig.send()
        _ = rig.ledger.ask(from: 1, to: 0)
        #expect(rig.ledger.finish() == (1, 1))
        #expect(rig.ledger.violations.count == 2)
        #expect(rig.ledger.violations[0].contains("message 0 is pending at the end"))
        #expect(rig.ledger.violations[1].contains("message 1 is not accepted at the end"))
    }
}
