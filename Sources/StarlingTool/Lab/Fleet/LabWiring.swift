/// Which nodes of a lab are linked: those dial each other, and no others.
package struct LabWiring: Equatable, Sendable {
    /// For each node those that it is linked with, in their order.
    private let neighbours: [[Int]]

    /// - Precondition: the links are between nodes that there are.
    package init(nodeCount: Int, links: [(Int, Int)]) {
        var neighbours = [[Int]](repeating: [], count: nodeCount)
        for (one, other) in links {
            neighbours[one].append(other)
            neighbours[other].append(one)
        }
        self.neighbours = neighbours.map { $0.sorted() }
    }

    /// Each node is linked with the next one.
    package static func line(_ nodeCount: Int) -> LabWiring {
        LabWiring(nodeCount: nodeCount, links: (1..<nodeCount).map { ($0 - 1, $0) })
    }

    /// Rows that are about as long as they are many; each node is linked with the next one in its row and its column.
    package static func grid(_ nodeCount: Int) -> LabWiring {
        let width = (1...nodeCount).first { $0 * $0 >= nodeCount } ?? 1
        var links: [(Int, Int)] = []
        for node in 0..<nodeCount {
            if node % width > 0 { links.append((node - 1, node)) }
            if node >= width { links.append((node - width, node)) }
        }
        return LabWiring(nodeCount: nodeCount, links: links)
    }

    /// Two ways from the first node to the last one, over as many relays each that no other way has.
    package static func twoWays(relayCount: Int) -> LabWiring {
        let last = 2 * relayCount + 1
        var links: [(Int, Int)] = []
        for way in 0..<2 {
            let relays = (0..<relayCount).map { 1 + way * relayCount + $0 }
            let nodes = [0] + relays + [last]
            links += zip(nodes, nodes.dropFirst())
        }
        return LabWiring(nodeCount: last + 1, links: links)
    }

    /// Two sides of as many nodes, each linked with all of its own side, and some with one on the other.
    package static func twoSides(nodeCount: Int, linkCount: Int) -> LabWiring {
        var links = (0..<linkCount).map { ($0, nodeCount + $0) }
        for first in [0, nodeCount] {
            for one in 0..<nodeCount { for other in 0..<one { links.append((first + other, first + one)) } }
        }
        return LabWiring(nodeCount: 2 * nodeCount, links: links)
    }

    package var nodeCount: Int { neighbours.count }

    /// Those that a node is linked with.
    package subscript(node: Int) -> [Int] { neighbours[node] }

    /// Links between two nodes, on the shortest way; `nil` where there is none.
    package func distance(_ one: Int, _ other: Int) -> Int? {
        var (reached, distance) = (Set([one]), 0)
        while !reached.contains(other) {
            let wider = reached.union(reached.flatMap { neighbours[$0] })
            guard wider.count > reached.count else { return nil }
            (reached, distance) = (wider, distance + 1)
        }
        return distance
    }
}
