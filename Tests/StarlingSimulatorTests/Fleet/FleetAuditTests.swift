import StarlingCore
import StarlingMesh
import StarlingNode
import Testing

@testable import StarlingSimulator

@Suite struct FleetAuditTests {
    /// Nodes of which an audit finds at once that a table is over its limit, where that limit is less than nothing.
    private static func fleet(_ nodeCount: Int, heldCountMax: Int = -1) throws -> FleetRig {
        try FleetRig(nodeCount: nodeCount) { $0.deliveryLimits.inbox.heldCountMax = heldCountMax }
    }

    @Test(arguments: [0, -1]) func aTableOverItsLimitIsReportedAndNoOther(limit: Int) throws {
        let fleet = try Self.fleet(3, heldCountMax: limit)
        try fleet.boot(0..<3)
        FleetAudit(fleet.crew).look()
        #expect(fleet.found == (limit < 0 ? [0, 1, 2] : []))
        #expect(fleet.crew.ledger.violations.count == fleet.found.count)
    }

    @Test func everyNodeHasItsTurnWhereTheCountIsNoMultipleOfATurns() throws {
        let fleet = try Self.fleet(7)
        try fleet.boot(0..<7)
        let audit = FleetAudit(fleet.crew, turnCountMax: 3)
        var found: [Set<Int>] = []
        for _ in 0..<3 {
            audit.turn()
            found.append(fleet.found)
        }
        #expect(found == [[0, 1, 2], [0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5, 6]])
    }

    @Test func whoIsDownAtItsTurnHasTheNextOneInWhichItIsUp() throws {
        let fleet = try Self.fleet(7)
        try fleet.boot([0, 1, 3, 4, 5, 6])
        let audit = FleetAudit(fleet.crew, turnCountMax: 3)
        audit.turn()
        #expect(fleet.found == [0, 1, 3])
        try fleet.boot([2])
        try fleet.stop(4)
        audit.turn()
        #expect(fleet.found == [0, 1, 2, 3, 5, 6])
        // A turn in which all are down costs nobody its place.
        for node in [0, 1, 2, 3, 5, 6] { try fleet.stop(node) }
        audit.turn()
        try fleet.boot([4])
        audit.turn()
        #expect(fleet.found == [0, 1, 2, 3, 4, 5, 6])
    }

    /// What five mailboxes have on their disks is one copy too many, whoever of them is up.
    @Test(arguments: [4, 5]) func aFifthCopyOfAMessageIsReported(count: Int) throws {
        let fleet = try FleetRig(nodeCount: 6, mailboxCount: 5)
        let name = MessageName(
            from: fleet.members[0].peerID,
            id: MessageID(random: [UInt8](repeating: 1, count: 16))
        )
        for node in 1...count { fleet.crew.mail?.saw([name], at: node) }
        FleetAudit(fleet.crew).look()
        #expect(fleet.violations.count == (count > 4 ? 1 : 0))
        #expect(fleet.violations.allSatisfy { $0.contains("there are 5 copies of message \(name.id) of") })
    }
}

extension FleetRig {
    /// The nodes whose table an audit found to be too full.
    fileprivate var found: Set<Int> {
        Set(
            members.indices.filter { node in
                violations.contains { $0.hasSuffix("node \(node) has 0 of -1: inbox held") }
            }
        )
    }
}
