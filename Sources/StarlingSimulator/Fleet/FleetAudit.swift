internal import StarlingMesh
internal import StarlingNode

/// Checks what can be broken at any time: no table is over its limit, no message is kept by too many mailboxes, and what is
/// delivered is there.
final class FleetAudit: @unchecked Sendable {  // tidy-ok: one thread
    private let crew: DeliveryFleet.Crew
    private let turnCountMax: Int
    /// All nodes; those whose tables were not looked at for longest come first.
    private var queue: [Int]

    /// - Parameter turnCountMax: Nodes whose tables are looked at in one turn; in larger fleets they take turns.
    init(_ crew: DeliveryFleet.Crew, turnCountMax: Int = 100) {
        self.crew = crew
        self.turnCountMax = turnCountMax
        queue = Array(crew.members.indices)
    }

    /// Looks at all mailboxes and messages, and at the tables of as many nodes as a turn has.
    ///
    /// Who is down keeps its place in the queue: it has its turn as soon as it is up.
    func turn() {
        var (seen, waiting): ([Int], [Int]) = ([], [])
        for node in queue {
            if seen.count < turnCountMax, crew.members[node].isUp {
                seen.append(node)
            } else {
                waiting.append(node)
            }
        }
        queue = waiting + seen
        look(atTablesOf: seen)
    }

    /// Looks at everything.
    func look() { look(atTablesOf: crew.members.indices) }

    private func look(atTablesOf nodes: some Sequence<Int>) {
        for node in nodes {
            crew.members[node].checkTables()
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
