import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

@Suite struct MailboxSenderTests {
    private typealias Kit = MailboxSenderKit

    private let id = MailboxKit.id(1)
    private let bob = Kit.bob
    private let names = Kit.names

    @Test func aMessageWaitsForItsRecipientFirst() {
        var kit = Kit()
        kit.hold(1)
        kit.advance(.milliseconds(9999))
        kit.expect([])
        kit.advance(.milliseconds(1))
        kit.expect([.seek(bob)])
        kit.list([names[0]])
        kit.expect([.reach(names[0])])
        kit.linkUp(names[0])
        kit.expect([.offer(id, to: names[0])])
        #expect(kit.rowCount == 1 && kit.sender.copyCount(of: id) == 1)
        kit.verdict(1, .stored, from: names[0])
        kit.expect([.stored(id, by: names[0], at: kit.wallNow)])
        #expect(kit.sender.holders(of: id) == [names[0]] && kit.sender.holders == [names[0]])
    }

    @Test func nothingIsLeftWithMailboxesWhileTheRecipientIsThere() {
        var kit = Kit()
        kit.hold(1, isPresent: true)
        kit.list([names[0]])
        kit.linkUp(names[0])
        kit.advance(.seconds(100))
        kit.expect([])
        kit.sender.absent(bob, now: kit.now)
        kit.advance(.seconds(5))
        kit.sender.present(bob, now: kit.now)
        kit.advance(.seconds(100))
        kit.expect([])
        kit.sender.absent(bob, now: kit.now)
        kit.advance(.seconds(10))
        kit.expect([.offer(id, to: names[0])])
    }

    @Test func whoIsThereWhenItsMessagesAreRestoredIsThere() throws {
        var kit = Kit.stored()
        try kit.restart(holding: [1, 2], isPresent: true)
        kit.list([names[0], names[1]])
        kit.linkUp(names[1])
        kit.advance(.seconds(100))
        kit.expect([])
        #expect(kit.sender.copyCount(of: id) == 1)
        kit.sender.absent(bob, now: kit.now)
        kit.advance(.seconds(10))
        kit.expect([.reach(names[0]), .offer(id, to: names[1]), .offer(MailboxKit.id(2), to: names[1])])
    }

    @Test func aCopyCountsOnTheDiskBeforeItIsOffered() throws {
        var kit = Kit()
        kit.hold(1)
        kit.list([names[0]])
        kit.linkUp(names[0])
        kit.advance(.milliseconds(9999))
        kit.sender.advance(to: kit.now + .milliseconds(1))
        #expect(kit.sender.nextAction() == .write)
        #expect(kit.sender.nextAction() == nil)
        let taken = kit.sender.takeBatch()
        let batch = try #require(taken)
        #expect(kit.sender.nextAction() == nil, "not before the disk has it")
        kit.disk.apply(batch)
        // A crash right here, and nobody knows whether it was offered.
        try kit.restart(holding: [1])
        #expect(kit.sender.copyCount(of: id) == 1)
        kit.sender.storeFailed(now: kit.now)
        kit.list(names)
        for name in names { kit.linkUp(name) }
        kit.advance(.seconds(10))
        #expect(kit.sender.copyCount(of: id) == MailboxProtocol.copyCountMax)
        #expect(kit.actions.contains(.offer(id, to: names[0])), "the one that may have it is asked again")
    }

    @Test func aBatchThatFailsMakesNoOffer() {
        var kit = Kit()
        kit.hold(1)
        kit.list([names[0]])
        kit.linkUp(names[0])
        kit.isDiskBroken = true
        kit.advance(.seconds(10))
        kit.expect([])
        #expect(kit.sender.copyCount(of: id) == 0)
        kit.advance(.seconds(6))
        kit.expect([.offer(id, to: names[0])])
        #expect(kit.rowCount == 1)
    }

