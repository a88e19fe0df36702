import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

/// What gives way when a mailbox is full.
@Suite struct MailboxRoomTests {
    private let alice = MailboxKit.alice
    private let bob = MailboxKit.bob
    private let carol = MailboxKit.carol

    private func check(_ kit: MailboxKit, at location: SourceLocation = #_sourceLocation) {
        let overfull = kit.shelf.tableFills.filter(\.isOverfull)
        #expect(overfull.isEmpty, sourceLocation: location)
        #expect(kit.rowCount == kit.shelf.count, sourceLocation: location)
    }

    @Test func ofASenderThatIsOverItsQuotaTheOldestGivesWay() throws {
        var limits = MailboxShelf.Limits()
        limits.senderCountMax = 3
        var kit = MailboxKit(limits: limits)
        kit.expect(.stored, of: try MailboxKit.envelope(100, from: carol))
        for number in 1...5 {
            kit.advance(.seconds(1))
            kit.expect(.stored, of: try MailboxKit.envelope(UInt64(number)))
            check(kit)
        }
        try kit.expectFetched([100, 3, 4, 5], "others keep theirs")
        #expect(kit.shelf.displacedCount == 2)
    }

    @Test func bytesTimesTimeDecide() throws {
        var limits = MailboxShelf.Limits()
        limits.senderCountMax = 3
        var kit = MailboxKit(limits: limits)
        kit.expect(.stored, of: try MailboxKit.envelope(1, byteCount: 100))
        kit.advance(.seconds(10))
        kit.expect(.stored, of: try MailboxKit.envelope(2, byteCount: 10_000))
        kit.advance(.seconds(10))
        kit.expect(.stored, of: try MailboxKit.envelope(3, byteCount: 100))
        kit.advance(.seconds(1))
        kit.expect(.stored, of: try MailboxKit.envelope(4))
        try kit.expectFetched([1, 3, 4], "the largest, though it is not the oldest")
        kit.advance(.seconds(1))
        kit.expect(.stored, of: try MailboxKit.envelope(5))
        try kit.expectFetched([3, 4, 5], "the oldest of the same size")
    }

    @Test func whatIsAlikeGivesWayInTheOrderInWhichItCame() throws {
        var limits = MailboxShelf.Limits()
        limits.senderCountMax = 2
        var kit = MailboxKit(limits: limits)
        for number in 1...4 { kit.expect(.stored, of: try MailboxKit.envelope(UInt64(number))) }
        try kit.expectFetched([3, 4])
    }

    @Test func bytesAreCountedAsWell() throws {
        let byteCount = try MailboxKit.envelope(1).encoded.count
        var limits = MailboxShelf.Limits()
        limits.senderByteCountMax = 2 * byteCount
        var kit = MailboxKit(limits: limits)
        for number in 1...3 { kit.expect(.stored, of: try MailboxKit.envelope(UInt64(number))) }
        check(kit)
        #expect(kit.shelf.count == 2)
        kit.expect(.refusedTooLarge, of: try MailboxKit.envelope(4, byteCount: 2 * byteCount))
        check(kit)
        #expect(kit.shelf.count == 2, "what can never fit pushes nobody out")
    }

    @Test func aFloodPushesOutItself() throws {
        var limits = MailboxShelf.Limits()
        limits.recipientCountMax = 4
        var kit = MailboxKit(limits: limits)
        kit.expect(.stored, of: try MailboxKit.envelope(100, from: carol))
        for number in 1...20 {
            kit.advance(.seconds(1))
            kit.expect(.stored, of: try MailboxKit.envelope(UInt64(number)))
            check(kit)
        }
        let rest = try kit.fetched()
        #expect(rest.contains(MailboxKit.id(100)), "the little that others have left stays")
    }

    @Test func aFloodOfManySendersPushesOutItself() throws {
        var limits = MailboxShelf.Limits()
        limits.recipientCountMax = 6
        var kit = MailboxKit(limits: limits)
        kit.expect(.stored, of: try MailboxKit.envelope(100, from: carol, byteCount: 5000))
        kit.expect(.stored, of: try MailboxKit.envelope(101, byteCount: 3000))
        for number in 10..<30 as Range<UInt8> {
            kit.advance(.seconds(1))
            let flooder = MessageKit.key(number)
            kit.expect(.stored, of: try MailboxKit.envelope(UInt64(number), from: flooder, byteCount: 1))
            check(kit)
        }
        try kit.expectFetched([100, 101, 10, 11, 12, 29], "whoever was there before stays")
    }

    @Test func whereTheNumberIsFullNumbersDecide() throws {
        var limits = MailboxShelf.Limits()
        limits.recipientCountMax = 4
        var kit = MailboxKit(limits: limits)
        kit.expect(.stored, of: try MailboxKit.envelope(100, from: carol, byteCount: 10_000))
        for number in 1...3 as ClosedRange<UInt64> {
            kit.advance(.seconds(1))
            kit.expect(.stored, of: try MailboxKit.envelope(number))
        }
        kit.expect(.stored, of: try MailboxKit.envelope(200, from: MessageKit.key(10)))
        try kit.expectFetched([100, 2, 3, 200])
    }

