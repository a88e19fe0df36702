internal import StarlingMesh
internal import StarlingNode

/// Checks what can be broken at any time: no table is over its limit, no message is kept by too many mailboxes, and what is
/// delivered is there.
final class FleetAudit: @unchecked Sendable {  // tidy-ok: one thread
    /// Nodes whose tables are looked at in one turn; in larger fleets they take turns.
    private static let turnCountMax = 100

    private let crew: DeliveryFleet.Crew
    /// The first node of the next turn.
    private var next = 0

    init(_ crew: DeliveryFleet.Crew) { self.crew = crew }

    /// Looks at all mailboxes and messages, and at the tables of as many nodes as a turn has.
    func turn() {
        let count = min(Self.turnCountMax, crew.members.count)
        look(atTablesOf: (next..<next + count).lazy.map { $0 % self.crew.members.count })
        next = (next + count) % crew.members.count
    }

    /// Looks at everything.
    func look() { look(atTablesOf: crew.members.indices) }

    private func look(atTablesOf nodes: some Sequence<Int>) {
        for node in nodes {
            if let fills = crew.members[node].tableFills { crew.members[node].check(fills) }
        }
        for member in crew.members {
            for (name, count) in crew.mail?.look(at: member) ?? [] {
                crew.ledger.violate(
                    "there are \(count) copies of message \(name.id) of \(name.from)",
                    involving: [member.index]
                )
            }
        }
        crew.ledger.checkDelivered { member, id in crew.members[member].ask { $0.inboxHolds(id) } }
    }
}
