/// What `starling sim` simulates without a file.
package enum SimScenarioName: String, CaseIterable, Sendable {
    /// Nodes ping each other while connections break.
    case pings
    /// Nodes that know one stay connected, and find out who dies.
    case members
    /// A node is away for a day, and mailboxes keep its messages.
    case absence
    /// Nodes send each other messages while everything breaks.
    case delivery
    /// Messages over hops while all goes wrong at once.
    case soak
    /// Messages over hops in a large mesh, without faults.
    case mesh
    /// The network falls in two halves, and heals.
    case partition
    /// Nodes one after the other.
    case line
    /// Nodes in rows, while links fail and relays crash.
    case grid
    /// Some nodes drop or replay what they should carry on.
    case hostile
}
