internal import StarlingCore
internal import StarlingMesh
internal import StarlingWorld

/// When which member last became another one, and who waits for the next time.
///
/// It begins with the first reader: nodes of which nobody wants to know keep nothing. One mark for each member is enough, as a
/// reader that comes late is told what a member is, and not all that it was.
struct MemberChanges {
    private struct Mark {
        var number: UInt64
        var state: LivenessClaim.State
    }

    private(set) var count: UInt64 = 0
    private(set) var isRead = false
    private var marks: [PeerID: Mark] = [:]
    private var waiters: [UInt64: Waiter<Void>] = [:]
    private var lastWaiter: UInt64 = 0

    /// Begins with all that are known now.
    mutating func begin(with members: [LivenessMember]) {
        isRead = true
        for member in members { changed(member) }
    }

    /// A member is new, or told something of itself: what counts is another state.
    mutating func changed(_ member: LivenessMember) {
        guard isRead, marks[member.peer]?.state != member.state else { return }
        count += 1
        marks[member.peer] = Mark(number: count, state: member.state)
        resumeAll()
    }

    mutating func forgot(_ peer: PeerID) { marks[peer] = nil }

    /// Whose last change was the first one after so many, and the number of that.
    func next(after seen: UInt64) -> (peer: PeerID, number: UInt64)? {
        guard seen < count else { return nil }
        let next = marks.lazy.filter { $0.value.number > seen }.min { $0.value.number < $1.value.number }
        return next.map { ($0.key, $0.value.number) }
    }

    // MARK: Waiting

    mutating func waiterNumber() -> UInt64 {
        lastWaiter += 1
        return lastWaiter
    }

    mutating func add(_ waiter: Waiter<Void>, _ number: UInt64) { waiters[number] = waiter }

    mutating func resume(_ number: UInt64) { waiters.removeValue(forKey: number)?.resume() }

    mutating func resumeAll() {
        for number in waiters.keys.sorted() { resume(number) }
    }
}
