import StarlingCore
import StarlingCrypto
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingWorld
import Testing

/// Messages to a peer that is away, left with its mailboxes by whole nodes.
@Suite struct MailboxDriverTests {
    private typealias Fleet = MailboxFleet

    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func aMessageWaitsInAMailboxWhileItsSenderIsOffline(seed: UInt64) throws {
        var fleet = try Fleet.absence(seed: seed, mailboxCount: 1)
        let ids = try fleet.send(["one", "two"])
        try fleet.run(.seconds(30))
        #expect(try fleet.holders(of: ids[0]) == [2])
        #expect(try fleet.holders(of: ids[1]) == [2])
        #expect(try fleet.keptCount(2) == 2)

        // The two are never there at the same time.
        fleet.takeAway(Fleet.alice)
        try fleet.run(.seconds(3600))
        try fleet.bringBack(Fleet.bob)
        try fleet.run(.seconds(30))
        #expect(try fleet.inboxTexts() == ["one", "two"])
        fleet.takeAway(Fleet.bob)
        try fleet.run(.seconds(60))
        // What is left is the receipt, for Alice.
        #expect(try fleet.keptCount(2) == 1)
        try fleet.bringBack(Fleet.alice)
        try fleet.run(.seconds(60))
        #expect(try fleet.states(ids) == [.delivered, .delivered])
        #expect(try fleet.keptCount(2) == 0)
        #expect(try fleet.holders(of: ids[0]) == [2], "the history tells where it was")

        // They meet again: nothing comes twice.
        try fleet.bringBack(Fleet.bob)
        try fleet.run(.seconds(600))
        #expect(try fleet.inboxTexts() == ["one", "two"])
        #expect(try fleet.overfullTables() == [])
    }

    /// A neighbour may promise ways to anybody, for hours after they went.
    @Test func whatIsSentOverARouteThatDeliversNothingIsLeftWithMailboxes() throws {
        let fleet = try Fleet.absence(mailboxCount: 1)
        try fleet.connect(Fleet.alice, 2)
        try fleet.run(.seconds(2))
        let (bob, neighbour) = (try fleet.peer(Fleet.bob), try fleet.peer(2))
        try fleet.at(Fleet.alice) { await $0.delivery.setRoute(to: bob, [neighbour], linkCount: 2) }
        let ids = try fleet.send(["over a route"])
        try fleet.run(.seconds(2))
        #expect(try fleet.states(ids) == [.sent])
        #expect(try fleet.holders(of: ids[0]) == [], "the route may be slow")
        try fleet.run(.seconds(60))
        #expect(try fleet.holders(of: ids[0]) == [2])
    }

    /// The way leads from the sender to the mailbox, and from there to the recipient: two links, whoever is there when.
    @Test func aMessageThatAsksTellsTheWayThroughItsMailbox() throws {
        var fleet = try Fleet.absence(mailboxCount: 1)
        let asked = try fleet.send(["recorded"], recordsPath: true)
        let other = try fleet.send(["not recorded"])
        try fleet.run(.seconds(30))
        let left = fleet.hosts[2].world.wallClock.now
        fleet.takeAway(Fleet.alice)
        try fleet.run(.seconds(3600))
        try fleet.bringBack(Fleet.bob)
        try fleet.run(.seconds(30))
        fleet.takeAway(Fleet.bob)
        try fleet.bringBack(Fleet.alice)
        try fleet.run(.seconds(60))
        #expect(try fleet.states(asked + other) == [.delivered, .delivered])
        let messages = try fleet.at(Fleet.alice) { node in
            [
                await node.delivery.report(on: asked[0])?.message,
                await node.delivery.report(on: other[0])?.message,
            ]
        }
        let path = try #require(messages[0]?.path)
        #expect(path.map(\.peer) == [try fleet.peer(Fleet.alice), try fleet.peer(2)])
        let times = path.map(\.arrived.millisecondsSince1970)
        #expect(times.count == 2 && times[0] <= left.millisecondsSince1970)
        #expect(times.last ?? 0 >= left.millisecondsSince1970 + 3_600_000, "it lay there for an hour")
        #expect(messages[1] != nil && messages[1]?.path == nil)
    }

    @Test func aMessageIsLeftWithFourMailboxesAtMost() throws {
        var fleet = try Fleet.absence(mailboxCount: 6)
        let ids = try fleet.send(["copied"])
        try fleet.run(.seconds(30))
        #expect(try fleet.holders(of: ids[0]).count == 4)
        var kept = try fleet.mailboxes.reduce(0) { $0 + (try fleet.keptCount($1)) }
        #expect(kept == 4)
        // One of them is gone for good: it may still have its copy, so nobody else gets one.
        let gone = try #require(try fleet.holders(of: ids[0]).first)
        fleet.takeAway(gone)
        try fleet.run(.seconds(600))
        kept = try fleet.mailboxes.filter { $0 != gone }.reduce(0) { $0 + (try fleet.keptCount($1)) }
        #expect(kept == 3)
        try fleet.bringBack(Fleet.bob)
        try fleet.run(.seconds(60))
        #expect(try fleet.inboxTexts() == ["copied"])
        // The mailboxes have told Alice of the receipt.
        #expect(try fleet.states(ids) == [.delivered])
        try fleet.bringBack(gone)
        try fleet.run(.seconds(1200))
        kept = try fleet.mailboxes.reduce(0) { $0 + (try fleet.keptCount($1)) }
        #expect(kept == 0, "the copies are erased everywhere")
        #expect(try fleet.inboxTexts() == ["copied"])
    }

