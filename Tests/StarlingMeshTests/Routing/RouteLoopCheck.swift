import StarlingCore
import StarlingMesh

/// Follows the next hops from every machine to every destination, whichever of them each machine takes.
///
/// After a step of one machine only its own next hops are others than before, so a new circle leads through it: from it,
/// everything that can be reached is followed, for each destination whose next hops have changed. ``checkAll()``
/// follows everything.
struct RouteLoopCheck {
    let index: [PeerID: Int]
    private let ids: [PeerID]
    /// The next hops of each machine to each destination.
    private var hops: [[[Int]]]
    private(set) var stepCount = 0

    init(_ ids: [PeerID]) {
        self.ids = ids
        index = Dictionary(uniqueKeysWithValues: ids.enumerated().map { ($1, $0) })
        hops = .init(repeating: .init(repeating: [], count: ids.count), count: ids.count)
    }

    /// Takes the next hops that a machine has now to the destinations of which it said that they have changed.
    ///
    /// Now and then it looks at all of them: what has changed without a word is found too.
    ///
    /// - Returns: The circle that leads through the machine, if there is one, or what it did not say.
    mutating func step(_ node: Int, _ machine: FabricTable?, changed: [PeerID]) -> String? {
        stepCount += 1
        var found: String?
        for id in changed {
            guard let destination = index[id], destination != node else { continue }
            hops[node][destination] = (machine?.table.nextHops(to: id) ?? []).compactMap { index[$0.peer] }
            if found == nil { found = circle(through: node, to: destination) }
        }
        guard found == nil, stepCount % 32 == 0 else { return found }
        for (destination, id) in ids.enumerated() where destination != node {
            let now = (machine?.table.nextHops(to: id) ?? []).compactMap { index[$0.peer] }
            if now != hops[node][destination] {
                return "\(node) changed its way to \(destination) without a word"
            }
        }
        return nil
    }

    /// The machine is down, and nothing goes on from it.
    mutating func stop(_ node: Int) {
        for destination in ids.indices { hops[node][destination] = [] }
    }

    func firstHop(from node: Int, to destination: Int) -> Int? { hops[node][destination].first }

    /// A circle among all the next hops, if there is one.
    func checkAll() -> String? {
        for node in ids.indices {
            for destination in ids.indices where destination != node {
                if let found = circle(through: node, to: destination) { return found }
            }
        }
        return nil
    }

    private func circle(through node: Int, to destination: Int) -> String? {
        var isSeen = [Bool](repeating: false, count: ids.count)
        var rest = [node]
        while let next = rest.popLast() {
            for hop in hops[next][destination] where hop != destination {
                if hop == node { return "loop to \(destination) through \(node) and \(next)" }
                guard !isSeen[hop] else { continue }
                isSeen[hop] = true
                rest.append(hop)
            }
        }
        return nil
    }
}
