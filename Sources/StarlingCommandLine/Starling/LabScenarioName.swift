/// The scenarios of `starling lab`, in the order in which they run.
package enum LabScenarioName: String, CaseIterable, Sendable {
    /// Each node is connected with each other one, and answers its pings.
    case connectivity
    /// All pairs, one message there and one back, one at a time.
    case pingPong = "ping-pong"
    /// One node sends to all others at once.
    case oneToAll = "one-to-all"
    /// Fifty, then five thousand tasks at once, each with its answer.
    case highLoad = "high-load"
    /// A node stops and another is killed while all send to them; both come back.
    case resilience
    /// The recipient comes up only after everything was sent.
    case offline
    /// A large file, whose sender and recipient are each killed once midway.
    case largeFile = "large-file"
    /// Nodes in a line: what each further hop costs.
    case line
    /// Nodes in a grid, messages between all pairs.
    case grid
    /// Relays are killed while messages cross them.
    case relayKilled = "relay-killed"
    /// A large file over three hops, one of whose relays is killed midway.
    case fileOverHops = "file-over-hops"
    /// Messages wait in mailboxes while their recipient is down, and reach it after their sender has been killed.
    case mailbox
    /// Two sides in network namespaces, apart for a while; takes root.
    case partition
    /// Nothing happens for a while, and everyone stays connected.
    case steady
    /// Two nodes under load are killed fifty times.
    case crash

    /// Whether the scenario runs when none is named, where it can; the others take long.
    package var isUsual: Bool {
        switch self {
        case .connectivity, .pingPong, .oneToAll, .highLoad, .resilience, .offline, .largeFile, .line, .grid,
            .relayKilled, .fileOverHops, .mailbox, .partition:
            true
        case .steady, .crash: false
        }
    }

    /// Whether it brings nodes of its own, which are not linked each with each other.
    package var hasOwnNodes: Bool {
        switch self {
        case .line, .grid, .relayKilled, .fileOverHops, .mailbox, .partition: true
        case .connectivity, .pingPong, .oneToAll, .highLoad, .resilience, .offline, .largeFile, .steady,
            .crash:
            false
        }
    }
}
