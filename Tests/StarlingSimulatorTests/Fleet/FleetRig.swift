import StarlingCore
import StarlingCrypto
import StarlingNode

@testable import StarlingSimulator

/// The crew of a small fleet, none of which is up yet, and whose applications send as much as a test says.
struct FleetRig {
    let simulation: Simulation
    let crew: DeliveryFleet.Crew

    /// - Parameters:
    ///   - messagesPerHour: what each sends to the others; 0 for nothing.
    ///   - mailboxCount: how many of the others keep a node's messages; 0 for none.
    init(
        nodeCount: Int,
        messagesPerHour: Int = 0,
        mailboxCount: Int = 0,
        _ change: (inout NodeConfiguration) -> Void = { _ in }
    ) throws {
        let simulation = Simulation(seed: 1)
        self.simulation = simulation
        var configuration = FleetNode.configuration
        configuration.topology = nil
        change(&configuration)
        let keySeeds = (0..<nodeCount).map { [UInt8](repeating: UInt8($0 + 1), count: 32) }
        let peerIDs = try keySeeds.map { try FleetNode.identity($0).peerID }
        var options = FleetTraffic.Options()
        options.messagesPerHour = max(1, messagesPerHour)
        let others = (0..<nodeCount).map { node in (0..<nodeCount).filter { $0 != node } }
        let traffic = FleetTraffic(
            options,
            nodeCount: nodeCount,
            neighbours: others,
            hostile: [],
            clockTolerance: .zero
        )
        if messagesPerHour == 0 { traffic.close() }
        let ledger = FleetLedger(
            seed: 1,
            peerIDs: peerIDs,
            capacity: 0,
            moment: { [unowned simulation] in FleetMoment(simulation) }
        )
        let watch = RouteWatch(peerIDs)
        let members = try keySeeds.map { keySeed in
            try FleetMember(
                simulation.host(),
                keySeed: keySeed,
                configuration,
                ledger,
                traffic,
                watch,
                in: simulation,
                seed: 1
            )
        }
        for member in members {
            member.neighbours = others[member.index].map { (members[$0].peerID, members[$0].address) }
        }
        var random = SplitMix64(seed: 1)
        let mail =
            mailboxCount > 0 ? FleetMail(mailboxCount: mailboxCount, known: others, using: &random) : nil
        crew = DeliveryFleet.Crew(
            members: members,
            links: [],
            traffic: traffic,
            ledger: ledger,
            watch: watch,
            mail: mail
        )
    }

    var members: [FleetMember] { crew.members }
    var violations: [String] { crew.ledger.violations }

    func boot(_ nodes: some Sequence<Int>) throws {
        for node in nodes { members[node].boot() }
        try simulation.run(for: .seconds(1))
    }

    func stop(_ node: Int) throws {
        members[node].stop()
        try simulation.run(for: .seconds(1))
    }
}
