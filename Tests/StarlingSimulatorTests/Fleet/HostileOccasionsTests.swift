import StarlingCore
import StarlingMesh
import StarlingNode
import Testing

@testable import StarlingSimulator

/// Kinds of hostile nodes that did nothing, told where they had every occasion.
@Suite struct HostileOccasionsTests {
    /// Four nodes, of which the first is hostile.
    private static func fleet(_ kind: FleetHostility, mailboxCount: Int = 0, usesRoutes: Bool = true) throws
        -> FleetRig
    {
        let fleet = try FleetRig(nodeCount: 4, mailboxCount: mailboxCount) { $0.usesRoutes = usesRoutes }
        let liar = fleet.members[0]
        liar.hostility = kind
        for member in fleet.members { member.hostileTallies = [liar.peerID: liar.hostileTally] }
        return fleet
    }

    private static func missed(_ fleet: FleetRig, acceptedCount: Int = 100) -> [FleetHostility] {
        let (members, mail) = (fleet.members, fleet.crew.mail)
        return HostileOccasions(members: members, mail: mail, acceptedCount: acceptedCount).missed
    }

    @Test(arguments: [FleetHostility.drop, .replay])
    func whoCarriesForOthersHadOccasionWhereWaysLedOverItAndMuchWasSent(kind: FleetHostility) throws {
        let fleet = try Self.fleet(kind)
        let members = fleet.members
        #expect(Self.missed(fleet) == [], "nobody had a way over it")
        members[1].routeChanged(to: members[0].peerID, [members[0].peerID])
        #expect(Self.missed(fleet) == [], "its own messages are no occasion")
        members[0].routeChanged(to: members[2].peerID, [members[0].peerID])
        #expect(Self.missed(fleet) == [], "nor are its own ways")
        members[1].routeChanged(to: members[2].peerID, [members[0].peerID])
        #expect(Self.missed(fleet, acceptedCount: 99) == [])
        #expect(Self.missed(fleet) == [kind])
        members[0].hostileTally.toldCount = 1
        #expect(Self.missed(fleet) == [kind], "what others do is not its deed")
        if kind == .drop {
            members[0].hostileTally.droppedCount = 1
        } else {
            members[0].hostileTally.replayedCount = 1
        }
        #expect(Self.missed(fleet) == [])
    }

    @Test(arguments: [FleetHostility.flatter, .flood])
    func whoLiesAboutRoutesHadOccasionWhereThereAreAny(kind: FleetHostility) throws {
        #expect(Self.missed(try Self.fleet(kind, usesRoutes: false)) == [])
        let fleet = try Self.fleet(kind)
        #expect(Self.missed(fleet, acceptedCount: 0) == [kind])
        fleet.members[0].hostileTally.droppedCount = 1
        #expect(Self.missed(fleet) == [kind])
        fleet.members[0].hostileTally.toldCount = 1
        #expect(Self.missed(fleet) == [])
        fleet.members[0].hostileTally.toldCount = 0
        fleet.members[0].neighbours = []
        #expect(Self.missed(fleet) == [], "it knows nobody")
    }

    /// Of twelve places of mailboxes it has three: where the others have sixty copies, it had been asked for twenty.
    @Test func aMailboxHadOccasionWhereMuchWasLeftWithTheOthers() throws {
        #expect(Self.missed(try Self.fleet(.mailbox)) == [], "there are no mailboxes")
        let fleet = try Self.fleet(.mailbox, mailboxCount: 3)
        let mail = try #require(fleet.crew.mail)
        let names = (0..<60).map { number in
            MessageName(
                from: fleet.members[1].peerID,
                id: MessageID(random: [UInt8](repeating: UInt8(number), count: 16))
            )
        }
        mail.saw(Set(names.dropLast()), at: 1)
        #expect(Self.missed(fleet) == [])
        mail.saw(Set(names), at: 1)
        #expect(Self.missed(fleet) == [.mailbox])
        fleet.members[0].hostileTally.takenCount = 1
        #expect(Self.missed(fleet) == [])
    }

    @Test func oneOfAKindThatDidSomethingIsEnough() throws {
        let fleet = try Self.fleet(.flood)
        fleet.members[1].hostility = .flood
        #expect(Self.missed(fleet) == [.flood])
        fleet.members[1].hostileTally.toldCount = 1
        #expect(Self.missed(fleet) == [])
    }
}
