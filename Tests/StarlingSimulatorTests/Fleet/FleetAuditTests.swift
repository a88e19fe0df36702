import StarlingCore
import StarlingCrypto
import StarlingMesh
import StarlingNode
import StarlingTransports
import Testing

@testable import StarlingSimulator

/// Nodes of which an audit finds at once that a table is over its limit, where that limit is less than nothing.
private struct AuditedFleet {
    let simulation = Simulation(seed: 1)
    let crew: DeliveryFleet.Crew

    init(nodeCount: Int, heldCountMax: Int = -1) throws {
        let simulation = simulation
        var configuration = NodeConfiguration(machineMemoryByteCount: 1 << 30)
        configuration.usesMDNS = false
        configuration.topology = nil
        configuration.securities = [.noise]
        configuration.deliveryLimits.inbox.heldCountMax = heldCountMax
        let keySeeds = (0..<nodeCount).map { [UInt8](repeating: UInt8($0 + 1), count: 32) }
        let traffic = FleetTraffic(
            FleetTraffic.Options(),
            nodeCount: nodeCount,
            neighbours: nil,
            hostile: [],
            clockTolerance: .zero
        )
        traffic.close()
        let ledger = FleetLedger(
            seed: 1,
            peerIDs: try keySeeds.map { try FleetNode.identity($0).peerID },
            capacity: 0,
            moment: { FleetMoment(nanoseconds: 0, step: 0) }
        )
        let members = try keySeeds.map { keySeed in
            let host = simulation.host()
            return try FleetMember(
                host,
                keySeed: keySeed,
                configuration,
                ledger,
                traffic,
                nil,
                in: simulation,
                seed: 1
            )
        }
        crew = DeliveryFleet.Crew(members: members, links: [], traffic: traffic, ledger: ledger)
    }

    func boot(_ nodes: some Sequence<Int>) throws {
        for node in nodes { crew.members[node].boot() }
        try simulation.run(for: .seconds(1))
    }

    func stop(_ node: Int) throws {
        crew.members[node].stop()
        try simulation.run(for: .seconds(1))
    }

    /// The nodes whose table an audit found to be too full.
    var found: Set<Int> {
        let violations = crew.ledger.violations
        return Set(
            crew.members.indices.filter { node in
                violations.contains { $0.hasSuffix("node \(node) has 0 of -1: inbox held") }
            }
        )
    }
}

@Suite struct FleetAuditTests {
    @Test(arguments: [0, -1]) func aTableOverItsLimitIsReportedAndNoOther(limit: Int) throws {
        let fleet = try AuditedFleet(nodeCount: 3, heldCountMax: limit)
        try fleet.boot(0..<3)
        FleetAudit(fleet.crew).look()
        #expect(fleet.found == (limit < 0 ? [0, 1, 2] : []))
        #expect(fleet.crew.ledger.violations.count == fleet.found.count)
    }

    @Test func everyNodeHasItsTurnWhereTheCountIsNoMultipleOfATurns() throws {
        let fleet = try AuditedFleet(nodeCount: 7)
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
        let fleet = try AuditedFleet(nodeCount: 7)
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
}
