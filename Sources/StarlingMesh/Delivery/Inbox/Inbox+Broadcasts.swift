package import StarlingCore

// Messages to everybody: each becomes an entry once, and nobody gets a receipt for it.
extension Inbox {
    struct SeenBroadcast: Sendable {
        var sender: Int
        /// Who handed it over; `nil` for what was read back from the disk.
        var neighbour: PeerID?
        /// From then on no copy of it is of use.
        var forgetAt: Instant
    }

    /// Makes an entry of a message to everybody, unless it has come before: it and that it came are written in one batch.
    ///
    /// The driver has checked the signature, and that the lifetime is not over.
    ///
    /// - Parameter neighbour: Who handed it over: senders anybody can make up.
    /// - Returns: Its position; `nil` where it came before, or there is no room for it.
    package mutating func addBroadcast(
        _ header: MessageHeader,
        _ content: MessageContent,
        from neighbour: PeerID,
        handsOut: Bool,
        now: Instant,
        wallNow: WallTime
    ) -> UInt64? {
        precondition(header.to == nil && header.place == nil && header.from != own)
        forgetOldBroadcasts(now: now)
        let name = MessageName(header)
        guard broadcasts[name] == nil else { return nil }
        let sender = sender(header.from)
        let free = limits.broadcastCountMax - broadcasts.count
        guard free > 0, isWithinShare(senders[sender].broadcastCount, free: free),
            isWithinShare(broadcastCounts[neighbour, default: 0], free: free),
            hasRoom(for: header.priority, byteCount: content.payload.count, of: sender)
        else {
            forgetSenderIfIdle(sender)
            return nil
        }
        see(name, by: sender, from: neighbour, expires: header.expires, now: now, wallNow: wallNow)
        pending.rows.put(
            InboxRow.broadcastKey(name),
            InboxRow.broadcast(expires: header.expires)
        )
        let position = addEntry(header, content, of: sender, handsOut: handsOut, wallNow: wallNow)
        tellWrite()
        return position
    }

    private mutating func see(
        _ name: MessageName,
        by sender: Int,
        from neighbour: PeerID?,
        expires: WallTime,
        now: Instant,
        wallNow: WallTime
    ) {
        let left = expires.millisecondsSince1970.subtractingReportingOverflow(wallNow.millisecondsSince1970)
        let rest = left.overflow ? 0 : min(max(left.partialValue, 0), MessageHeader.lifetimeMax.milliseconds)
        // Clocks differ both ways: whoever hands it over may think that it has as long to go.
        let forgetAt = now + .milliseconds(rest) + limits.clockTolerance * 2
        broadcasts[name] = SeenBroadcast(sender: sender, neighbour: neighbour, forgetAt: forgetAt)
        broadcastOrders[rest <= Self.shortLifetime.milliseconds ? 0 : 1].append(name)
        senders[sender].broadcastCount += 1
        if let neighbour { broadcastCounts[neighbour, default: 0] += 1 }
    }

    /// What lives no longer than this does not wait to be forgotten for what does.
    private static let shortLifetime = Duration.seconds(300)

    /// The first to have come go first, of those that live for long and of the others.
    private mutating func forgetOldBroadcasts(now: Instant) {
        for index in broadcastOrders.indices {
            while let name = broadcastOrders[index].first {
                if let seen = broadcasts[name] {
                    guard seen.forgetAt <= now else { break }
                    pending.bookkeeping.remove(InboxRow.broadcastKey(name))
                    unsee(name, seen)
                }
                _ = broadcastOrders[index].popFirst()
            }
        }
    }

    private mutating func unsee(_ name: MessageName, _ seen: SeenBroadcast) {
        broadcasts[name] = nil
        senders[seen.sender].broadcastCount -= 1
        if let neighbour = seen.neighbour {
            let left = (broadcastCounts[neighbour] ?? 0) - 1
            broadcastCounts[neighbour] = left > 0 ? left : nil
        }
        forgetSenderIfIdle(seen.sender)
    }

    /// An entry is not on the disk, and neither is that it came.
    mutating func forgetBroadcast(of position: UInt64) {
        guard let entry = entries[position]?.entry, entry.isBroadcast else { return }
        let name = MessageName(from: entry.from, id: entry.id)
        if let seen = broadcasts[name] { unsee(name, seen) }
    }

    mutating func restoreBroadcast(
        _ key: [UInt8],
        _ bytes: Span<UInt8>,
        now: Instant,
        wallNow: WallTime
    ) throws(ProtobufError) {
        guard let name = InboxRow.broadcastName(key) else { throw .invalidValue(fieldNumber: 0) }
        let expires = try InboxRow.broadcast(bytes)
        guard broadcasts[name] == nil, broadcasts.count < limits.broadcastCountMax else { return }
        see(name, by: sender(name.from), from: nil, expires: expires, now: now, wallNow: wallNow)
    }
}
