internal import StarlingCore
internal import StarlingMesh

/// Who keeps whose messages in a fleet, and how many copies there are of each.
final class FleetMail: @unchecked Sendable {  // tidy-ok: one thread
    /// What a node was seen to keep last.
    private struct Look {
        /// Which of the node's lives that was in, and after how many changes.
        var life = 0
        var changeCount: UInt64 = 0
    }

    /// By node, those that keep its messages, the one to ask first stands first.
    let mailboxes: [[Int]]
    private var looks: [Look]
    private(set) var copies: MailCopies

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
        looks = [Look](repeating: Look(), count: known.count)
        copies = MailCopies(nodeCount: known.count)
    }

    /// Those whose mailbox a node is.
    func served(by node: Int) -> [Int] { mailboxes.indices.filter { mailboxes[$0].contains(node) } }

    /// Looks at what nodes keep.
    ///
    /// - Returns: Messages of which there are too many copies by that.
    func look(at members: [FleetMember]) -> [MailCopies.Excess] {
        for member in members {
            let before = looks[member.index]
            let known = before.life == member.lifeCount ? before.changeCount : .max
            guard let (names, changeCount) = member.keptMessages(after: known) else { continue }
            looks[member.index] = Look(life: member.lifeCount, changeCount: changeCount)
            copies.saw(Set(names), at: member.index)
        }
        return copies.takeExcess()
    }

    /// A node keeps this.
    func saw(_ names: Set<MessageName>, at node: Int) { copies.saw(names, at: node) }
}
