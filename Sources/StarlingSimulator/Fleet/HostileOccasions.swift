/// Looks for kinds of hostile nodes of which none did anything: a run shows nothing of those.
///
/// That is told only where they had every occasion, since in a small run nobody may have come by.
struct HostileOccasions {
    let members: [FleetMember]
    let mail: FleetMail?
    /// Messages that were accepted.
    let acceptedCount: Int

    /// With fewer messages none may go where ways lead.
    static let acceptedCountMin = 100
    /// So many for each hostile node in its share of the fleet: most messages cross one or two others.
    static let messageCountMin = 20
    /// As many copies would have been left with those that lie, were they asked as often as others are.
    static let takenCountMin = 20

    /// The kinds of which no node did what it is there for.
    var missed: [FleetHostility] {
        FleetHostility.allCases.filter { kind in
            let nodes = members.filter { $0.hostility == kind }
            return !nodes.isEmpty && nodes.allSatisfy { !$0.hasActed } && hadOccasion(kind, nodes)
        }
    }

    private func hadOccasion(_ kind: FleetHostility, _ nodes: [FleetMember]) -> Bool {
        switch kind {
        case .drop, .replay:
            acceptedCount >= Self.acceptedCountMin
                && acceptedCount * nodes.count >= Self.messageCountMin * members.count
                && nodes.contains { $0.hostileTally.wayCount > 0 }
        case .flatter, .flood:
            // Whoever is connected with one hears its lies.
            nodes.contains { $0.usesRoutes && !$0.neighbours.isEmpty }
        case .mailbox: isMailDue(nodes)
        }
    }

    /// Whether much was left with the others.
    private func isMailDue(_ nodes: [FleetMember]) -> Bool {
        guard let mail else { return false }
        let liars = Set(nodes.map(\.index))
        let all = mail.mailboxes.flatMap(\.self)
        let lyingCount = all.count { liars.contains($0) }
        return mail.copies.seenCount * lyingCount >= Self.takenCountMin * (all.count - lyingCount)
            && lyingCount > 0
    }
}
