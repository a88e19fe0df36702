import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

@Suite struct MailboxFetcherTests {
    /// A fetcher of Bob's, and what it asked for.
    struct Kit {
        var fetcher: MailboxFetcher
        var now = Instant(nanosecondsSinceOrigin: 0)

        static let names = (10..<14).map { MessageKit.key($0).peerID }

        init(limits: MailboxFetcher.Limits = .init(), linked count: Int = 1) {
            fetcher = MailboxFetcher(own: MessageKit.bob.peerID, seed: 1, limits: limits)
            fetcher.watch(Self.names, now: now)
            for name in Self.names.prefix(count) { fetcher.linkUp(name, now: now) }
        }

        mutating func actions() -> [MailboxFetcherAction] {
            var actions: [MailboxFetcherAction] = []
            while let action = fetcher.nextAction() { actions.append(action) }
            return actions.filter { if case .reach = $0 { false } else { true } }
        }

        mutating func page(_ page: MailboxPage, from peer: PeerID = names[0]) {
            fetcher.page(page, from: peer, now: now)
        }

        mutating func took(_ number: UInt64, _ fate: MailboxFetcher.Fate = .ended(.delivered)) {
            fetcher.took(MailboxKit.id(number), of: MailboxKit.alice.peerID, fate, now: now)
        }

        mutating func advance(_ duration: Duration) {
            now = now + duration
            fetcher.advance(to: now)
        }

        mutating func expect(
            _ expected: [MailboxFetcherAction],
            _ comment: Comment? = nil,
            at location: SourceLocation = #_sourceLocation
        ) {
            let found = actions()
            #expect(found == expected, comment, sourceLocation: location)
        }

        mutating func expectBreach(
            _ breach: MailboxBreach,
            by peer: PeerID = names[0],
            at location: SourceLocation = #_sourceLocation
        ) {
            let found = actions()
            #expect(found.contains(.broke(breach, by: peer)), "\(found)", sourceLocation: location)
        }
    }

    private let names = Kit.names
    private let alice = MailboxKit.alice.peerID

    private static func fetch(_ after: UInt64 = 0) -> MailboxFetch { .init(after: after, countMax: 64) }

    private func envelopes(_ numbers: ClosedRange<UInt64>) throws -> [[UInt8]] {
        try numbers.map { try MailboxKit.envelope($0).encoded }
    }

    @Test func asksAtOnceTakesWhatComesAndAnswersWhenTheInboxHasIt() throws {
        var kit = Kit(linked: 2)
        kit.expect([.fetch(Self.fetch(), from: names[0])], "one mailbox at a time")
        let envelopes = try envelopes(1...2)
        kit.page(.init(envelopes: envelopes, next: 7))
        kit.expect(envelopes.map { .arrived($0, from: names[0]) })
        kit.took(1)
        kit.expect([], "a receipt for all of the page")
        kit.took(2, .ended(.unreadable))
        let entries: [Receipt.Entry] = [
            .init(id: MailboxKit.id(1), outcome: .delivered),
            .init(id: MailboxKit.id(2), outcome: .unreadable),
        ]
        kit.expect(
            [
                .acknowledge(entries, of: alice, at: [names[0], names[1]]),
                .fetch(Self.fetch(7), from: names[0]),
            ],
            "every mailbox that is there is told"
        )
        kit.page(.init())
        kit.expect([.fetch(Self.fetch(), from: names[1])])
        kit.page(.init(), from: names[1])
        kit.expect([])
        kit.advance(.seconds(300))
        kit.expect([.fetch(Self.fetch(), from: names[0])], "and again from time to time")
    }

    @Test func reachesThoseThatAreNotThere() {
        var kit = Kit(linked: 0)
        var reached: [MailboxFetcherAction] = []
        while let action = kit.fetcher.nextAction() { reached.append(action) }
        #expect(reached == names.map { .reach($0) })
        kit.fetcher.unreachable(names[1], now: kit.now)
        #expect(kit.fetcher.nextAction() == nil)
        kit.advance(.seconds(3))
        #expect(kit.fetcher.nextAction() == .reach(names[1]))
        kit.fetcher.linkUp(names[1], now: kit.now)
        kit.expect([.fetch(Self.fetch(), from: names[1])])
    }

