/// Something that goes wrong in a fleet at a certain time, and for how long.
package struct FleetStep: Sendable, Equatable {
    package enum Fault: Sendable, Equatable {
        /// The network falls into two: so much of the nodes, the first ones, and the rest.
        case split(share: Double)
        /// These groups of nodes do not reach each other; who is in none reaches all.
        case partition([[Int]])
        /// The node's machine loses its power, or its process is killed.
        case crash(Int, losesPower: Bool)
        /// The node is stopped in order.
        case stop(Int)
        /// Nothing passes from one to the other; the other way it does.
        case cut(from: Int, to: Int)
        /// Nothing passes between two, then all does, and so on, each for so long.
        case flap(Int, Int, every: Duration)
        /// The node's clock is ahead by so much.
        case skew(Int, by: Duration)
    }

    package var fault: Fault
    /// After the first node's start.
    package var time: Duration
    /// After that what was broken works again: nodes boot, packets pass, clocks are right.
    package var duration: Duration

    package init(_ fault: Fault, at time: Duration, for duration: Duration) {
        self.fault = fault
        self.time = time
        self.duration = duration
    }

    /// How many of the nodes, the first ones, are on the one side of a split.
    static func splitCount(_ share: Double, of nodeCount: Int) -> Int {
        Int((share * Double(nodeCount)).rounded())
    }

    /// The nodes that it names.
    package var nodes: [Int] {
        switch fault {
        case .split: []
        case .partition(let groups): groups.flatMap(\.self)
        case .crash(let node, _), .stop(let node), .skew(let node, _): [node]
        case .cut(let one, let other), .flap(let one, let other, _): [one, other]
        }
    }
}
