#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Where the nodes of a fleet stand in a picture: within a square of side 1.
struct FleetLayout {
    typealias Point = SIMD2<Double>

    private(set) var points: [Point]

    /// - Parameter links: what pulls nodes together where the shape says nothing of their places.
    init(_ shape: FleetTopology.Shape, nodeCount: Int, links: [HostPair]) {
        switch shape {
        case .line:
            points = (0..<nodeCount).map { Point((Double($0) + 0.5) / Double(nodeCount), 0.5) }
        case .grid(let columnCount):
            points = (0..<nodeCount).map { Point(Double($0 % columnCount), Double($0 / columnCount)) }
            fit()
        case .ring, .full, .partners: points = Self.circle(nodeCount)
        case .random, .pairs:
            points = Self.circle(nodeCount)
            settle(links)
        }
    }

    private static func circle(_ nodeCount: Int) -> [Point] {
        (0..<nodeCount).map { node in
            let angle = 2 * Double.pi * Double(node) / Double(nodeCount)
            return Point(0.5 + 0.47 * sin(angle), 0.5 - 0.47 * cos(angle))
        }
    }

    /// Comparisons of two nodes in all; very large fleets stay on their circle.
    private static let comparisonCountMax = 40_000_000

    /// Lets nodes push each other away and links pull, less and less (Fruchterman and Reingold, 1991).
    private mutating func settle(_ links: [HostPair]) {
        let count = points.count
        let stepCount = min(300, Self.comparisonCountMax / (count * count))
        let reach = (1 / Double(count)).squareRoot()
        for step in 0..<stepCount {
            var pushes = [Point](repeating: .zero, count: count)
            for one in 0..<count {
                for other in one + 1..<count {
                    let way = points[one] - points[other]
                    let push = way * (reach * reach / max(1e-9, (way * way).sum()))
                    pushes[one] += push
                    pushes[other] -= push
                }
            }
            for link in links {
                let way = points[link.lower] - points[link.upper]
                let pull = way * ((way * way).sum().squareRoot() / reach)
                pushes[link.lower] -= pull
                pushes[link.upper] += pull
            }
            let stride = 0.1 * (1 - Double(step) / Double(stepCount))
            for node in 0..<count {
                let length = (pushes[node] * pushes[node]).sum().squareRoot()
                if length > 0 { points[node] += pushes[node] * (min(length, stride) / length) }
            }
        }
        fit()
    }

    /// Moves and scales the nodes so that they fill the square.
    private mutating func fit() {
        guard let first = points.first else { return }
        let low = points.reduce(first) { pointwiseMin($0, $1) }
        let high = points.reduce(first) { pointwiseMax($0, $1) }
        let width = high - low
        let scale = 0.94 / max(width.x, width.y, 1e-9)
        points = points.map { ($0 - low - width / 2) * scale + Point(0.5, 0.5) }
    }
}
