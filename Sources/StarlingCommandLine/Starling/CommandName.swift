/// The commands of `starling`, as they are typed.
package enum CommandName: String, CaseIterable, Sendable {
    case up, down, id, peers, route, trace, connect, ping, send, broadcast, message, outbox, inbox, save
    case mailbox, status, bench, sim, lab, version, help, completions
    /// Speaks the command language of the foreign-peer drivers on standard input. Hidden.
    case peer
    /// The listening process of a bench. Hidden.
    case benchListener = "bench-listener"
    /// A node of the lab: `up`, but it ends with the process that started it. Hidden.
    case labNode = "lab-node"
}
