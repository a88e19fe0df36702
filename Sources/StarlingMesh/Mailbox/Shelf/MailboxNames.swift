internal import StarlingCore

/// Which slots of a recipient's box hold messages of an id: several, where several senders gave theirs the same.
///
/// Looking one up costs the same however much is kept.
struct MailboxNames: Sendable {
    private struct Name: Hashable, Sendable {
        var recipient: Int
        var id: MessageID
    }

    private struct Link: Sendable {
        var previous: Int32 = -1
        var next: Int32 = -1
    }

    /// The slot of each name that came last.
    private var lasts: [Name: Int32] = [:]
    /// By slot: those of the same name that came before and after it.
    private var links: [Link] = []

    /// The names that there are, in number.
    var count: Int { lasts.count }

    /// The slots with messages of an id for a recipient.
    func slots(for recipient: Int, _ id: MessageID) -> [Int] {
        var found: [Int] = []
        var slot = lasts[Name(recipient: recipient, id: id)] ?? -1
        while slot >= 0 {
            found.append(Int(slot))
            slot = links[Int(slot)].previous
        }
        return found
    }

    mutating func add(_ slot: Int, for recipient: Int, _ id: MessageID) {
        while links.count <= slot { links.append(Link()) }
        let last = lasts.updateValue(Int32(slot), forKey: Name(recipient: recipient, id: id)) ?? -1
        links[slot] = Link(previous: last)
        if last >= 0 { links[Int(last)].next = Int32(slot) }
    }

    mutating func remove(_ slot: Int, for recipient: Int, _ id: MessageID) {
        let link = links[slot]
        if link.previous >= 0 { links[Int(link.previous)].next = link.next }
        if link.next >= 0 {
            links[Int(link.next)].previous = link.previous
        } else {
            lasts[Name(recipient: recipient, id: id)] = link.previous >= 0 ? link.previous : nil
        }
    }
}
