package import StarlingCore

/// To whom each node of a fleet would hand a frame for each other, and whether such ways lead in a circle.
///
/// All ways that a node might use count, not only its first: a circle of spare ones is one as well.
package final class RouteWatch {
    /// The neighbours that a node hands frames for one destination to, -1 for none: as many as a route table keeps.
    private typealias Hops = SIMD4<Int32>

    /// Fleets of more nodes are not watched: their tables would take more memory than the nodes.
    package static let nodeCountMax = 2048

    private let indexes: [PeerID: Int32]
    private let nodeCount: Int
    /// By destination, then by node.
    private var ways: [Hops]
    /// When a node was last seen on a walk.
    private var marks: [UInt32]
    private var walkCount: UInt32 = 0
    /// The nodes of a walk, and for each the one before.
    private var path: [(node: Int32, before: Int)] = []
    /// Times that a way became another one.
    package private(set) var changeCount = 0

    /// - Returns: `nil` for a fleet that is too large.
    package init?(_ peerIDs: [PeerID]) {
        guard peerIDs.count <= Self.nodeCountMax else { return nil }
        nodeCount = peerIDs.count
        indexes = Dictionary(uniqueKeysWithValues: zip(peerIDs, peerIDs.indices.map { Int32($0) }))
        ways = [Hops](repeating: Hops(repeating: -1), count: nodeCount * nodeCount)
        marks = [UInt32](repeating: 0, count: nodeCount)
    }

    /// Notes the neighbours through which a node reaches a peer from now on.
    ///
    /// - Returns: the nodes of a circle that this makes, in its order; `nil` when there is none.
    package func changed(_ node: Int, _ peer: PeerID, _ neighbours: [PeerID]) -> [Int]? {
        guard let destination = indexes[peer] else { return nil }
        changeCount += 1
        var hops = Hops(repeating: -1)
        for (place, neighbour) in neighbours.prefix(Hops.scalarCount).enumerated() {
            hops[place] = indexes[neighbour] ?? -1
        }
        ways[Int(destination) * nodeCount + node] = hops
        return circle(through: Int32(node), to: destination)
    }

    /// A node has no ways any more: it is down.
    package func forget(_ node: Int) {
        for destination in 0..<nodeCount { ways[destination * nodeCount + node] = Hops(repeating: -1) }
    }

    /// Walks all ways from a node on, as long as they do not end at the destination.
    private func circle(through start: Int32, to destination: Int32) -> [Int]? {
        walkCount += 1
        path.removeAll(keepingCapacity: true)
        path.append((start, -1))
        let base = Int(destination) * nodeCount
        var place = 0
        while place < path.count {
            let hops = ways[base + Int(path[place].node)]
            for index in 0..<Hops.scalarCount {
                let next = hops[index]
                if next == start { return nodes(upTo: place) }
                guard next >= 0, next != destination, marks[Int(next)] != walkCount else { continue }
                marks[Int(next)] = walkCount
                path.append((next, place))
            }
            place += 1
        }
        return nil
    }

    private func nodes(upTo place: Int) -> [Int] {
        var (nodes, place): ([Int], Int) = ([], place)
        while place >= 0 {
            nodes.append(Int(path[place].node))
            place = path[place].before
        }
        return nodes.reversed()
    }
}
