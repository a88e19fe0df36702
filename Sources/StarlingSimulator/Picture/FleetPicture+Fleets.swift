internal import StarlingCore

// What the picture of each kind of fleet shows, and what stands over it.
extension FleetPicture {
    /// All that nodes were linked with, or connected with at any time.
    init(
        _ title: String,
        _ topology: FleetTopology,
        _ report: DeliveryFleet.Report,
        _ crew: DeliveryFleet.Crew,
        _ network: NetworkFabric
    ) {
        let lines = [
            "\(report.accepted) messages accepted: \(report.delivered) delivered, \(report.expired) expired, "
                + "\(report.pending) pending, \(report.lost) lost, \(report.duplicated) duplicated",
            "\(report.crashCount) crashes, \(report.restartCount) restarts, \(report.resetCount) resets, "
                + "\(report.partitionCount) partitions, \(report.cutCount) links cut; "
                + Self.verdict(report.violations),
        ]
        let nodes = crew.members.map { member in
            FleetPictureNode(
                isUp: member.isUp,
                isHostile: member.hostility != nil,
                crashCount: member.crashCount
            )
        }
        let links = Set(crew.links).union(network.loads?.keys.map(\.self) ?? [])
        self.init(title, lines, topology.shape, nodes, links, network)
    }

    /// The connections at the end, and those that the dead had: of what was tried while nodes joined there is too much.
    init(_ title: String, _ report: MemberFleet.Report, running: Set<Int>, _ network: NetworkFabric) {
        func text(_ seconds: Double?) -> String { seconds.map { "\(Self.text($0)) s" } ?? "(never)" }
        let falseDeathCount =
            report.joiningDeathCount + report.falseDeathCount + report.shortOfTimeDeathCount
            + report.starvedDeathCount
        let lines = [
            "all know all after \(text(report.joinSeconds)); links of a node: "
                + "\(report.degrees.map(String.init).joined(separator: ", ")) (least, median, most)",
            "a death is known to all after \(text(report.knownMaxSeconds)) at most; "
                + "\(falseDeathCount) running nodes taken for dead; " + Self.verdict(report.violations),
        ]
        let nodes = (0..<report.nodeCount).map { node in
            let isUp = running.contains(node)
            return FleetPictureNode(isUp: isUp, isHostile: false, crashCount: isUp ? 0 : 1)
        }
        let links = (network.loads ?? [:]).keys.filter { pair in
            !running.contains(pair.lower) || !running.contains(pair.upper)
        }
        self.init(title, lines, .random(degree: 0), nodes, Set(links), network)
    }

    private static func verdict(_ violations: [String]) -> String {
        violations.isEmpty ? "no rule was broken" : "rules were broken"
    }
}
