/// Where a connection's node counts what the connection keeps of its peer's bytes.
///
/// Given back when nobody refers to it any more.
package protocol MemoryHold: AnyObject, Sendable {
    /// Says how many bytes are held from here on; `false` where that is too much, and as many as before are charged.
    func set(_ byteCount: Int) -> Bool
}

/// What a connection has charged to its node, in steps: small reads and writes never look at the node's books.
package struct MemoryCharge {
    package struct Limits: Sendable {
        /// Bytes that are not charged: what is charged for each connection covers them.
        package var freeByteCount = 16_384
        /// What is charged beyond them is a multiple of this.
        package var stepByteCount = 65_536

        package init() {}
    }

    private let hold: (any MemoryHold)?
    private let limits: Limits
    /// What is charged.
    package private(set) var byteCount = 0

    /// - Parameter hold: `nil` where nobody counts.
    package init(_ hold: (any MemoryHold)?, limits: Limits = Limits()) {
        self.hold = hold
        self.limits = limits
    }

    /// Sees that so many bytes are charged; `false` where the node has no room for them.
    package mutating func cover(_ needed: Int) -> Bool {
        guard let hold, needed - limits.freeByteCount > byteCount else { return true }
        let due = due(needed)
        guard hold.set(due) else { return false }
        byteCount = due
        return true
    }

    /// Gives back what so many bytes do not need, once that is a step more than what may be needed next.
    package mutating func settle(_ needed: Int) {
        guard let hold, byteCount > 0 else { return }
        let due = due(needed)
        guard due == 0 || due + 2 * limits.stepByteCount <= byteCount else { return }
        // Less is never refused.
        _ = hold.set(due)
        byteCount = due
    }

    private func due(_ needed: Int) -> Int {
        let excess = max(0, needed - limits.freeByteCount)
        return (excess + limits.stepByteCount - 1) / limits.stepByteCount * limits.stepByteCount
    }
}