    @Test func aFullInboxEndsTheRoundAndNobodyIsBlamed() throws {
        var kit = Kit()
        _ = kit.actions()
        kit.page(.init(envelopes: try envelopes(1...2), next: 5))
        kit.took(1, .noRoom)
        kit.took(2, .noRoom)
        _ = kit.actions()
        kit.advance(.milliseconds(500))
        kit.expect([])
        kit.advance(.seconds(1))
        kit.expect([.fetch(Self.fetch(), from: names[0])])
        kit.page(.init(envelopes: try envelopes(1...2), next: 5))
        kit.took(1, .kept)
        kit.took(2, .noRoom)
        let actions = kit.actions()
        #expect(
            actions.last == .fetch(Self.fetch(5), from: names[0]),
            "a message with a file does not hold up the others"
        )
        #expect(!actions.contains { if case .broke = $0 { true } else { false } })
    }

    @Test func anInboxThatTakesTooLongIsWaitedForLater() throws {
        var kit = Kit(linked: 2)
        _ = kit.actions()
        kit.page(.init(envelopes: try envelopes(1...1)))
        _ = kit.actions()
        kit.advance(.seconds(60))
        kit.expect([.fetch(Self.fetch(), from: names[1])])
        kit.took(1)
        let entry = Receipt.Entry(id: MailboxKit.id(1), outcome: .delivered)
        kit.expect([.acknowledge([entry], of: alice, at: [names[0], names[1]])])
    }

    @Test func receiptsGoToTheOutboxAndAreErasedOnceItHasThem() throws {
        var kit = Kit()
        _ = kit.actions()
        let receipt = Receipt(
            for: [.init(id: MailboxKit.id(1), outcome: .delivered)],
            to: MessageKit.bob.peerID,
            created: MessageKit.created,
            from: MailboxKit.carol
        ).encoded
        kit.page(.init(receipts: [receipt]))
        kit.expect([.receipt(receipt, from: names[0])])
        kit.fetcher.took(receipt: [MailboxKit.id(1)], from: names[0], isForged: false, now: kit.now)
        kit.expect([.erase([MailboxKit.id(1)], at: names[0])])
    }

    @Test func aMailboxThatDoesNotAnswerHoldsUpNobody() {
        var kit = Kit(linked: 2)
        _ = kit.actions()
        kit.advance(.seconds(30))
        kit.expect([.broke(.silent, by: names[0]), .fetch(Self.fetch(), from: names[1])])
        kit.page(.init(), from: names[1])
        kit.advance(.seconds(300))
        kit.expect([.fetch(Self.fetch(), from: names[1])], "it is asked seldom")
        kit.page(.init(), from: names[1])
        kit.fetcher.linkDown(names[0], now: kit.now)
        kit.fetcher.linkUp(names[0], now: kit.now)
        kit.expect([], "coming again is no excuse")
        kit.advance(.seconds(600))
        kit.expect([.fetch(Self.fetch(), from: names[1])], "and last")
        kit.page(.init(), from: names[1])
        kit.expect([.fetch(Self.fetch(), from: names[0])])
    }

    @Test func aConnectionThatBreaksIsNoBreach() {
        var kit = Kit()
        _ = kit.actions()
        kit.fetcher.linkDown(names[0], now: kit.now)
        kit.expect([])
        kit.fetcher.linkUp(names[0], now: kit.now)
        kit.expect([.fetch(Self.fetch(), from: names[0])])
        kit.page(.init(), from: names[1])
        kit.expectBreach(.pageOutOfBounds, by: names[1])
    }

    @Test func whatDoesNotProveItselfIsABreach() throws {
        let foreign = try MailboxKit.envelope(9, to: MailboxKit.carol.peerID).encoded
        let readable = try MailboxKit.envelope(9, privacy: .standard).encoded
        let one = try MailboxKit.envelope(1).encoded
        let pages: [(MailboxPage, MailboxBreach)] = [
            (.init(envelopes: [[1, 2, 3]]), .malformed), (.init(receipts: [[1]]), .malformed),
            (.init(envelopes: [readable]), .malformed), (.init(envelopes: [foreign]), .foreign),
            (.init(receipts: [MailboxKit.receipt([1]).encoded]), .foreign),
            (.init(envelopes: [one, one]), .repeated),
            (.init(next: 4), .endless),
            (.init(envelopes: try envelopes(1...65)), .pageOutOfBounds),
            (
                .init(envelopes: [[UInt8]](repeating: [UInt8](repeating: 0, count: 600_000), count: 2)),
                .pageOutOfBounds
            ),
        ]
        for (page, breach) in pages {
            var kit = Kit(linked: 2)
            _ = kit.actions()
            kit.page(page)
            kit.took(1)
            let actions = kit.actions()
            #expect(actions.contains(.broke(breach, by: names[0])), "\(breach): \(actions)")
            #expect(actions.last == .fetch(Self.fetch(), from: names[1]), "the next one's turn")
        }
    }

    @Test func whatIsGoodInABadPageIsTaken() throws {
        var kit = Kit()
        _ = kit.actions()
        let good = try MailboxKit.envelope(1).encoded
        let foreign = try MailboxKit.envelope(9, to: MailboxKit.carol.peerID).encoded
        kit.page(.init(envelopes: [[1], foreign, good], next: 3))
        kit.expect([.erase([MailboxKit.id(9)], at: names[0]), .arrived(good, from: names[0])])
        kit.took(1)
        let entry = Receipt.Entry(id: MailboxKit.id(1), outcome: .delivered)
        kit.expect([.acknowledge([entry], of: alice, at: [names[0]]), .broke(.foreign, by: names[0])])
    }

    @Test func pagesThatLeadBackAreABreach() throws {
        var kit = Kit()
        kit.page(.init(envelopes: try envelopes(1...1), next: 5))
        kit.took(1)
        kit.page(.init(envelopes: try envelopes(2...2), next: 5))
        kit.took(2)
        kit.expectBreach(.endless)
    }

    @Test func aForgedEnvelopeIsErasedAndBlamed() throws {
        var kit = Kit()
        _ = kit.actions()
        kit.page(.init(envelopes: try envelopes(1...1)))
        _ = kit.actions()
        kit.took(1, .forged)
        kit.expect([.erase([MailboxKit.id(1)], at: names[0]), .broke(.forged, by: names[0])])
    }

    /// A sender may leave its message again though the mailbox has erased it, and a mailbox may lose a receipt.
    @Test func whatWasErasedAndComesBackIsErasedAgainAndNobodyIsBlamed() throws {
        var kit = Kit()
        kit.page(.init(envelopes: try envelopes(1...1)))
        kit.took(1, .ended(.unreadable))
        kit.fetcher.erased([MailboxKit.id(1)], by: names[0])
        let entry = Receipt.Entry(id: MailboxKit.id(1), outcome: .unreadable)
        for _ in 0..<2 {
            kit.advance(.seconds(300))
            _ = kit.actions()
            kit.page(.init(envelopes: try envelopes(1...1)))
            kit.expect([.acknowledge([entry], of: alice, at: [names[0]])])
        }
        kit.advance(.seconds(300))
        _ = kit.actions()
        let other = try MailboxKit.envelope(1, from: MailboxKit.carol).encoded
        kit.page(.init(envelopes: [other]))
        kit.expect([.arrived(other, from: names[0])], "another sender's message has the same id")
    }

    @Test func whatComesBackWithinARoundIsNoBreachAndNoReasonToAskOn() throws {
        var kit = Kit()
        _ = kit.actions()
        kit.page(.init(envelopes: try envelopes(1...2), next: 2))
        kit.took(1)
        kit.took(2, .noRoom)
        _ = kit.actions()
        kit.page(.init(envelopes: try envelopes(1...2), next: 4))
        let entry = Receipt.Entry(id: MailboxKit.id(1), outcome: .delivered)
        kit.expect([.acknowledge([entry], of: alice, at: [names[0]])])
        kit.advance(.seconds(2))
        kit.expect([.fetch(Self.fetch(), from: names[0])])
    }

    @Test func aPageThatWasOnItsWayIsNoBreach() throws {
        var kit = Kit()
        let envelope = try envelopes(1...1)
        kit.page(.init(envelopes: envelope))
        kit.took(1)
        kit.advance(.seconds(300))
        _ = kit.actions()
        // The page was asked for before the mailbox said that it had erased what the last one brought.
        kit.fetcher.erased([MailboxKit.id(1)], by: names[0])
        kit.page(.init(envelopes: envelope))
        kit.expect([.arrived(envelope[0], from: names[0])])
        kit.took(1)
        kit.advance(.seconds(300))
        _ = kit.actions()
        kit.page(.init(envelopes: envelope))
        let entry = Receipt.Entry(id: MailboxKit.id(1), outcome: .delivered)
        kit.expect([.acknowledge([entry], of: alice, at: [names[0]])])
    }

    @Test func whatASenderLeavesThatHasNotHeardIsNoBreach() throws {
        var kit = Kit(linked: 2)
        kit.page(.init(envelopes: try envelopes(1...1)))
        kit.took(1)
        // It was told, and did not have it then.
        kit.fetcher.erased([MailboxKit.id(1)], by: names[1])
        kit.page(.init(), from: names[1])
        kit.advance(.seconds(300))
        kit.page(.init())
        _ = kit.actions()
        let again = try envelopes(1...1)
        kit.page(.init(envelopes: again), from: names[1])
        kit.expect([.arrived(again[0], from: names[1])])
    }

    @Test func aPenaltyWearsOff() {
        var kit = Kit()
        #expect(kit.fetcher.penaltyEnd(of: names[0], now: kit.now) == nil)
        for wait in [660, 1320] as [Int64] {
            kit.page(.init(next: 1))
            kit.expectBreach(.endless)
            let end = kit.fetcher.penaltyEnd(of: names[0], now: kit.now)
            #expect(end.map { $0 > kit.now && $0 <= kit.now + .seconds(wait) } == true)
            kit.advance(.seconds(wait))
            #expect(kit.fetcher.penaltyEnd(of: names[0], now: kit.now) == nil)
        }
        for wait in [300, 300] as [Int64] {
            kit.expect([.fetch(Self.fetch(), from: names[0])])
            kit.page(.init())
            kit.expect([])
            kit.advance(.seconds(wait))
        }
        kit.page(.init(next: 1))
        kit.expectBreach(.endless)
        kit.advance(.seconds(660))
        kit.expect([.fetch(Self.fetch(), from: names[0])])
    }

    @Test func amailboxThatIsNotWatchedIsAskedOnce() {
        var kit = Kit(linked: 0)
        let other = MessageKit.key(30).peerID
        kit.fetcher.ask(other, now: kit.now)
        kit.fetcher.linkUp(other, now: kit.now)
        kit.expect([.fetch(Self.fetch(), from: other)])
        kit.page(.init(), from: other)
        #expect(kit.fetcher.tableFills[0].count == names.count)
        kit.advance(.seconds(400))
        kit.expect([])
    }

    @Test func whoIsNotWatchedAnyMoreAndGoesIsNotLookedFor() {
        var kit = Kit(linked: 1)
        let holder = MessageKit.key(30).peerID
        kit.fetcher.watch(names, holders: [holder], now: kit.now)
        kit.fetcher.linkUp(holder, now: kit.now)
        kit.fetcher.ask(holder, now: kit.now)
        kit.fetcher.watch(names, now: kit.now)
        kit.fetcher.linkDown(holder, now: kit.now)
        #expect(kit.fetcher.tableFills[0].count == names.count)
    }

    @Test func whoSaysThatItHasSomethingAndCannotBeReachedIsTriedAFewTimes() {
        var kit = Kit(linked: 1)
        let holder = MessageKit.key(30).peerID
        _ = kit.actions()
        kit.fetcher.ask(holder, now: kit.now)
        #expect(kit.fetcher.tableFills[0].count == names.count + 1)
        for _ in 0..<4 {
            kit.fetcher.unreachable(holder, now: kit.now)
            kit.advance(.seconds(300))
        }
        #expect(kit.fetcher.tableFills[0].count == names.count)
    }

    @Test func whoIsToBeAskedAndIsNotWatchedAnyMoreIsAskedAllTheSame() {
        var kit = Kit(linked: 1)
        let holder = MessageKit.key(30).peerID
        kit.fetcher.watch(names, holders: [holder], now: kit.now)
        kit.fetcher.linkUp(holder, now: kit.now)
        kit.expect([.fetch(Self.fetch(), from: names[0])], "one after the other")
        kit.fetcher.ask(holder, now: kit.now)
        kit.fetcher.watch(names, now: kit.now)
        kit.expect([])
        kit.page(.init())
        kit.expect([.fetch(Self.fetch(), from: holder)])
        kit.page(.init(), from: holder)
        #expect(kit.fetcher.tableFills[0].count == names.count, "once")
    }
}