    @Test func fourMailboxesHaveItAtMost() {
        var kit = Kit()
        kit.hold(1)
        kit.list(names)
        for name in names { kit.linkUp(name) }
        kit.advance(.seconds(10))
        kit.expect(names.prefix(4).map { .offer(id, to: $0) })
        kit.verdict(1, .refusedByPolicy, from: names[1])
        kit.expect([.offer(id, to: names[4])])
        kit.verdict(1, .refusedFull, from: names[0])
        kit.expect([.offer(id, to: names[5])])
        for name in names { kit.verdict(1, .stored, from: name) }
        let wallNow = kit.wallNow
        kit.expect([2, 3, 4, 5].map { .stored(id, by: names[$0], at: wallNow) })
        kit.advance(.seconds(3000))
        kit.expect([])
        #expect(kit.sender.copyCount(of: id) == 4)
    }

    @Test func aMailboxThatIsFullIsAskedLaterAndOneThatRefusesIsNot() {
        var kit = Kit()
        kit.hold(1)
        kit.list([names[0], names[1]])
        kit.linkUp(names[0])
        kit.linkUp(names[1])
        kit.advance(.seconds(10))
        kit.expect([.offer(id, to: names[0]), .offer(id, to: names[1])])
        kit.verdict(1, .refusedFull, from: names[0])
        kit.verdict(1, .refusedTooLarge, from: names[1])
        #expect(kit.sender.copyCount(of: id) == 0 && kit.rowCount == 0)
        kit.advance(.seconds(4))
        kit.expect([])
        kit.advance(.seconds(2))
        kit.expect([.offer(id, to: names[0])])
        kit.verdict(1, .failed, from: names[0])
        kit.advance(.seconds(8))
        kit.expect([])
        kit.advance(.seconds(4))
        kit.expect([.offer(id, to: names[0])])
    }

    /// Over others each visit ends when it is idle, and another one would begin.
    @Test func aMailboxThatIsFullIsLeftAloneHoweverItIsConnected() {
        var kit = Kit()
        kit.hold(1)
        kit.list([names[0]])
        kit.linkUp(names[0])
        kit.advance(.seconds(10))
        kit.expect([.offer(id, to: names[0])])
        kit.verdict(1, .refusedFull, from: names[0])
        kit.sender.linkDown(names[0], now: kit.now)
        kit.advance(.seconds(4))
        kit.expect([])
        kit.linkUp(names[0])
        kit.expect([])
        kit.advance(.seconds(2))
        kit.expect([.offer(id, to: names[0])])
        kit.verdict(1, .failed, from: names[0])
        kit.sender.linkDown(names[0], now: kit.now)
        kit.advance(.seconds(8))
        kit.expect([])
        kit.advance(.seconds(4))
        kit.expect([.reach(names[0])])
        kit.linkUp(names[0])
        kit.expect([.offer(id, to: names[0])])
    }

    @Test func aMailboxThatIsFullIsReachedForWhatItIsToErase() {
        var kit = Kit.stored()
        kit.hold(2)
        kit.advance(.seconds(10))
        kit.expect([.offer(MailboxKit.id(2), to: names[0])])
        kit.verdict(2, .refusedFull, from: names[0])
        kit.sender.linkDown(names[0], now: kit.now)
        kit.advance(.seconds(1))
        kit.expect([])
        kit.settled(1)
        kit.expect([.reach(names[0])])
        kit.linkUp(names[0])
        kit.expect([.erase([id], at: names[0])])
    }

    @Test func aMailboxThatDidNotAnswerIsAskedAgainOverAnotherConnection() {
        var kit = Kit()
        kit.hold(1)
        kit.list([names[0]])
        kit.linkUp(names[0])
        kit.advance(.seconds(70))
        kit.expect([.offer(id, to: names[0])])
        kit.sender.linkDown(names[0], now: kit.now)
        kit.linkUp(names[0])
        kit.expect([.offer(id, to: names[0])])
    }

