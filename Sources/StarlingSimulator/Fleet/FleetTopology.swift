internal import StarlingCore

/// Which nodes of a fleet are linked: they know each other's addresses, and stay connected.
package struct FleetTopology: Sendable, Equatable {
    package enum Shape: Sendable, Equatable {
        /// Nobody stays connected; each node knows those that it writes to, and dials them when it does.
        case partners
        /// Each with each.
        case full
        /// One after the other.
        case line
        case ring
        /// Rows of so many nodes, linked with those beside, above and below.
        case grid(columnCount: Int)
        /// A ring, and chords by chance until a node has so many neighbours on average.
        case random(degree: Int)
        /// These and no others.
        case pairs([HostPair])
    }

    package var shape: Shape
    /// Whether the network lets packets pass over the links alone, so that everything else has to cross hops.
    package var isForced: Bool

    package init(_ shape: Shape = .partners, isForced: Bool = false) {
        self.shape = shape
        self.isForced = isForced
    }

    /// The links, in order; none for ``Shape/partners``.
    func links(nodeCount: Int, using random: inout SplitMix64) -> [HostPair] {
        switch shape {
        case .partners: return []
        case .full:
            return (0..<nodeCount).flatMap { one in (one + 1..<nodeCount).map { HostPair(one, $0) } }
        case .line: return (1..<nodeCount).map { HostPair($0 - 1, $0) }
        case .ring: return Self.ring(nodeCount)
        case .grid(let columnCount):
            let beside = (0..<nodeCount).filter { $0 % columnCount > 0 }.map { HostPair($0 - 1, $0) }
            let below = (0..<nodeCount).filter { $0 >= columnCount }.map { HostPair($0 - columnCount, $0) }
            return (beside + below).sorted()
        case .random(let degree):
            var links = Set(Self.ring(nodeCount))
            let count = min(nodeCount * degree / 2, nodeCount * (nodeCount - 1) / 2)
            while links.count < count {
                let (one, other) = (random.number(below: nodeCount), random.number(below: nodeCount))
                if one != other { links.insert(HostPair(one, other)) }
            }
            return links.sorted()
        case .pairs(let pairs): return Set(pairs).sorted()
        }
    }

    /// Whether two nodes are linked, as far as the shape says without chance.
    func mayLink(_ one: Int, _ other: Int, of nodeCount: Int) -> Bool {
        let (lower, upper) = (min(one, other), max(one, other))
        return switch shape {
        case .partners: false
        case .full, .random: true
        case .line: upper - lower == 1
        case .ring: upper - lower == 1 || (lower == 0 && upper == nodeCount - 1)
        case .grid(let columnCount):
            upper - lower == columnCount || (upper - lower == 1 && upper % columnCount > 0)
        case .pairs(let pairs): pairs.contains(HostPair(one, other))
        }
    }

    /// Whether there is a way over links from each of some nodes to each other one of them, over none but these.
    package static func isConnected(_ nodes: [Int], _ neighbours: (Int) throws -> [Int]) rethrows -> Bool {
        guard let start = nodes.first else { return true }
        var (left, waiting) = (Set(nodes), [start])
        left.remove(start)
        while let next = waiting.popLast() {
            for peer in try neighbours(next) where left.remove(peer) != nil { waiting.append(peer) }
        }
        return left.isEmpty
    }

    private static func ring(_ nodeCount: Int) -> [HostPair] {
        Set((0..<nodeCount).map { HostPair($0, ($0 + 1) % nodeCount) }).filter { $0.lower != $0.upper }
            .sorted()
    }

    /// By node, those that it is linked with, in order.
    static func neighbours(_ links: [HostPair], nodeCount: Int) -> [[Int]] {
        var neighbours = [[Int]](repeating: [], count: nodeCount)
        for link in links {
            neighbours[link.lower].append(link.upper)
            neighbours[link.upper].append(link.lower)
        }
        return neighbours.map { $0.sorted() }
    }
}