    /// A disk that is full, and peers that go on leaving and erasing.
    @Test func whatIsOwedToADiskThatFailsIsBounded() throws {
        var limits = MailboxShelf.Limits()
        limits.erasedCountMax = 300
        var kit = MailboxKit(limits: limits)
        kit.expect(.stored, of: try MailboxKit.envelope(1))
        let ids = (1...256).map { MailboxKit.id($0) }
        kit.shelf.erase(ids, by: alice.peerID)
        for number in 2...20 as ClosedRange<UInt64> {
            for isInBatch in [false, true] {
                let envelope = try MailboxKit.envelope(number)
                kit.shelf.offer(envelope, from: alice.peerID, now: kit.now, wallNow: kit.wallNow)
                if isInBatch { _ = kit.shelf.takeBatch() }
                kit.shelf.erase(ids, by: alice.peerID)
            }
            kit.shelf.storeFailed()
        }
        let taken = kit.shelf.takeBatch()
        #expect(taken?.changes.count == 1, "the one row that is there")
        kit.disk.apply(try #require(taken))
        kit.shelf.stored()
        kit.pull()
        let erased = kit.takeActions().reduce(0) { sum, action in
            if case .erased(_, let ids) = action { sum + ids.count } else { sum }
        }
        #expect((1...300).contains(erased))
        check(kit)
    }

    @Test func theWholeIsBoundedWhoeverIsServed() throws {
        var limits = MailboxShelf.Limits()
        limits.countMax = 5
        var kit = MailboxKit(limits: limits, policy: .anyone)
        let keys = (10..<20).map { MessageKit.key($0) }
        for (index, key) in keys.enumerated() {
            kit.advance(.seconds(1))
            kit.expect(.stored, of: try MailboxKit.envelope(UInt64(index + 1), from: alice, to: key.peerID))
            check(kit)
        }
        #expect(kit.shelf.count == 5 && kit.shelf.displacedCount == 5)
        kit.expect(.stored, of: try MailboxKit.envelope(1, from: carol))
        #expect(kit.shelf.count == 5)
        try kit.expectFetched([1])
    }

    @Test func whatIsBeingWrittenGivesNoRoom() throws {
        var limits = MailboxShelf.Limits()
        limits.senderCountMax = 1
        var kit = MailboxKit(limits: limits)
        kit.shelf.offer(try MailboxKit.envelope(1), from: alice.peerID, now: kit.now, wallNow: kit.wallNow)
        kit.shelf.offer(try MailboxKit.envelope(2), from: alice.peerID, now: kit.now, wallNow: kit.wallNow)
        kit.pull()
        kit.expectActions([
            .verdict(to: alice.peerID, .init(id: MailboxKit.id(2), verdict: .refusedFull)),
            .verdict(to: alice.peerID, .init(id: MailboxKit.id(1), verdict: .stored)),
        ])
    }

    @Test func whatWaitsForTheDiskIsBounded() throws {
        let byteCount = try MailboxKit.envelope(1).encoded.count
        var limits = MailboxShelf.Limits()
        limits.unwrittenByteCountMax = 2 * byteCount + 60
        limits.batchByteCount = 1
        var kit = MailboxKit(limits: limits)
        for number in 1...3 {
            kit.shelf.offer(
                try MailboxKit.envelope(UInt64(number)),
                from: alice.peerID,
                now: kit.now,
                wallNow: kit.wallNow
            )
            check(kit.shelf.tableFills)
        }
        kit.pull()
        let verdicts = kit.takeActions().compactMap { action -> MailboxVerdict? in
            if case .verdict(_, let entry) = action { entry.verdict } else { nil }
        }
        #expect(verdicts == [.failed, .stored, .stored])
        #expect(kit.rowCount == 2)
    }

    private func check(_ fills: [TableFill]) { #expect(fills.allSatisfy { !$0.isOverfull }) }

    @Test func whateverComesEveryLimitHoldsAndTheDiskAgrees() throws {
        for seed in 1...20 {
            var draws = SeededDraws(seed: UInt64(seed))
            var limits = MailboxShelf.Limits()
            (limits.countMax, limits.senderCountMax, limits.recipientCountMax) = (12, 6, 7)
            (limits.byteCountMax, limits.senderByteCountMax, limits.recipientByteCountMax) = (
                9000, 4000, 5000
            )
            limits.unwrittenByteCountMax = 6000
            var kit = MailboxKit(limits: limits, policy: .anyone)
            let keys = (1...4).map { MessageKit.key(UInt8($0 + 20)) }
            for step in 0..<300 {
                let (from, to) = (keys[draws.below(4)], keys[draws.below(4)])
                switch draws.below(10) {
                case 0...5:
                    kit.isDiskBroken = draws.happens(0.1)
                    kit.offer(
                        try MailboxKit.envelope(
                            UInt64(draws.below(60) + 1),
                            from: from,
                            to: to.peerID,
                            byteCount: draws.below(1500),
                            lifetime: .seconds(Int64(draws.below(3000) + 1))
                        )
                    )
                    kit.isDiskBroken = false
                case 6:
                    kit.shelf.erase([MailboxKit.id(UInt64(draws.below(60) + 1))], by: from.peerID)
                case 7:
                    let receipt = Receipt(
                        for: [.init(id: MailboxKit.id(UInt64(draws.below(60) + 1)), outcome: .delivered)],
                        to: from.peerID,
                        created: kit.wallNow,
                        from: to
                    )
                    kit.shelf.acknowledge(receipt, now: kit.now, wallNow: kit.wallNow)
                case 8: kit.advance(.seconds(Int64(draws.below(300))))
                default: if draws.happens(0.2) { try kit.restart() }
                }
                kit.pull()
                let overfull = kit.shelf.tableFills.filter(\.isOverfull)
                #expect(overfull.isEmpty, "seed \(seed), step \(step): \(overfull)")
                #expect(kit.rowCount == kit.shelf.count, "seed \(seed), step \(step)")
            }
        }
    }
}
