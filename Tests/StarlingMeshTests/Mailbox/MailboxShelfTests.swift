import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

@Suite struct MailboxShelfTests {
    private let alice = MailboxKit.alice
    private let bob = MailboxKit.bob
    private let carol = MailboxKit.carol

    @Test func keepsWhatItWroteAndGivesItToItsRecipientOnly() throws {
        var kit = MailboxKit()
        let envelope = try MailboxKit.envelope(1)
        kit.shelf.offer(envelope, from: alice.peerID, now: kit.now, wallNow: kit.wallNow)
        #expect(kit.shelf.nextAction() == .write)
        #expect(kit.shelf.nextAction() == nil, "nothing is said before it is on the disk")
        #expect(kit.shelf.fetch(.init(), for: bob.peerID).keys.isEmpty)
        kit.write()
        kit.pull()
        #expect(kit.actions == [.verdict(to: alice.peerID, .init(id: MailboxKit.id(1), verdict: .stored))])
        let page = kit.page()
        #expect(page == MailboxPage(envelopes: [envelope.encoded]))
        let foreign = kit.page(for: carol.peerID)
        #expect(foreign == MailboxPage())
    }

    @Test func servesNobodyUnlessTold() throws {
        let envelope = try MailboxKit.envelope(1)
        let policies: [(MailboxPolicy, MailboxVerdict)] = [
            (.nobody, .refusedByPolicy), (.named([carol.peerID]), .refusedByPolicy),
            (.contacts([carol.peerID]), .refusedByPolicy), (.named([bob.peerID]), .stored),
            (.contacts([bob.peerID]), .stored), (.anyone, .stored),
        ]
        for (policy, verdict) in policies {
            var kit = MailboxKit(policy: policy)
            kit.expect(verdict, of: envelope, "\(policy.scope)")
            #expect(kit.shelf.status(for: bob.peerID).serves == (verdict == .stored))
        }
        let shelf = MailboxShelf(own: MailboxKit.dora.peerID)
        #expect(shelf.policy == .nobody)
    }

    @Test func refusesWhatIsNotItsBusiness() throws {
        var kit = MailboxKit(policy: .anyone)
        kit.expect(.refusedReadable, of: try MailboxKit.envelope(1, privacy: .standard))
        kit.expect(.refusedForeign, of: try MailboxKit.envelope(2), from: carol.peerID)
        kit.expect(.refusedForeign, of: try MailboxKit.envelope(3, to: nil))
        kit.expect(.refusedByPolicy, of: try MailboxKit.envelope(4, to: MailboxKit.dora.peerID), "it is here")
        kit.expect(
            .refusedByPolicy,
            of: try MailboxKit.envelope(5, to: alice.peerID),
            "nobody is away from itself"
        )
        #expect(kit.rowCount == 0 && kit.shelf.count == 0)
    }

    @Test func aCopyEndsWithItsLifetimeAndWhatClocksMayDiffer() throws {
        var kit = MailboxKit()
        kit.expect(.stored, of: try MailboxKit.envelope(1, lifetime: .seconds(60)))
        kit.advance(.seconds(60 + 899))
        #expect(kit.shelf.count == 1)
        kit.advance(.seconds(1))
        #expect(kit.shelf.count == 0 && kit.rowCount == 0)
        #expect(kit.shelf.nextDeadline == nil)
        kit.advance(.seconds(1))
        kit.expect(.expired, of: try MailboxKit.envelope(1, lifetime: .seconds(60)))
        // One that is dated in the future lives no longer than one that is made right now.
        var future = kit.wallNow
        future.millisecondsSince1970 += 86_400_000
        kit.expect(.stored, of: try MailboxKit.envelope(2, created: future, lifetime: .seconds(60)))
        kit.advance(.seconds(60 + 900))
        #expect(kit.shelf.count == 0)
    }

    private func limits(lifetime: Duration, letGoCountMax: Int = 10) -> MailboxShelf.Limits {
        var limits = MailboxShelf.Limits()
        (limits.lifetime, limits.letGoCountMax) = (lifetime, letGoCountMax)
        return limits
    }

