internal import StarlingCore
internal import StarlingMesh
internal import StarlingWorld

/// When which member last became another one, and who waits for the next time.
///
/// It begins with the first reader: nodes of which nobody wants to know keep nothing. One number for each member is enough, as a
/// reader that comes late is told what a member is, and not all that it was.
struct MemberChanges {
    private(set) var count: UInt64 = 0
    private var numbers: [PeerID: UInt64] = [:]
    private var isRead = false
    private var waiters: [UInt64: Waiter<Void>] = [:]
    private var lastWaiter: UInt64 = 0

    /// Begins, where it has not: all that are known now came together.
    mutating func begin(with peers: some Sequence<PeerID>) {
        guard !isRead else { return }
        isRead = true
        count = 1
        for peer in peers { numbers[peer] = 1 }
    }

    mutating func changed(_ peer: PeerID) {
        guard isRead else { return }
        count += 1
        numbers[peer] = count
        resumeAll()
    }

    mutating func forgot(_ peer: PeerID) { numbers[peer] = nil }

    /// Who changed after so many changes, in the order of their last ones.
    func peers(after seen: UInt64) -> [PeerID] {
        guard seen < count else { return [] }
        return numbers.filter { $0.value > seen }.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.map(
            \.key
        )
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
