/// What owners have in slots, in number, bytes and the order in which it came; owners and slots have small numbers.
///
/// It is kept up as things come and go, so that whoever looks for what gives way counts nothing: adding and removing cost the
/// same however much there is.
struct MailboxShares: Sendable {
    /// What one owner has.
    struct Share: Sendable {
        var count = 0
        var byteCount = 0
        /// The slot that came first, and its position.
        fileprivate(set) var first: Int32 = -1
        fileprivate(set) var firstPosition: UInt64 = 0
        /// The slot that came last.
        fileprivate(set) var last: Int32 = -1
    }

    private struct Link: Sendable {
        var previous: Int32 = -1
        var next: Int32 = -1
        var position: UInt64 = 0
    }

    private var shares: [Share] = []
    /// By slot: what the same owner has before and after it.
    private var links: [Link] = []

    /// What an owner has.
    subscript(owner: Int) -> Share { owner < shares.count ? shares[owner] : Share() }

    /// The slots of an owner, in the order in which they came.
    func slots(of owner: Int) -> [Int] {
        var found: [Int] = []
        found.reserveCapacity(self[owner].count)
        var slot = self[owner].first
        while slot >= 0 {
            found.append(Int(slot))
            slot = links[Int(slot)].next
        }
        return found
    }

    /// Adds a slot of an owner's.
    ///
    /// - Parameter position: More than those of the owner's other slots.
    mutating func add(_ slot: Int, of owner: Int, position: UInt64, byteCount: Int) {
        while shares.count <= owner { shares.append(Share()) }
        while links.count <= slot { links.append(Link()) }
        let last = shares[owner].last
        links[slot] = Link(previous: last, position: position)
        if last >= 0 {
            links[Int(last)].next = Int32(slot)
        } else {
            shares[owner].first = Int32(slot)
            shares[owner].firstPosition = position
        }
        shares[owner].last = Int32(slot)
        shares[owner].count += 1
        shares[owner].byteCount += byteCount
    }

    /// Takes a slot of an owner's away.
    mutating func remove(_ slot: Int, of owner: Int, byteCount: Int) {
        let link = links[slot]
        if link.previous >= 0 {
            links[Int(link.previous)].next = link.next
        } else {
            shares[owner].first = link.next
            shares[owner].firstPosition = link.next >= 0 ? links[Int(link.next)].position : 0
        }
        if link.next >= 0 {
            links[Int(link.next)].previous = link.previous
        } else {
            shares[owner].last = link.previous
        }
        shares[owner].count -= 1
        shares[owner].byteCount -= byteCount
    }
}