    @Test func onlyWhatWasAskedForIsAnAnswer() {
        var kit = Kit.stored()
        let (stored, now, wallNow) = (MailboxAnswer.Verdict(id: id, verdict: .stored), kit.now, kit.wallNow)
        var wasAsked = [
            kit.sender.verdict(stored, from: names[0], now: now, wallNow: wallNow),
            kit.sender.erased([id], by: names[0], now: now),
            kit.sender.status(MailboxStatus(), from: names[0], now: now),
        ]
        kit.settled(1)
        wasAsked.append(kit.sender.erased([id], by: names[1], now: now))
        #expect(wasAsked == [false, false, false, false])
        let wasErasureAsked = kit.sender.erased([id], by: names[0], now: now)
        #expect(wasErasureAsked)
    }

    @Test func whatBecameOfAnOfferThatWasCutOffIsAsked() {
        var kit = Kit()
        kit.hold(1)
        kit.list([names[0]])
        kit.linkUp(names[0])
        kit.advance(.seconds(10))
        kit.expect([.offer(id, to: names[0])])
        kit.sender.linkDown(names[0], now: kit.now)
        kit.pull()
        #expect(kit.sender.copyCount(of: id) == 1, "it may be there")
        kit.advance(.seconds(6))
        kit.expect([.reach(names[0])])
        kit.sender.unreachable(names[0], now: kit.now)
        kit.advance(.seconds(12))
        kit.expect([.reach(names[0])])
        kit.linkUp(names[0])
        kit.expect([.offer(id, to: names[0])])
        kit.advance(.seconds(60))
        kit.expect([])
        kit.advance(.seconds(6))
        kit.expect([.offer(id, to: names[0])])
    }

    @Test func aSettledMessageIsErasedEverywhere() throws {
        var kit = Kit.stored()
        kit.settled(1)
        kit.expect([.erase([id], at: names[0])])
        #expect(kit.rowCount == 1, "until the mailbox has said so")
        kit.sender.erased([id], by: names[0], now: kit.now)
        kit.pull()
        kit.expect([])
        #expect(kit.rowCount == 0 && kit.sender.holders.isEmpty)
        #expect(kit.sender.nextDeadline == nil)
    }

    @Test func anErasureOutlivesARestartAndAMailboxThatIsAway() throws {
        var kit = Kit.stored()
        kit.sender.linkDown(names[0], now: kit.now)
        try kit.restart(holding: [])
        kit.expect([.reach(names[0])])
        kit.sender.unreachable(names[0], now: kit.now)
        kit.advance(.seconds(6))
        kit.expect([.reach(names[0])])
        kit.linkUp(names[0])
        kit.expect([.erase([id], at: names[0])])
    }

    @Test func nobodyIsToldWhenAllHaveDroppedIt() throws {
        var kit = Kit.stored()
        kit.sender.linkDown(names[0], now: kit.now)
        kit.settled(1)
        kit.sender.unreachable(names[0], now: kit.now)
        kit.advance(.seconds(86_400 + 1800 - 11))
        #expect(kit.rowCount == 1)
        kit.advance(.seconds(2))
        #expect(kit.rowCount == 0 && kit.sender.holders.isEmpty)
    }

    @Test func whatAMailboxHasLostIsLeftAgain() {
        var kit = Kit.stored()
        kit.advance(.seconds(3601))
        kit.expect([.status([id], of: names[0])])
        kit.sender.status(MailboxStatus(), from: names[0], now: kit.now)
        kit.pull()
        kit.expect([])
        kit.advance(.seconds(3601))
        kit.expect([.status([id], of: names[0])])
        var status = MailboxStatus()
        status.missing = [id]
        kit.sender.status(status, from: names[0], now: kit.now)
        kit.pull()
        kit.expect([.lost(id, by: names[0]), .offer(id, to: names[0])])
    }

