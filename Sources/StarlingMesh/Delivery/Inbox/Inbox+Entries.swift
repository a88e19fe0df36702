internal import StarlingCore

// Entries: who has them, and what is done with.
extension Inbox {
    /// An entry; `nil` when it was acknowledged, or never came.
    package func entry(at position: UInt64) -> InboxEntry? { entries[position]?.entry }

    /// The entry of a message; `nil` when it was acknowledged, or never came.
    package func entry(of id: MessageID) -> InboxEntry? { ids[id].flatMap { entry(at: $0) } }

    /// Entries that are on the disk, in the order of their arrival.
    package func entries(after position: UInt64 = 0, countMax: Int = 1000) -> [InboxEntry] {
        order.positions(after: position, countMax: countMax).compactMap { entry(at: $0) }
            .filter { $0.state != .storing }
    }

    /// Hands an entry out, once the disk knows that it is; again, when whoever had it has died.
    ///
    /// - Returns: Whether it is there, and not about to be handed out already.
    package mutating func handOut(_ position: UInt64) -> Bool {
        guard let entry = entries[position]?.entry else { return false }
        switch entry.state {
        case .storing, .handingOut, .damaged: return false
        case .waiting, .handedOut: break
        }
        entries[position]?.entry.attempt += 1
        entries[position]?.entry.state = .handingOut
        entries[position]?.hasAttemptRow = true
        pending.bookkeeping.put(
            StoreKey(DeliveryTables.attempts, position),
            InboxRow.counter(UInt64(entry.attempt + 1))
        )
        pending.handedOut.append(position)
        tellWrite()
        return true
    }

    /// Takes an entry back from whoever it was handed to, and had no use for it: ``InboxAction/arrived(position:)`` tells
    /// that nobody has it.
    package mutating func putBack(_ position: UInt64) {
        guard entries[position]?.entry.state == .handedOut else { return }
        entries[position]?.entry.state = .waiting
        actions.append(.arrived(position: position))
    }

    /// An entry cannot be read back from the disk.
    package mutating func setAside(_ position: UInt64) {
        switch entries[position]?.entry.state {
        case .waiting, .handedOut: entries[position]?.entry.state = .damaged
        case .storing, .handingOut, .damaged, nil: break
        }
    }

    /// Entries that were found to be damaged, in the order of their arrival.
    package var damagedEntries: [InboxEntry] {
        order.positions(after: 0, countMax: entries.count).compactMap { entry(at: $0) }
            .filter { $0.state == .damaged }
    }

    /// Forgets an entry that its application has dealt with.
    ///
    /// Once the next batch is on the disk, it is not handed out again.
    ///
    /// - Returns: Whether it was there and on the disk.
    package mutating func acknowledge(_ position: UInt64) -> Bool {
        guard let entry = entries[position], entry.entry.state != .storing else { return false }
        pending.bookkeeping.remove(StoreKey(DeliveryTables.inbox, position))
        if entry.entry.file != nil { pending.forgotten.append(position) }
        if entry.hasAttemptRow { pending.bookkeeping.remove(StoreKey(DeliveryTables.attempts, position)) }
        forget(position)
        tellWrite()
        return true
    }

    /// Forgets every entry up to and including a position, but those with files that can be read: with such an entry its file is
    /// gone, which is more than having read it says.
    ///
    /// - Returns: How many those were.
    package mutating func acknowledge(through position: UInt64) -> Int {
        acknowledge(only: order.positions(after: 0, countMax: entries.count).filter { $0 <= position })
    }

    /// Forgets the entries at these positions, but those with files that can be read, as ``acknowledge(through:)`` does.
    ///
    /// - Returns: How many those were.
    package mutating func acknowledge(only positions: [UInt64]) -> Int {
        var count = 0
        for position in positions {
            guard let entry = entries[position]?.entry, entry.file == nil || entry.state == .damaged else {
                continue
            }
            if acknowledge(position) { count += 1 }
        }
        return count
    }

    /// Forgets an entry without a word to the disk.
    mutating func forget(_ position: UInt64) {
        guard let entry = entries.removeValue(forKey: position) else { return }
        order.remove(position)
        if ids[entry.entry.id] == position { ids[entry.entry.id] = nil }
        hold(-1, -entry.entry.byteCount, of: entry.sender)
        forgetSenderIfIdle(entry.sender)
    }
}
