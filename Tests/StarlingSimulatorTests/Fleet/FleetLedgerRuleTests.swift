import StarlingCore
import Testing

@testable import StarlingMesh
@testable import StarlingNode
@testable import StarlingSimulator

/// Each rule of the ledger that a node which does not keep its word would break.
@Suite struct FleetLedgerRuleTests {
    @Test func aMessageIsAcceptedUnderOneID() throws {
        let rig = try LedgerRig()
        let number = rig.send()
        rig.ledger.accepted(number, as: LedgerRig.id(number))
        #expect(rig.ledger.violations == [] && rig.ledger.counts.accepted == 1)
        rig.ledger.accepted(number, as: LedgerRig.id(7))
        #expect(rig.broke("message 0 was accepted as \(LedgerRig.id(0)), and again as \(LedgerRig.id(7))"))
        #expect(rig.ledger.counts.duplicated == 1 && rig.ledger.counts.accepted == 1)
    }

    @Test func aMessageEndsOnce() throws {
        let rig = try LedgerRig()
        let number = rig.send()
        rig.see(number)
        rig.ledger.ended(number, .delivered, clockTolerance: .zero)
        #expect(rig.ledger.violations == [])
        rig.ledger.ended(number, .expired, clockTolerance: .zero)
        #expect(rig.broke("message 0 ended twice: expired"))
        #expect(rig.ledger.counts.delivered == 1 && rig.ledger.counts.expired == 0)
    }

    @Test func nobodyRefusesAMessageForGood() throws {
        let rig = try LedgerRig()
        let number = rig.send()
        rig.ledger.ended(number, .refused(.refusedByPolicy), clockTolerance: .zero)
        #expect(rig.broke("message 0 was refused"))
        #expect(rig.ledger.counts.refused == 1)
    }

    @Test(arguments: [OutboxMessage.State.storing, .queued, .sent, .fetching, .damaged])
    func aMessageHasNoOtherEnd(state: OutboxMessage.State) throws {
        let rig = try LedgerRig()
        let number = rig.send()
        rig.ledger.ended(number, state, clockTolerance: .zero)
        #expect(rig.broke("message 0 ended as \(state)"))
    }

    @Test func anEntryIsForWhoSeesIt() throws {
        let rig = try LedgerRig()
        let number = rig.send()
        _ = rig.ledger.sighted(rig.delivery(number), by: 0, in: 1)
        #expect(rig.broke("node 0 sees message 0, which is not for it or not from its sender"))
    }

    @Test func anEntryIsFromWhoSentIt() throws {
        let rig = try LedgerRig()
        var delivery = rig.delivery(rig.send())
        delivery.entry.from = rig.peerIDs[1]
        _ = rig.ledger.sighted(delivery, by: 1, in: 1)
        #expect(rig.broke("node 1 sees message 0, which is not for it or not from its sender"))
    }

    @Test func anEntryIsWhatWasSentByteForByte() throws {
        let rig = try LedgerRig()
        var delivery = rig.delivery(rig.send())
        delivery.content.payload[delivery.content.payload.count - 1] ^= 1
        _ = rig.ledger.sighted(delivery, by: 1, in: 1)
        #expect(rig.broke("message 0 is not what was sent"))
    }

    @Test func anEntryHasTheIDUnderWhichItWasAccepted() throws {
        let rig = try LedgerRig()
        let number = rig.send()
        var delivery = rig.delivery(number)
        delivery.entry.id = LedgerRig.id(7)
        _ = rig.ledger.sighted(delivery, by: 1, in: 1)
        #expect(rig.broke("message 0 was accepted as \(LedgerRig.id(0)) and arrives as \(LedgerRig.id(7))"))
    }

    @Test func whatWasRefusedDoesNotArrive() throws {
        let rig = try LedgerRig()
        let number = rig.send()
        rig.ledger.ended(number, .refused(.refusedByPolicy), clockTolerance: .zero)
        rig.see(number)
        #expect(rig.ledger.violations.count == 2)
        #expect(rig.ledger.violations[1].contains("message 0 was refused, and arrives all the same"))
    }

    @Test func whatIsDeliveredBySomebodysWordIsSeenInTheEnd() throws {
        let rig = try LedgerRig()
        let number = rig.send()
        rig.ledger.ended(number, .delivered, clockTolerance: .zero)
        rig.ledger.checkDelivered { _, _ in nil }
        #expect(rig.ledger.violations == [])
        #expect(rig.ledger.finish() == (0, 0))
        #expect(rig.broke("message 0 is delivered by its sender's word, and nobody saw it"))
        #expect(rig.ledger.counts.lost == 1)
    }

    @Test(arguments: [false, true]) func theAnswerOfARequestThatWasHandledIsSeen(isSeen: Bool) throws {
        let rig = try LedgerRig()
        let number = rig.send()
        rig.see(number)
        rig.ledger.handled(number)
        rig.ledger.ended(number, .delivered, clockTolerance: .zero)
        if isSeen { rig.seeAnswer(number) }
        #expect(rig.ledger.finish() == (0, 0))
        #expect(rig.broke("request 0 was handled, and its answer was never seen") == !isSeen)
        #expect(rig.ledger.counts.lost == (isSeen ? 0 : 1) && rig.ledger.counts.answered == (isSeen ? 1 : 0))
    }
}