    @Test func nothingIsKeptForLongerThanTheMailboxsUserWants() throws {
        var kit = MailboxKit(limits: limits(lifetime: .seconds(3600)))
        kit.expect(.stored, of: try MailboxKit.envelope(1))
        kit.expect(.stored, of: try MailboxKit.envelope(2, lifetime: .seconds(60)))
        kit.advance(.seconds(60 + 900))
        try kit.expectFetched([1], "its own lifetime is over first")
        kit.advance(.seconds(2639))
        kit.expect(.stored, of: try MailboxKit.envelope(3))
        try kit.expectFetched([1, 3])
        kit.advance(.seconds(1))
        try kit.expectFetched([3], "each from when it came")
        #expect(kit.shelf.holdings.map(\.lastEnd) == [kit.now + .seconds(3599)])
        kit.advance(.seconds(3599))
        #expect(kit.shelf.count == 0 && kit.rowCount == 0 && kit.shelf.nextDeadline == nil)
    }

    @Test func whatWasLetGoIsNotTakenAgain() throws {
        var kit = MailboxKit(limits: limits(lifetime: .seconds(3600)), policy: .anyone)
        kit.expect(.stored, of: try MailboxKit.envelope(1))
        kit.expect(.stored, of: try MailboxKit.envelope(2, lifetime: .seconds(60)))
        kit.advance(.seconds(3600))
        kit.expect(.expired, of: try MailboxKit.envelope(1), "its sender finds others")
        kit.expect(.stored, of: try MailboxKit.envelope(1, from: carol), "whoever draws the id of another's")
        let status = kit.shelf.status(for: alice.peerID, [MailboxKit.id(1)])
        #expect(status.missing == [MailboxKit.id(1)])
        // It is remembered for as long as the message is of use.
        kit.advance(.seconds(86_400 - 3600 + 899))
        kit.expect(.expired, of: try MailboxKit.envelope(1))
        #expect(kit.shelf.letGo.count == 2)
        kit.advance(.seconds(1))
        #expect(kit.shelf.letGo.isEmpty && kit.shelf.letGoOrder.isEmpty)
    }

    @Test func soManyThatWereLetGoAreRemembered() throws {
        var kit = MailboxKit(limits: limits(lifetime: .seconds(60), letGoCountMax: 2))
        for number in UInt64(1)...3 {
            kit.expect(.stored, of: try MailboxKit.envelope(number))
            kit.advance(.seconds(60))
            #expect(kit.shelf.tableFills.allSatisfy { !$0.isOverfull })
        }
        kit.expect(.expired, of: try MailboxKit.envelope(3))
        kit.expect(.expired, of: try MailboxKit.envelope(2))
        kit.expect(.stored, of: try MailboxKit.envelope(1), "the first is forgotten first")
    }

    @Test func whatIsOnTheDiskKeepsToALimitThatIsShorterThanItWas() throws {
        var before = MailboxKit()
        before.expect(.stored, of: try MailboxKit.envelope(1))
        before.expect(.stored, of: try MailboxKit.envelope(2))
        before.shelf.acknowledge(MailboxKit.receipt([2]), now: before.now, wallNow: before.wallNow)
        before.pull()
        before.advance(.seconds(1800))
        before.expect(.stored, of: try MailboxKit.envelope(3))
        var kit = MailboxKit(limits: limits(lifetime: .seconds(3600)))
        (kit.disk, kit.now, kit.wallNow) = (before.disk, before.now, before.wallNow)
        kit.advance(.seconds(1799))
        try kit.restart()
        try kit.expectFetched([1, 3])
        #expect(kit.page(for: alice.peerID).receipts.count == 1)
        kit.advance(.seconds(1))
        try kit.expectFetched([3])
        #expect(kit.page(for: alice.peerID).receipts.isEmpty, "receipts, too")
        kit.advance(.seconds(600))
        try kit.restart()
        try kit.expectFetched([3])
        // The node is off while the time of the last one ends.
        kit.now = kit.now + .seconds(1201)
        kit.wallNow.millisecondsSince1970 += 1_201_000
        try kit.restart()
        #expect(kit.shelf.count == 0 && kit.rowCount == 0)
        kit.expect(.expired, of: try MailboxKit.envelope(3), "it is remembered")
    }

