internal import StarlingMesh
internal import StarlingNode

/// Checks what can be broken at any time: no table is over its limit, no message is kept by too many mailboxes, and what is
/// delivered is there.
final class FleetAudit: @unchecked Sendable {  // tidy-ok: one thread
    private let crew: DeliveryFleet.Crew
    private var turns: FleetTurns

    /// - Parameter turnCountMax: Nodes whose tables are looked at in one turn; in larger fleets they take turns.
    init(_ crew: DeliveryFleet.Crew, turnCountMax: Int = 100) {
        self.crew = crew
        turns = FleetTurns(nodeCount: crew.members.count, turnCountMax: turnCountMax)
    }

    /// Looks at all mailboxes and messages, and at the tables of as many nodes as a turn has.
    func turn() { look(atTablesOf: turns.next { crew.members[$0].isUp }) }

    /// Looks at everything.
    func look() { look(atTablesOf: crew.members.indices) }

    private func look(atTablesOf nodes: some Sequence<Int>) {
        for node in nodes {
            crew.members[node].checkTables()
        }
        for excess in crew.mail?.look(at: crew.members) ?? [] {
            crew.ledger.violate(excess.text, involving: excess.nodes)
        }
        crew.ledger.checkDelivered { member, id in crew.members[member].ask { $0.inboxHolds(id) } }
    }
}
