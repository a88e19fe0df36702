import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

/// How long one mailbox is asked while others wait, and who hears of what it has brought.
@Suite struct MailboxTurnTests {
    private typealias Kit = MailboxFetcherTests.Kit

    private let names = Kit.names
    private let alice = MailboxKit.alice.peerID

    private func fetch(_ after: UInt64 = 0, byteCount: Int = MailboxProtocol.pageByteCountMax) -> MailboxFetch
    {
        .init(after: after, countMax: 64, byteCountMax: byteCount)
    }

    /// Has the first mailbox bring a message that leads on to the next page, after a while.
    private func bring(_ number: UInt64, after wait: Duration, _ kit: inout Kit) throws {
        kit.advance(wait)
        kit.page(.init(envelopes: [try MailboxKit.envelope(number).encoded], next: number))
        kit.took(number)
    }

    // MARK: Turns

    @Test func aMailboxThatAlwaysHasMoreLetsTheOthersHaveTheirTurn() throws {
        var kit = Kit(linked: 3)
        _ = kit.actions()
        for number in 1...4 as ClosedRange<UInt64> {
            try bring(number, after: .seconds(29), &kit)
            #expect(kit.actions().last == .fetch(fetch(number), from: names[0]))
        }
        try bring(5, after: .seconds(29), &kit)
        let actions = kit.actions()
        #expect(actions.last == .fetch(fetch(), from: names[1]))
        #expect(!actions.contains { if case .broke = $0 { true } else { false } }, "it may have that much")
        kit.advance(.seconds(5))
        kit.page(.init(), from: names[1])
        kit.expect([.fetch(fetch(), from: names[2])], "it waits until all have had their turn")
        kit.page(.init(), from: names[2])
        kit.expect([.fetch(fetch(), from: names[0])], "and is gone on with")
    }

    @Test func aMailboxIsAskedForAsLongAsNobodyWaits() throws {
        var kit = Kit()
        _ = kit.actions()
        for number in 1...9 as ClosedRange<UInt64> {
            try bring(number, after: .seconds(29), &kit)
            #expect(kit.actions().last == .fetch(fetch(number), from: names[0]))
        }
    }

    @Test(arguments: [true, false]) func aRoundEndsAtItsBoundsAndNobodyIsBlamed(isByCount: Bool) throws {
        var limits = MailboxFetcher.Limits()
        let byteCount = try MailboxKit.envelope(1).encoded.count
        if isByCount { limits.roundCountMax = 3 } else { limits.roundByteCountMax = 2 * byteCount + 1 }
        var kit = Kit(limits: limits)
        _ = kit.actions()
        for number in 1...2 as ClosedRange<UInt64> {
            try bring(number, after: .zero, &kit)
            #expect(kit.actions().last == .fetch(fetch(number), from: names[0]))
        }
        try bring(3, after: .zero, &kit)
        let entry = Receipt.Entry(id: MailboxKit.id(3), outcome: .delivered)
        #expect(kit.actions().last == .acknowledge([entry], of: alice, at: [names[0]]), "no further page")
        kit.advance(.seconds(1))
        kit.expect([.fetch(fetch(), from: names[0])], "the rest is asked for soon")
    }

    // MARK: Slow links

    @Test func aPageWhoseBytesKeepComingIsWaitedFor() throws {
        var kit = Kit(linked: 1)
        _ = kit.actions()
        for _ in 0..<10 {
            kit.advance(.seconds(29))
            kit.fetcher.heard(from: names[0], now: kit.now)
            kit.expect([])
        }
        try bring(1, after: .seconds(9), &kit)
        #expect(kit.actions().last == .fetch(fetch(1), from: names[0]))
    }

    @Test func aStreamThatTakesLongToOpenLeavesItsMailboxTheWholeTime() throws {
        var kit = Kit(linked: 1)
        _ = kit.actions()
        kit.advance(.seconds(20))
        kit.fetcher.opened(names[0], now: kit.now)
        kit.advance(.seconds(29))
        kit.expect([])
        kit.advance(.seconds(1))
        kit.expectBreach(.silent)
    }

    @Test func aPageThatTakesTooLongIsAskedForSmallerBeforeItsMailboxIsBlamed() throws {
        var kit = Kit(linked: 2)
        _ = kit.actions()
        // The other mailbox is due: the larger pages have until the round has had its time.
        for byteCount in [262_572, 65_643, 16_410] {
            for _ in 0..<4 {
                kit.advance(.seconds(29))
                kit.fetcher.heard(from: names[0], now: kit.now)
            }
            kit.expect([])
            kit.advance(.seconds(4))
            kit.expect([.late(names[0]), .fetch(fetch(), from: names[1])])
            // What comes of it afterwards is of no round.
            kit.fetcher.heard(from: names[0], now: kit.now)
            kit.advance(.seconds(2))
            kit.page(.init(), from: names[1])
            kit.expect([.fetch(fetch(byteCount: byteCount), from: names[0])])
            // The other one waits again.
            kit.fetcher.ask(names[1], now: kit.now)
        }
        for _ in 0..<10 {
            kit.advance(.seconds(29))
            kit.fetcher.heard(from: names[0], now: kit.now)
        }
        kit.expect([], "the smallest has the whole time")
        kit.advance(.seconds(10))
        kit.expect([.broke(.silent, by: names[0]), .fetch(fetch(), from: names[1])])
    }

    @Test func pagesGrowAgainWhenTheyComeQuickly() throws {
        var kit = Kit()
        _ = kit.actions()
        kit.advance(.seconds(29))
        kit.fetcher.heard(from: names[0], now: kit.now)
        kit.advance(.seconds(30))
        kit.expect([.late(names[0])])
        kit.advance(.seconds(1))
        kit.expect([.fetch(fetch(byteCount: 262_572), from: names[0])])
        try bring(1, after: .seconds(8), &kit)
        #expect(kit.actions().last == .fetch(fetch(1, byteCount: 262_572), from: names[0]))
        try bring(2, after: .seconds(7), &kit)
        #expect(kit.actions().last == .fetch(fetch(2), from: names[0]))
    }

    @Test func aPageIsBoundedByWhatWasAskedFor() throws {
        var kit = Kit()
        _ = kit.actions()
        kit.fetcher.heard(from: names[0], now: kit.now)
        kit.advance(.seconds(30))
        kit.advance(.seconds(1))
        _ = kit.actions()
        kit.page(.init(envelopes: [[UInt8]](repeating: [UInt8](repeating: 0, count: 200_000), count: 2)))
        kit.expectBreach(.pageOutOfBounds)
    }

    // MARK: Who hears of it

    @Test func receiptsGoToOwnMailboxesAndToWhoeverBroughtTheMessage() throws {
        var kit = Kit(linked: 4)
        _ = kit.actions()
        kit.fetcher.watch(Array(names[..<2]), holders: Array(names[2...]), now: kit.now)
        for (index, bringer) in names.enumerated() {
            let number = UInt64(index + 1)
            kit.page(.init(envelopes: [try MailboxKit.envelope(number).encoded]), from: bringer)
            _ = kit.actions()
            kit.took(number)
            let entry = Receipt.Entry(id: MailboxKit.id(number), outcome: .delivered)
            let told = index < 2 ? Array(names[..<2]) : names[..<2] + [bringer]
            #expect(kit.actions().first == .acknowledge([entry], of: alice, at: told))
        }
    }
}
