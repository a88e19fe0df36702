internal import StarlingMesh

/// How many mailboxes of a fleet keep a copy of each message.
struct MailCopies {
    /// A message of which there are more copies than there may be.
    struct Excess: Equatable {
        var name: MessageName
        /// Those that keep it.
        var nodes: [Int]

        /// What is wrong with it, in words.
        var text: String { "there are \(nodes.count) copies of message \(name.id) of \(name.from)" }
    }

    /// By node, what it keeps: who is down has on its disk what it kept before.
    private var shelves: [Set<MessageName>]
    private var counts: [MessageName: Int] = [:]
    /// Messages that somebody keeps who did not when it was last looked for an excess.
    private var gained: Set<MessageName> = []
    /// Copies that were seen.
    private(set) var seenCount = 0
    /// The most that there were of a message when it was looked for an excess.
    private(set) var countMax = 0

    init(nodeCount: Int) { shelves = [Set<MessageName>](repeating: [], count: nodeCount) }

    /// Copies that are there.
    var leftCount: Int { shelves.reduce(0) { $0 + $1.count } }

    /// A node keeps this.
    mutating func saw(_ names: Set<MessageName>, at node: Int) {
        let before = shelves[node]
        shelves[node] = names
        for name in before.subtracting(names) {
            let left = (counts[name] ?? 0) - 1
            counts[name] = left > 0 ? left : nil
        }
        for name in names.subtracting(before) {
            seenCount += 1
            counts[name, default: 0] += 1
            gained.insert(name)
        }
    }

    /// The messages of which there are too many copies, and were not when it was last asked; after a look at all nodes.
    mutating func takeExcess() -> [Excess] {
        defer { gained = [] }
        var excess: [Excess] = []
        for name in gained {
            let count = counts[name] ?? 0
            countMax = max(countMax, count)
            guard count > MailboxProtocol.copyCountMax else { continue }
            excess.append(Excess(name: name, nodes: shelves.indices.filter { shelves[$0].contains(name) }))
        }
        return excess.sorted { $0.name.id < $1.name.id }
    }
}
