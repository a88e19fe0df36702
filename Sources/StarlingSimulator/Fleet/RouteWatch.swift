package import StarlingCore

/// To whom each node of a fleet would hand a frame for each other, and whether such ways lead in a circle.
///
/// All ways that a node might use count, not only its first: a circle of spare ones is one as well.
package final class RouteWatch {
    /// The neighbours that a node hands frames for one destination to, -1 for none: as many as a route table keeps.
    ///
    /// Numbers are as short as they can be: each look is at another place of these tables.
    private typealias Hops = SIMD4<Int16>

    /// What a node does with frames for a destination.
    private struct Way {
        var hops = Hops(repeating: -1)
        /// A node ranks above all that it hands frames to, as long as there is no circle.
        ///
        /// Ranks only rise, with each change by one at least: in a long run they become large.
        var rank: Int32 = 0
    }

    /// Fleets of more nodes are not watched: their tables would take more memory than the nodes.
    package static let nodeCountMax = 2048

    /// By eight bytes of a node's name, which are enough to tell it from the others of a fleet.
    private let indexes: [UInt64: Int16]
    private let nodeCount: Int
    /// By node, then by destination: a node hears of many destinations at once.
    private var ways: [Way]
    /// The nodes that have handed frames to a node, whatever for.
    private var users: [[Int16]]
    /// Whether a circle was found: from then on ranks mean nothing.
    private var hasCircle = false
    /// When a node was last seen on a walk.
    private var marks: [UInt32]
    private var walkCount: UInt32 = 0
    /// The nodes of a walk, and for each the one before.
    private var path: [(node: Int16, before: Int)] = []
    /// By node, then by neighbour: whether nothing arrives there; empty while there is no such link.
    private var cuts: [Bool] = []
    /// Times that a way became another one.
    package private(set) var changeCount = 0

    /// - Returns: `nil` for a fleet that is too large.
    package init?(_ peerIDs: [PeerID]) {
        guard peerIDs.count <= Self.nodeCountMax else { return nil }
        nodeCount = peerIDs.count
        indexes = Dictionary(
            uniqueKeysWithValues: zip(peerIDs.map(Self.key), peerIDs.indices.map { Int16($0) })
        )
        ways = [Way](repeating: Way(), count: nodeCount * nodeCount)
        users = [[Int16]](repeating: [], count: nodeCount)
        marks = [UInt32](repeating: 0, count: nodeCount)
    }

    private static func key(_ peer: PeerID) -> UInt64 { peer.word(3) }

    /// Notes the neighbours through which a node reaches a peer from now on.
    ///
    /// - Returns: the nodes of a circle that this makes, in its order; `nil` when there is none.
    package func changed(_ node: Int, _ peer: PeerID, _ neighbours: [PeerID]) -> [Int]? {
        guard let destination = indexes[Self.key(peer)] else { return nil }
        changeCount += 1
        var hops = Hops(repeating: -1)
        for (place, neighbour) in neighbours.prefix(Hops.scalarCount).enumerated() {
            guard let next = indexes[Self.key(neighbour)] else { continue }
            hops[place] = next
            if !users[Int(next)].contains(Int16(node)) { users[Int(next)].append(Int16(node)) }
        }
        let place = place(of: Int16(node), destination)
        let before = ways[place].hops
        ways[place].hops = hops
        // A circle needs a link that was not there before.
        guard !Self.holds(before, all: hops) else { return nil }
        guard hasCircle || rank(Int16(node), to: destination) else { return nil }
        hasCircle = true
        return circle(through: Int16(node), to: destination)
    }

    private static func holds(_ hops: Hops, all others: Hops) -> Bool {
        for place in 0..<Hops.scalarCount where others[place] >= 0 {
            if !any(hops .== others[place]) { return false }
        }
        return true
    }

    private func place(of node: Int16, _ destination: Int16) -> Int {
        Int(node) * nodeCount + Int(destination)
    }

    /// Lifts a node above all that it hands frames to, and those above it that hand theirs to it.
    ///
    /// - Returns: whether that comes back to the node, which then is on a circle.
    private func rank(_ node: Int16, to destination: Int16) -> Bool {
        path.removeAll(keepingCapacity: true)
        path.append((node, -1))
        while let (lifted, _) = path.popLast() {
            let way = ways[place(of: lifted, destination)]
            var rank: Int32 = 0
            for place in 0..<Hops.scalarCount where way.hops[place] >= 0 && way.hops[place] != destination {
                rank = max(rank, ways[self.place(of: way.hops[place], destination)].rank + 1)
            }
            guard rank > way.rank else { continue }
            ways[place(of: lifted, destination)].rank = rank
            for user in users[Int(lifted)] {
                let theirs = ways[place(of: user, destination)]
                guard user != destination, rank >= theirs.rank, any(theirs.hops .== lifted) else { continue }
                if user == node { return true }
                path.append((user, -1))
            }
        }
        return false
    }

    /// Nothing arrives over the link of two nodes any more, whatever they take it for.
    package func cut(_ one: Int, _ other: Int) {
        if cuts.isEmpty { cuts = [Bool](repeating: false, count: nodeCount * nodeCount) }
        cuts[one * nodeCount + other] = true
        cuts[other * nodeCount + one] = true
    }

    /// Whether the first ways of all nodes arrive at all others.
    package var isWhole: Bool {
        // Nodes whose way to a destination was followed to its end already.
        var arrives = [Int](repeating: -1, count: nodeCount)
        for destination in 0..<nodeCount {
            arrives[destination] = destination
            for start in 0..<nodeCount {
                // A way that is no circle has fewer links than there are nodes.
                var (node, linkCount) = (start, 0)
                while arrives[node] != destination {
                    let next = ways[node * nodeCount + destination].hops[0]
                    guard next >= 0, linkCount < nodeCount else { return false }
                    guard cuts.isEmpty || !cuts[node * nodeCount + Int(next)] else { return false }
                    (node, linkCount) = (Int(next), linkCount + 1)
                }
                node = start
                while arrives[node] != destination {
                    arrives[node] = destination
                    node = Int(ways[node * nodeCount + destination].hops[0])
                }
            }
        }
        return true
    }

    /// A node has no ways any more: it is down.
    package func forget(_ node: Int) {
        for destination in 0..<nodeCount {
            ways[node * nodeCount + destination].hops = Hops(repeating: -1)
        }
    }

    /// Walks all ways from a node on, as long as they do not end at the destination.
    private func circle(through start: Int16, to destination: Int16) -> [Int]? {
        walkCount += 1
        path.removeAll(keepingCapacity: true)
        path.append((start, -1))
        var place = 0
        while place < path.count {
            let hops = ways[self.place(of: path[place].node, destination)].hops
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
