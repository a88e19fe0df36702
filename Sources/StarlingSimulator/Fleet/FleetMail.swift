internal import StarlingCore
internal import StarlingMesh

/// Who keeps whose messages in a fleet, and how many copies there are of each.
final class FleetMail: @unchecked Sendable {  // tidy-ok: one thread
    /// What a node was seen to keep.
    struct Shelf {
        var names: Set<MessageName> = []
        /// Which of the node's lives that was in, and after how many changes.
        var life = 0
        var changeCount: UInt64 = 0
    }

    /// By node, those that keep its messages, the one to ask first stands first.
    let mailboxes: [[Int]]
    /// What each node keeps: who is down has on its disk what it kept before.
    private var shelves: [Shelf]
    private var copyCounts: [MessageName: Int] = [:]
    /// Copies that were seen.
    private(set) var seenCount = 0

    /// - Parameter known: by node, those that may become its mailboxes.
    init(mailboxCount: Int, known: [[Int]], using random: inout SplitMix64) {
        var drawn: [[Int]] = []
        for others in known {
            var left = others
            drawn.append(
                (0..<min(mailboxCount, left.count)).map { _ in
                    left.remove(at: random.number(below: left.count))
                }
            )
        }
        mailboxes = drawn
        shelves = [Shelf](repeating: Shelf(), count: known.count)
    }

    /// Those whose mailbox a node is.
    func served(by node: Int) -> [Int] { mailboxes.indices.filter { mailboxes[$0].contains(node) } }

    /// Copies that are there.
    var leftCount: Int { shelves.reduce(0) { $0 + $1.names.count } }

    /// Looks at what a node keeps.
    ///
    /// - Returns: Messages of which there are too many copies now, with how many there are.
    func look(at member: FleetMember) -> [(name: MessageName, count: Int)] {
        let before = shelves[member.index]
        let known = before.life == member.lifeCount ? before.changeCount : .max
        guard let (names, changeCount) = member.keptMessages(after: known) else { return [] }
        return saw(
            Shelf(names: Set(names), life: member.lifeCount, changeCount: changeCount),
            at: member.index
        )
    }

    /// A node keeps this.
    ///
    /// - Returns: Messages of which there are too many copies by that, with how many there are.
    func saw(_ now: Shelf, at node: Int) -> [(name: MessageName, count: Int)] {
        let before = shelves[node]
        shelves[node] = now
        for name in before.names.subtracting(now.names) {
            let left = (copyCounts[name] ?? 0) - 1
            copyCounts[name] = left > 0 ? left : nil
        }
        var excess: [(name: MessageName, count: Int)] = []
        for name in now.names.subtracting(before.names) {
            seenCount += 1
            let count = (copyCounts[name] ?? 0) + 1
            copyCounts[name] = count
            if count > MailboxProtocol.copyCountMax { excess.append((name, count)) }
        }
        return excess.sorted { $0.name.id < $1.name.id }
    }
}