    /// It would have it for ever, offered anew each time, though it says that it keeps nothing for so long.
    @Test func whatAMailboxHasLetGoIsLeftWithOthersAndNotWithItAgain() {
        var kit = Kit.stored()
        kit.list([names[0], names[1]])
        kit.linkUp(names[1])
        kit.verdict(1, .stored, from: names[1])
        kit.actions = []
        kit.advance(.seconds(3601))
        var status = MailboxStatus()
        status.missing = [id]
        kit.sender.status(status, from: names[0], now: kit.now)
        kit.pull()
        kit.sender.status(MailboxStatus(), from: names[1], now: kit.now)
        kit.pull()
        kit.expect([
            .status([id], of: names[0]), .status([id], of: names[1]), .lost(id, by: names[0]),
            .offer(id, to: names[0]),
        ])
        kit.verdict(1, .expired, from: names[0])
        for _ in 0..<10 {
            kit.advance(.seconds(3600))
            kit.sender.status(MailboxStatus(), from: names[1], now: kit.now)
            kit.pull()
        }
        #expect(kit.actions.allSatisfy { $0 == .status([id], of: names[1]) })
        #expect(kit.sender.holders(of: id) == [names[1]] && kit.rowCount == 1)
    }

    @Test func aMailboxWithTheReceiptIsAskedForIt() {
        var kit = Kit()
        kit.hold(1)
        kit.list([names[0]])
        kit.linkUp(names[0])
        kit.advance(.seconds(10))
        kit.actions = []
        kit.verdict(1, .settled, from: names[0])
        kit.expect([.fetch(from: names[0])])
        kit.advance(.seconds(600))
        kit.expect([])
    }

    @Test func aListIsLookedForUntilItIsThere() {
        var kit = Kit()
        kit.hold(1)
        kit.advance(.seconds(10))
        kit.expect([.seek(bob)])
        kit.hold(2)
        kit.advance(.seconds(16))
        kit.expect([.seek(bob), .seek(bob)])
        kit.list([])
        kit.advance(.seconds(3600))
        kit.expect([])
    }

    @Test func offersAreBounded() {
        var kit = Kit()
        for number in 1...20 { kit.hold(UInt64(number)) }
        kit.list([names[0]])
        kit.linkUp(names[0])
        kit.advance(.seconds(10))
        kit.expect((1...8).map { .offer(MailboxKit.id($0), to: names[0]) })
        kit.verdict(3, .stored, from: names[0])
        kit.expect([
            .stored(MailboxKit.id(3), by: names[0], at: kit.wallNow), .offer(MailboxKit.id(9), to: names[0]),
        ])
        kit.verdict(3, .stored, from: names[0])
        kit.verdict(99, .stored, from: names[0])
        kit.verdict(4, .stored, from: names[1])
        kit.expect([])
    }

    @Test func tablesAreBounded() {
        var limits = MailboxSender.Limits()
        (limits.messageCountMax, limits.mailboxCountMax) = (2, 1)
        var kit = Kit(limits: limits)
        for number in 1...3 { kit.hold(UInt64(number)) }
        kit.list(names)
        kit.linkUp(names[0])
        kit.advance(.seconds(10))
        #expect(kit.sender.tableFills.allSatisfy { !$0.isOverfull })
        kit.actions = kit.actions.filter { $0 != .reach(names[0]) }
        kit.expect([.offer(MailboxKit.id(1), to: names[0]), .offer(MailboxKit.id(2), to: names[0])])
    }

    @Test func damagedRowsChangeNothing() throws {
        let kit = Kit.stored()
        let row = try #require(kit.disk.rows(of: MailboxTables.copies).first)
        var sender = MailboxSender(own: MessageKit.alice.peerID, seed: 1)
        func restore(_ key: StoreKey, _ value: [UInt8]) -> DeliveryRowError? {
            do throws(DeliveryRowError) {
                try sender.restore(StoreRow(key: key, value: value), now: kit.now, wallNow: kit.wallNow)
                return nil
            } catch { return error }
        }
        #expect(restore(row.key, [1]) == .malformed(.invalidFieldNumber))
        #expect(restore(StoreKey(MailboxTables.shelf, 1), row.value) == .unknownTable)
        #expect(restore(StoreKey(MailboxTables.copies, [1]), row.value) == .inconsistent)
        #expect(sender.holders.isEmpty)
        #expect(restore(row.key, row.value) == nil)
        #expect(restore(row.key, row.value) == .inconsistent)
        #expect(sender.holders == [names[0]])
    }
}
