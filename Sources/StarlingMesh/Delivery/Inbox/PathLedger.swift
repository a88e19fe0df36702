package import StarlingCore

/// The ways of messages that asked for that, until their receipts have told them.
///
/// Nothing here is durable: a receipt that is sent after a restart says nothing of the way.
package struct PathLedger: Sendable {
    package struct Limits: Sendable {
        /// Messages whose ways are kept, as many as are likely to get another receipt; the oldest gives way.
        package var countMax = 1024

        package init() {}
    }

    private let limits: Limits
    private var paths: [MessageName: [MessageHop]] = [:]
    private var order = RingQueue<MessageName>()

    package init(limits: Limits = Limits()) { self.limits = limits }

    package var isEmpty: Bool { paths.isEmpty }

    /// A message came over these links; its first way counts, and is none where it did not ask.
    package mutating func note(_ path: [MessageHop], of header: MessageHeader) {
        let name = MessageName(header)
        guard !path.isEmpty, paths[name] == nil else { return }
        paths[name] = path
        order.append(name)
        if order.count > limits.countMax, let oldest = order.popFirst() { paths[oldest] = nil }
    }

    /// An entry of a receipt to a sender, with the way that its message took.
    package func added(to entry: Receipt.Entry, of sender: PeerID) -> Receipt.Entry {
        guard let path = paths[MessageName(from: sender, id: entry.id)] else { return entry }
        return Receipt.Entry(id: entry.id, outcome: entry.outcome, path: path)
    }

    /// The table that has a limit.
    package var tableFill: TableFill { TableFill("recorded paths", paths.count, of: limits.countMax) }
}