    @Test func whoeverIsThereIsWrittenToWithoutAMailbox() throws {
        let fleet = try MailboxFleet(mailboxCount: 1)
        try fleet.run(.seconds(2))
        try fleet.connect(Fleet.alice, Fleet.bob)
        let ids = try fleet.send(["straight"])
        try fleet.run(.seconds(60))
        #expect(try fleet.states(ids) == [.delivered])
        #expect(try fleet.holders(of: ids[0]) == [])
        #expect(try fleet.keptCount(2) == 0)
    }

    @Test func strangersAndReadableMessagesAreNotKept() throws {
        // The mailbox that Bob names serves somebody else.
        var fleet = try Fleet.absence(mailboxCount: 2) { number, configuration in
            if number == 2 { configuration.mailbox.policy = .named([try MailboxFleet.key(9).peerID]) }
            if number == 3 { configuration.mailbox.policy = .nobody }
        }
        let ids = try fleet.send(["unwanted"])
        try fleet.run(.seconds(120))
        #expect(try fleet.holders(of: ids[0]) == [])
        #expect(try fleet.keptCount(2) == 0)
        #expect(try fleet.keptCount(3) == 0)
        // Nothing is lost by that.
        try fleet.bringBack(Fleet.bob)
        try fleet.connect(Fleet.bob, Fleet.alice)
        try fleet.run(.seconds(30))
        #expect(try fleet.states(ids) == [.delivered])

        fleet = try Fleet.absence(mailboxCount: 1)
        let open = try fleet.send(["readable"], .standard)
        try fleet.run(.seconds(120))
        #expect(try fleet.holders(of: open[0]) == [])
        #expect(try fleet.keptCount(2) == 0)
    }

    @Test func aSenderThatNeverMetTheRecipientHearsOfItsMailboxesFromANeighbour() throws {
        var fleet = try MailboxFleet(mailboxCount: 1)
        try fleet.run(.seconds(2))
        try fleet.connect(Fleet.alice, 2)
        fleet.takeAway(Fleet.bob)
        let ids = try fleet.send(["by hearsay"])
        try fleet.run(.seconds(60))
        #expect(try fleet.holders(of: ids[0]) == [2])
        try fleet.bringBack(Fleet.bob)
        try fleet.run(.seconds(30))
        #expect(try fleet.inboxTexts() == ["by hearsay"])
    }

    @Test func whoCannotBeReachedIsToldByTheMailboxThatBothAreConnectedTo() throws {
        // Bob listens nowhere, and has no route: what comes to him comes by the mailbox.
        let fleet = try MailboxFleet(mailboxCount: 1) { number, configuration in
            if number == MailboxFleet.bob { configuration.listenAddresses = [] }
        }
        try fleet.run(.seconds(2))
        try fleet.connect(Fleet.alice, 2)
        let ids = try fleet.send(["one"])
        try fleet.run(.seconds(20))
        #expect(try fleet.inboxTexts() == ["one"])
        #expect(try fleet.states(ids) == [.delivered])
        try fleet.send(["two"])
        try fleet.run(.seconds(20))
        #expect(try fleet.inboxTexts() == ["one", "two"])
        #expect(try fleet.keptCount(2) == 0)
    }

    /// With routes the mailbox is a relay, too.
    @Test func whereThereAreRoutesAMailboxIsForThoseWhoAreAway() throws {
        var fleet = try Fleet.absence(mailboxCount: 2) { _, configuration in configuration.usesRoutes = true }
        let ids = try fleet.send(["kept"])
        try fleet.run(.seconds(600))
        #expect(try fleet.holders(of: ids[0]) == [2, 3])
        fleet.takeAway(Fleet.alice)
        try fleet.run(.seconds(600))
        try fleet.bringBack(Fleet.bob)
        try fleet.run(.seconds(60))
        #expect(try fleet.inboxTexts() == ["kept"])
        try fleet.bringBack(Fleet.alice)
        try fleet.run(.seconds(60))
        let more = try fleet.send(["straight"])
        try fleet.run(.seconds(60))
        #expect(try fleet.states(ids + more) == [.delivered, .delivered])
        #expect(try fleet.inboxTexts() == ["kept", "straight"])
        #expect(try fleet.mailboxes.allSatisfy { try fleet.keptCount($0) == 0 })
    }