    @Test func aReceiptIsKeptAsLongAsAMessageFromWhenItCame() throws {
        var kit = MailboxKit(limits: limits(lifetime: .seconds(3600)))
        kit.expect(.stored, of: try MailboxKit.envelope(1))
        kit.advance(.seconds(3000))
        kit.shelf.acknowledge(MailboxKit.receipt([1]), now: kit.now, wallNow: kit.wallNow)
        kit.pull()
        kit.advance(.seconds(3599))
        #expect(kit.page(for: alice.peerID).receipts.count == 1)
        kit.advance(.seconds(1))
        #expect(kit.shelf.count == 0 && kit.rowCount == 0)
        kit.expect(
            .stored,
            of: try MailboxKit.envelope(1),
            "a receipt that went is no message that was let go"
        )
    }

    /// A mailbox without a clock of its own says that everything came in 1970, until it knows better.
    @Test func aClockThatWasBehindMakesNothingOld() throws {
        var kit = MailboxKit()
        let right = kit.wallNow
        kit.wallNow = WallTime(millisecondsSince1970: 1000)
        kit.expect(.stored, of: try MailboxKit.envelope(1))
        kit.wallNow = right
        kit.advance(.seconds(3600))
        try kit.restart()
        try kit.expectFetched([1])
    }

    /// A node that has no clock of its own begins in 1970, or before.
    @Test(arguments: [-1, 0, 899_999, 900_000] as [Int64])
    func neitherTheLastOfAllTimesNorTheFirstStopsAMailbox(clock: Int64) throws {
        var kit = MailboxKit()
        kit.wallNow = WallTime(millisecondsSince1970: clock)
        let last = WallTime(millisecondsSince1970: .max)
        kit.expect(.stored, of: try MailboxKit.envelope(1, created: last, lifetime: .seconds(60)))
        try kit.restart()
        try kit.expectFetched([1])
        kit.advance(.seconds(60 + 900))
        #expect(kit.shelf.count == 0 && kit.rowCount == 0, "as one that is made right now")
        kit.wallNow = last
        let first = WallTime(millisecondsSince1970: 0)
        kit.expect(.expired, of: try MailboxKit.envelope(2, created: first, lifetime: .seconds(60)))
    }

    @Test func knowsAMessageByItsSenderAndItsID() throws {
        var kit = MailboxKit()
        let envelope = try MailboxKit.envelope(1)
        kit.expect(.stored, of: envelope)
        kit.expect(.stored, of: envelope, "the same answer, and no second copy")
        #expect(kit.shelf.count == 1 && kit.rowCount == 1)
        kit.expect(.stored, of: try MailboxKit.envelope(1, from: carol), "whoever draws the id of another's")
        #expect(kit.shelf.count == 2 && kit.rowCount == 2)
        kit.shelf.erase([MailboxKit.id(1)], by: carol.peerID)
        kit.pull()
        let rest = kit.page()
        #expect(rest.envelopes == [envelope.encoded])
    }

    @Test func aBatchThatFailsIsTold() throws {
        var kit = MailboxKit()
        kit.isDiskBroken = true
        kit.expect(.failed, of: try MailboxKit.envelope(1))
        #expect(kit.shelf.count == 0 && kit.shelf.byteCount == 0)
        kit.expect(.stored, of: try MailboxKit.envelope(1))
        kit.isDiskBroken = true
        kit.shelf.erase([MailboxKit.id(1)], by: alice.peerID)
        kit.pull()
        #expect(kit.rowCount == 0, "an erasure is written with the next batch")
        #expect(kit.actions == [.erased(to: alice.peerID, [MailboxKit.id(1)])])
    }

    @Test func pagesAreBoundedAndGoOnWhereTheLastOneEnded() throws {
        var kit = MailboxKit()
        for number in 1...5 { kit.expect(.stored, of: try MailboxKit.envelope(UInt64(number))) }
        let byteCount = try MailboxKit.envelope(1).encoded.count
        let first = kit.page(.init(countMax: 2))
        #expect(first.envelopes.count == 2 && first.next != 0)
        let second = kit.page(.init(after: first.next, byteCountMax: 2 * byteCount + 1))
        #expect(second.envelopes.count == 2 && second.next != 0)
        let small = kit.page(.init(after: first.next, byteCountMax: 1))
        #expect(small.envelopes.count == 1, "the first one counts as within")
        let last = kit.page(.init(after: second.next))
        #expect(last.envelopes.count == 1 && last.next == 0)
        let ids = try (first.envelopes + second.envelopes + last.envelopes).map {
            try Envelope(verifying: $0.span).header.id
        }
        #expect(ids == (1...5).map { MailboxKit.id($0) })
    }

