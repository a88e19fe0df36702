internal import StarlingCore

/// The end of a run for people to look at: who was linked with whom, who is up, and what went over each link.
struct FleetPicture {
    private static let side = 900.0
    private static let margin = 30.0
    private static let headHeight = 96.0
    private static let footHeight = 44.0
    /// With more nodes their numbers would cover each other.
    private static let numberedCountMax = 150

    private let title: String
    private let lines: [String]
    private let layout: FleetLayout
    private let links: [HostPair]
    private let connected: Set<HostPair>
    private let loads: [HostPair: Int]
    private let loadMax: Int
    private let nodes: [FleetPictureNode]
    private let nodeLoadMax: Int

    /// - Parameters:
    ///   - lines: what stands under the title, two lines.
    ///   - shape: where the nodes stand; where it says nothing of their places, links pull them together.
    ///   - links: those that are drawn, beside the connections of the end.
    init(
        _ title: String,
        _ lines: [String],
        _ shape: FleetTopology.Shape,
        _ nodes: [FleetPictureNode],
        _ links: Set<HostPair>,
        _ network: NetworkFabric
    ) {
        self.title = title
        self.lines = lines
        loads = network.loads ?? [:]
        // What one end still takes for a connection to a node that is down is none.
        connected = Set(network.connectedPairs.filter { nodes[$0.lower].isUp && nodes[$0.upper].isUp })
        self.links = connected.union(links).sorted()
        layout = FleetLayout(shape, nodeCount: nodes.count, links: self.links)
        loadMax = self.links.reduce(0) { [loads] most, link in max(most, loads[link] ?? 0) }
        var nodes = nodes
        for (pair, byteCount) in loads {
            nodes[pair.lower].byteCount += byteCount
            nodes[pair.upper].byteCount += byteCount
        }
        self.nodes = nodes
        nodeLoadMax = nodes.map(\.byteCount).max() ?? 0
    }

    /// The picture as an SVG document.
    var svg: String {
        let (width, height) = (Int(Self.side), Int(Self.side + Self.headHeight + Self.footHeight))
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" width="\(width)" \
            height="\(height)" font-family="sans-serif" font-size="13" fill="#334">
            <rect width="100%" height="100%" fill="#fff"/>
            \(head)
            <g stroke="#48a" stroke-linecap="round">
            \(links.map(line).joined(separator: "\n"))
            </g>
            <g stroke="#fff" text-anchor="middle" font-size="9">
            \(nodes.indices.map(circle).joined(separator: "\n"))
            </g>
            \(foot)
            </svg>

            """
    }

    private var head: String {
        let texts = lines.enumerated().map { index, line in
            "<text x=\"\(Int(Self.margin))\" y=\"\(58 + 20 * index)\">\(Self.escaped(line))</text>"
        }
        let heading =
            "<text x=\"\(Int(Self.margin))\" y=\"34\" font-size=\"20\" font-weight=\"bold\">"
            + "\(Self.escaped(title))</text>"
        return ([heading] + texts).joined(separator: "\n")
    }

    private var foot: String {
        let y = Int(Self.side + Self.headHeight + Self.footHeight / 2)
        let hostile = nodes.contains(where: \.isHostile) ? "; red: hostile" : ""
        return """
            <text x="\(Int(Self.margin))" y="\(y)">Lines: what a link carried, at most \(Self.text(loadMax)); dashed: not \
            connected at the end. Circles: what a node carried; hollow: down\(hostile).</text>
            """
    }

    private func point(_ node: Int) -> FleetLayout.Point {
        let inner = Self.side - 2 * Self.margin
        return layout.points[node] * inner + FleetLayout.Point(Self.margin, Self.margin + Self.headHeight)
    }

    private func line(_ link: HostPair) -> String {
        let (from, to) = (point(link.lower), point(link.upper))
        let byteCount = loads[link] ?? 0
        let share = Self.share(byteCount, of: loadMax)
        // Many links lie over each other.
        let widthMax = links.count > 400 ? 2.5 : 8
        let dashes = connected.contains(link) ? "" : " stroke-dasharray=\"4 4\""
        return """
            <line x1="\(Self.text(from.x))" y1="\(Self.text(from.y))" x2="\(Self.text(to.x))" \
            y2="\(Self.text(to.y))" stroke-width="\(Self.text(0.6 + (widthMax - 0.6) * share))" \
            opacity="\(Self.text(0.25 + 0.6 * share))"\(dashes)>\
            <title>\(link.lower) – \(link.upper): \(Self.text(byteCount))</title></line>
            """
    }

    private func circle(_ node: Int) -> String {
        let (place, state) = (point(node), nodes[node])
        let share = Self.share(state.byteCount, of: nodeLoadMax)
        let isNumbered = nodes.count <= Self.numberedCountMax
        let radius = (isNumbered ? 7 : 2) + (isNumbered ? 8 : 5) * share
        let color = state.isHostile ? "#b32" : "#269"
        let look = state.isUp ? "fill=\"\(color)\"" : "fill=\"#fff\" stroke=\"#888\" stroke-width=\"2\""
        let crashes = state.crashCount == 1 ? "1 crash" : "\(state.crashCount) crashes"
        let number =
            isNumbered
            ? "<text x=\"\(Self.text(place.x))\" y=\"\(Self.text(place.y + 3))\" stroke=\"none\" "
                + "fill=\"\(state.isUp ? "#fff" : "#888")\">\(node)</text>" : ""
        return """
            <circle cx="\(Self.text(place.x))" cy="\(Self.text(place.y))" r="\(Self.text(radius))" \(look)>\
            <title>node \(node): \(state.isUp ? "up" : "down"), \(Self.text(state.byteCount)), \(crashes)</title>\
            </circle>\(number)
            """
    }

    private static func share(_ count: Int, of most: Int) -> Double {
        most > 0 ? Double(count) / Double(most) : 0
    }

    /// One digit after the point is more than an eye sees.
    static func text(_ number: Double) -> String {
        let tenths = Int((number * 10).rounded())
        return "\(tenths / 10).\(abs(tenths % 10))"
    }

    private static func text(_ byteCount: Int) -> String {
        switch byteCount {
        case ..<1024: "\(byteCount) B"
        case ..<1_048_576: "\(text(Double(byteCount) / 1024)) KiB"
        default: "\(text(Double(byteCount) / 1_048_576)) MiB"
        }
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { escaped, character in
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            default: escaped.append(character)
            }
        }
    }
}

/// What the picture tells of a node.
struct FleetPictureNode {
    var isUp: Bool
    var isHostile: Bool
    var crashCount: Int
    /// Bytes that went over its links.
    var byteCount = 0
}