    @Test func aMailboxThatIsNamedNoMoreGetsNothing() throws {
        var named = true
        var fleet = try MailboxFleet(mailboxCount: 1) { number, configuration in
            if number == MailboxFleet.bob, !named { configuration.mailbox.addresses = [] }
        }
        try fleet.run(.seconds(2))
        try fleet.connect(Fleet.alice, Fleet.bob)
        try fleet.run(.seconds(2))
        named = false
        fleet.takeAway(Fleet.bob)
        try fleet.bringBack(Fleet.bob)
        try fleet.run(.seconds(2))
        try fleet.connect(Fleet.alice, Fleet.bob)
        try fleet.run(.seconds(2))
        fleet.takeAway(Fleet.bob)
        let ids = try fleet.send(["waits"])
        try fleet.run(.seconds(60))
        #expect(try fleet.holders(of: ids[0]) == [])
        #expect(try fleet.keptCount(2) == 0)
    }

    @Test func aMailboxKeepsNoMoreOfASenderThanItsShare() throws {
        var fleet = try Fleet.absence(mailboxCount: 1) { number, configuration in
            if number == 2 { configuration.mailbox.shelfLimits.senderCountMax = 5 }
        }
        let texts = (0..<12).map { "message \($0)" }
        let ids = try fleet.send(texts)
        try fleet.run(.seconds(120))
        #expect(try fleet.keptCount(2) == 5)
        #expect(try fleet.overfullTables() == [])
        // What found no place there is Alice's to deliver.
        try fleet.bringBack(Fleet.bob)
        try fleet.connect(Fleet.bob, Fleet.alice)
        try fleet.run(.seconds(60))
        #expect(try fleet.inboxTexts().sorted() == texts.sorted())
        #expect(try fleet.states(ids).allSatisfy { $0 == .delivered })
    }

    @Test func whatIsExpiredIsKeptNoLonger() throws {
        var fleet = try Fleet.absence(mailboxCount: 1)
        let ids = try fleet.send(["late"], lifetime: .seconds(3600))
        try fleet.run(.seconds(60))
        #expect(try fleet.keptCount(2) == 1)
        fleet.takeAway(Fleet.alice)
        try fleet.run(.seconds(3600 + 901))
        #expect(try fleet.keptCount(2) == 0)
        try fleet.bringBack(Fleet.alice)
        try fleet.run(.seconds(60))
        #expect(try fleet.states(ids) == [.expired])
    }

    @Test func aMailboxLetsGoInItsOwnTimeAndTheMessageIsDeliveredAllTheSame() throws {
        var fleet = try Fleet.absence(mailboxCount: 1) { number, configuration in
            if number == 2 { configuration.mailbox.shelfLimits.lifetime = .seconds(1800) }
        }
        let ids = try fleet.send(["kept for a while"])
        try fleet.run(.seconds(60))
        #expect(try fleet.holders(of: ids[0]) == [2] && fleet.keptCount(2) == 1)
        #expect(try fleet.at(2) { await $0.mailboxSummary().ageMax } == .seconds(1800))
        try fleet.run(.seconds(1800))
        #expect(try fleet.keptCount(2) == 0)
        // Alice hears of it, offers it again, and takes the answer for one.
        for _ in 0..<4 {
            try fleet.connect(Fleet.alice, 2)
            try fleet.run(.seconds(1800))
            #expect(try fleet.keptCount(2) == 0)
        }
        #expect(try fleet.holders(of: ids[0]) == [])
        #expect(try fleet.states(ids) == [.queued], "it is hers to deliver")
        try fleet.bringBack(Fleet.bob)
        try fleet.connect(Fleet.bob, Fleet.alice)
        try fleet.run(.seconds(60))
        #expect(try fleet.inboxTexts() == ["kept for a while"])
        #expect(try fleet.states(ids) == [.delivered])
        #expect(try fleet.overfullTables() == [])
    }

    @Test func aMailboxThatLosesItsDiskLosesNoMessage() throws {
        var fleet = try Fleet.absence(mailboxCount: 1)
        let ids = try fleet.send(["kept twice"])
        try fleet.run(.seconds(30))
        #expect(try fleet.keptCount(2) == 1)
        // It said that it stores, and has dropped it.
        let rows = MailboxTables.shelf
        let position: UInt64 = 1
        try fleet.at(2) { node in
            var batch = StoreBatch()
            batch.remove(StoreKey(rows, position))
            node.world.store.commit(batch) { #expect($0 == nil) }
        }
        try fleet.run(.seconds(1))
        fleet.takeAway(2)
        try fleet.bringBack(2)
        #expect(try fleet.keptCount(2) == 0)
        // Asked again, it says so, and is given another one.
        try fleet.run(.seconds(600))
        #expect(try fleet.holders(of: ids[0]) == [2])
        #expect(try fleet.keptCount(2) == 1)
        fleet.takeAway(2)
        try fleet.bringBack(Fleet.bob)
        try fleet.connect(Fleet.bob, Fleet.alice)
        try fleet.run(.seconds(30))
        #expect(try fleet.states(ids) == [.delivered])
        #expect(try fleet.inboxTexts() == ["kept twice"])
    }
}
