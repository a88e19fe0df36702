internal import StarlingCore

/// What was found missing on a neighbour's route to a destination that it tells no more.
struct RouteGrudge: Sendable {
    var link: Int
    /// In microseconds of metric.
    var penalty: UInt32
}

// What neighbours that did not deliver cannot shed by telling the same route once more.
extension RouteTable {
    /// Remembers the penalty of a route that is told no more.
    mutating func keepGrudge(_ entry: RouteEntry, of slot: Int) {
        guard entry.penalty > 0, !entry.isDirect else { return }
        var kept = grudges[slot] ?? []
        kept.removeAll { $0.link == entry.link }
        kept.append(RouteGrudge(link: entry.link, penalty: entry.penalty))
        if kept.count > limits.grudgeCountMax { kept.removeFirst() }
        grudges[slot] = kept
        restless.insert(slot)
    }

    /// The penalty with which a neighbour's route begins.
    mutating func takeGrudge(against link: Int, of slot: Int) -> UInt32 {
        guard var kept = grudges[slot], let place = kept.firstIndex(where: { $0.link == link }) else {
            return 0
        }
        let penalty = kept.remove(at: place).penalty
        grudges[slot] = kept.isEmpty ? nil : kept
        return penalty
    }

    /// Lets them fade as the penalties of routes do.
    mutating func fadeGrudges(of slot: Int) {
        guard let kept = grudges[slot] else { return }
        let faded = kept.compactMap { grudge in
            let penalty = Self.faded(grudge.penalty)
            return penalty > 0 ? RouteGrudge(link: grudge.link, penalty: penalty) : nil
        }
        grudges[slot] = faded.isEmpty ? nil : faded
    }

    /// A link's place is given to another neighbour.
    mutating func forgetGrudges(against link: Int) {
        for slot in grudges.keys.sorted() { _ = takeGrudge(against: link, of: slot) }
    }

    /// A penalty after one more digest: an eighth less.
    static func faded(_ penalty: UInt32) -> UInt32 { penalty - max(penalty / 8, min(penalty, 1000)) }
}