    @Test func aRowThatCannotBeReadIsForgotten() throws {
        var kit = MailboxKit()
        kit.expect(.stored, of: try MailboxKit.envelope(1))
        kit.expect(.stored, of: try MailboxKit.envelope(2))
        let request = kit.shelf.fetch(.init(), for: bob.peerID)
        let page = kit.shelf.page(request, rows: [nil, kit.disk.rows[MailboxTables.shelf]?[request.keys[1]]])
        kit.pull()
        #expect(page.envelopes.count == 1 && page.next == 0)
        #expect(kit.shelf.count == 1 && kit.rowCount == 1)
    }

    @Test func theRecipientsReceiptErasesAndWaitsForTheSender() throws {
        var kit = MailboxKit()
        for number in 1...3 { kit.expect(.stored, of: try MailboxKit.envelope(UInt64(number))) }
        let receipt = MailboxKit.receipt([1, 2])
        kit.shelf.acknowledge(receipt, now: kit.now, wallNow: kit.wallNow)
        kit.pull()
        kit.expectActions([.erased(to: bob.peerID, [MailboxKit.id(1), MailboxKit.id(2)])])
        try kit.expectFetched([3])
        kit.expect(.settled, of: try MailboxKit.envelope(1), "the sender need not leave it again")
        let page = kit.page(for: alice.peerID)
        #expect(page == MailboxPage(receipts: [receipt.encoded]))
        kit.shelf.erase([MailboxKit.id(1)], by: alice.peerID)
        kit.pull()
        kit.expectPage(MailboxPage(receipts: [receipt.encoded]), for: alice.peerID)
        kit.shelf.erase([MailboxKit.id(2)], by: alice.peerID)
        kit.pull()
        kit.expectPage(MailboxPage(), for: alice.peerID)
        #expect(kit.shelf.count == 1 && kit.rowCount == 1)
    }

    @Test func onlyFinalWordsOfTheRecipientErase() throws {
        var kit = MailboxKit()
        kit.expect(.stored, of: try MailboxKit.envelope(1))
        for outcome in Receipt.Outcome.allCases where outcome.isTransient {
            kit.shelf.acknowledge(MailboxKit.receipt([1], outcome), now: kit.now, wallNow: kit.wallNow)
        }
        let forged = Receipt(
            for: [.init(id: MailboxKit.id(1), outcome: .delivered)],
            to: alice.peerID,
            created: kit.wallNow,
            from: carol
        )
        kit.shelf.acknowledge(forged, now: kit.now, wallNow: kit.wallNow)
        kit.shelf.erase([MailboxKit.id(1)], by: carol.peerID)
        kit.pull()
        try kit.expectFetched([1])
        kit.expectPage(MailboxPage(), for: alice.peerID, "a receipt for nothing is not kept")
    }

