import StarlingCore
import StarlingCrypto
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Synchronization
import Testing

/// Mailboxes that are no neighbours of whoever leaves messages there, or fetches them.
@Suite struct MailboxHopTests {
    private typealias Fleet = MailboxFleet
    private static let mailbox = Fleet.rowMailbox

    @Test func aMessageIsLeftWithAMailboxThreeHopsAwayAndItsReceiptComesBack() throws {
        var fleet = try Fleet.row([Fleet.alice, 3, 4, Self.mailbox, Fleet.bob])
        try fleet.run(.seconds(5))
        for (one, other) in [(Fleet.alice, 3), (3, 4), (4, Self.mailbox)] { try fleet.connect(one, other) }
        try fleet.run(.seconds(30))
        fleet.takeAway(Fleet.bob)
        try fleet.run(.seconds(60))
        // Alice has never heard of Bob's mailbox, nor has the neighbour that she has.
        let ids = try fleet.send(["over hops"])
        try fleet.run(.seconds(120))
        #expect(try fleet.holders(of: ids[0]) == [Self.mailbox])
        #expect(try fleet.keptCount(Self.mailbox) == 1)

        fleet.takeAway(Fleet.alice)
        try fleet.run(.seconds(600))
        try fleet.bringBack(Fleet.bob)
        try fleet.run(.seconds(60))
        #expect(try fleet.inboxTexts() == ["over hops"])
        fleet.takeAway(Fleet.bob)
        try fleet.run(.seconds(60))
        try fleet.bringBack(Fleet.alice)
        try fleet.connect(Fleet.alice, 3)
        try fleet.run(.seconds(400))
        #expect(try fleet.states(ids) == [.delivered])
        #expect(try fleet.keptCount(Self.mailbox) == 0)
        let far = try fleet.at(Fleet.alice) {
            await $0.mailboxes.tableFills.first { $0.name == "mailboxes over others" }?.count
        }
        #expect(far == 0, "nothing is wanted of it any more")
        #expect(try fleet.overfullTables() == [])
    }

    @Test func aRecipientFetchesFromAMailboxBehindOthers() throws {
        var fleet = try Fleet.row([Fleet.alice, Self.mailbox, 3, 4, Fleet.bob])
        try fleet.run(.seconds(5))
        for (one, other) in [(Fleet.alice, Self.mailbox), (Self.mailbox, 3), (3, 4), (4, Fleet.bob)] {
            try fleet.connect(one, other)
        }
        try fleet.run(.seconds(120))
        fleet.takeAway(Fleet.bob)
        try fleet.run(.seconds(60))
        let ids = try fleet.send(["behind others"])
        try fleet.run(.seconds(60))
        #expect(try fleet.holders(of: ids[0]) == [Self.mailbox], "Bob has told it his list over others")
        fleet.takeAway(Fleet.alice)
        try fleet.run(.seconds(60))
        try fleet.bringBack(Fleet.bob)
        try fleet.connect(Fleet.bob, 4)
        try fleet.run(.seconds(120))
        #expect(try fleet.inboxTexts() == ["behind others"])
    }

    /// Whoever is on the way may end each tunnel as soon as it is there.
    @Test func aMailboxThatEndsEachTunnelIsAskedLaterAndLater() throws {
        var fleet = try Fleet.row([Fleet.alice, 3, 4, Self.mailbox, Fleet.bob])
        try fleet.run(.seconds(5))
        for (one, other) in [(Fleet.alice, 3), (3, 4), (4, Self.mailbox)] { try fleet.connect(one, other) }
        try fleet.run(.seconds(30))
        fleet.takeAway(Fleet.bob)
        let ended = Mutex(0)
        try fleet.at(Self.mailbox) { node in
            node.tunnels.serve(MailboxProtocol.id) { stream in
                ended.withLock { $0 += 1 }
                await stream.reset()
            }
        }
        try fleet.run(.seconds(60))
        try fleet.send(["nowhere"])
        try fleet.run(.seconds(1800))
        let count = ended.withLock { $0 }
        #expect(count > 2 && count < 60, "\(count) times")
        #expect(try fleet.failedWayCount(Fleet.alice) == 1, "it may be somebody on the way")
    }

    /// What was one question stays few.
    @Test func aListThatNobodyKnowsIsLookedForOnceInAWhile() throws {
        let fleet = try Fleet.row([Fleet.alice, 3, 4, Self.mailbox, Fleet.bob])
        for (one, other) in [(Fleet.alice, 3), (3, 4), (4, Self.mailbox)] { try fleet.connect(one, other) }
        try fleet.run(.seconds(30))
        let (asker, nobody) = (try fleet.peer(Fleet.alice), try Fleet.key(99).peerID)
        func sought(at number: Int) throws -> Int? {
            try fleet.at(number) {
                await $0.mailboxes.tableFills.first { $0.name == "lists looked for" }?.count
            }
        }
        func ask(hopLimit: UInt8) throws -> [UInt8] {
            try fleet.at(3) { await $0.mailboxes.encodedList(of: nobody, for: asker, hopLimit: hopLimit) }
        }
        #expect(try ask(hopLimit: 1) == [])
        #expect(try sought(at: 3) == 0, "it may not go on")
        #expect(try ask(hopLimit: 2) == [])
        #expect(try [sought(at: 3), sought(at: 4)] == [1, 0])
        #expect(try ask(hopLimit: 255) == [])
        #expect(try sought(at: 4) == 0, "a moment ago it was looked for")
        // Others than neighbours have only what is known.
        let stranger = try fleet.peer(Fleet.bob)
        try fleet.run(.seconds(11))
        let found = try fleet.at(3) {
            await $0.mailboxes.encodedList(of: nobody, for: stranger, hopLimit: 255)
        }
        #expect(try found == [] && sought(at: 4) == 0)
        #expect(try ask(hopLimit: 255) == [])
        #expect(try [sought(at: 3), sought(at: 4), sought(at: Self.mailbox)] == [1, 1, 1])
        #expect(try fleet.overfullTables() == [])
    }
}