    @Test func whatIsErasedWhileItIsWrittenIsGone() throws {
        var kit = MailboxKit()
        let (first, second) = (try MailboxKit.envelope(1), try MailboxKit.envelope(2))
        kit.shelf.offer(first, from: alice.peerID, now: kit.now, wallNow: kit.wallNow)
        let taken = kit.shelf.takeBatch()
        let batch = try #require(taken)
        kit.shelf.offer(second, from: alice.peerID, now: kit.now, wallNow: kit.wallNow)
        kit.shelf.erase([MailboxKit.id(1), MailboxKit.id(2)], by: alice.peerID)
        kit.disk.apply(batch)
        kit.shelf.stored()
        kit.pull()
        #expect(
            kit.shelf.count == 0 && kit.rowCount == 0 && kit.shelf.tableFills.allSatisfy { !$0.isOverfull }
        )
        kit.expectActions([
            .verdict(to: alice.peerID, .init(id: MailboxKit.id(1), verdict: .settled)),
            .verdict(to: alice.peerID, .init(id: MailboxKit.id(2), verdict: .settled)),
            .erased(to: alice.peerID, [MailboxKit.id(1), MailboxKit.id(2)]),
        ])
    }

    @Test func aRestartLosesNothingThatWasAnswered() throws {
        var kit = MailboxKit()
        for number in 1...3 { kit.expect(.stored, of: try MailboxKit.envelope(UInt64(number))) }
        kit.expect(.stored, of: try MailboxKit.envelope(4, lifetime: .seconds(60)))
        kit.shelf.acknowledge(MailboxKit.receipt([2]), now: kit.now, wallNow: kit.wallNow)
        kit.pull()
        let before = kit.shelf.holdings
        kit.advance(.seconds(3600))
        try kit.restart()
        #expect(kit.shelf.holdings.map(\.recipient) == [bob.peerID, alice.peerID])
        #expect(kit.shelf.holdings.map(\.count) == [2, 1], "one has ended meanwhile")
        #expect(kit.shelf.holdings.map(\.oldest) == before.map(\.oldest))
        try kit.expectFetched([1, 3])
        kit.expectPage(MailboxPage(receipts: [MailboxKit.receipt([2]).encoded]), for: alice.peerID)
        kit.expect(.settled, of: try MailboxKit.envelope(2))
        kit.expect(.stored, of: try MailboxKit.envelope(5))
        try kit.expectFetched([1, 3, 5])
        kit.advance(.seconds(86_400 + 901))
        #expect(kit.shelf.count == 0 && kit.rowCount == 0)
    }

    @Test func damagedRowsChangeNothing() throws {
        var kit = MailboxKit()
        kit.expect(.stored, of: try MailboxKit.envelope(1))
        let row = try #require(kit.disk.rows(of: MailboxTables.shelf).first)
        var shelf = MailboxShelf(own: MailboxKit.dora.peerID)
        func restore(_ key: StoreKey, _ value: [UInt8]) -> DeliveryRowError? {
            do throws(DeliveryRowError) {
                try shelf.restore(StoreRow(key: key, value: value), now: kit.now, wallNow: kit.wallNow)
                return nil
            } catch { return error }
        }
        #expect(restore(row.key, [1]) == .malformed(.invalidFieldNumber))
        #expect(restore(StoreKey(DeliveryTables.inbox, 1), row.value) == .unknownTable)
        #expect(restore(StoreKey(MailboxTables.shelf, UInt64(Int64.max)), row.value) == .inconsistent)
        #expect(shelf.count == 0)
        #expect(restore(row.key, row.value) == nil)
        #expect(restore(StoreKey(MailboxTables.shelf, 9), row.value) == .inconsistent, "one copy is enough")
        #expect(shelf.count == 1)
    }

    @Test func holdingsTellWhoHasWhatForWhomSinceWhenAndHowLong() throws {
        var kit = MailboxKit(policy: .anyone)
        let start = kit.now
        let byteCount = try MailboxKit.envelope(1).encoded.count
        kit.expect(.stored, of: try MailboxKit.envelope(1))
        kit.advance(.seconds(5))
        kit.expect(.stored, of: try MailboxKit.envelope(2))
        kit.expect(.stored, of: try MailboxKit.envelope(3, from: carol))
        let end = start + .seconds(86_400 + 900)
        var later = MessageKit.created
        later.millisecondsSince1970 += 5000
        let expected = [
            MailboxHolding(
                recipient: bob.peerID,
                sender: alice.peerID,
                count: 2,
                byteCount: 2 * byteCount,
                oldest: MessageKit.created,
                lastEnd: end
            ),
            MailboxHolding(
                recipient: bob.peerID,
                sender: carol.peerID,
                count: 1,
                byteCount: byteCount,
                oldest: later,
                lastEnd: end
            ),
        ].sorted { $0.sender < $1.sender }
        #expect(kit.shelf.holdings == expected)
        let status = kit.shelf.status(for: alice.peerID, [MailboxKit.id(1), MailboxKit.id(9)])
        #expect(status.leftCount == 2 && status.leftByteCount == 2 * byteCount && status.waitingCount == 0)
        #expect(status.missing == [MailboxKit.id(9)])
        #expect(kit.shelf.status(for: bob.peerID).waitingCount == 3)
    }
}
