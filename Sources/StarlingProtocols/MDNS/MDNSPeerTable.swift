internal import StarlingCore

/// Who was heard on which interface, at which addresses, and until when.
struct MDNSPeerTable: Sendable {
    /// One peer name on one interface.
    struct Key: Hashable, Comparable {
        var interface: UInt32
        var name: DNSName

        static func < (lhs: Key, rhs: Key) -> Bool {
            if lhs.interface != rhs.interface { return lhs.interface < rhs.interface }
            return lhs.name.wire.lexicographicallyPrecedes(rhs.name.wire)
        }
    }

    /// What is told about a peer.
    enum Change: Equatable {
        case discovered(PeerID, [Multiaddr])
        case lost(PeerID)
    }

    private struct Known {
        var address: Multiaddr
        var heardAt: Instant
        var expiresAt: Instant
    }

    private struct Entry {
        var peerID: PeerID
        var addresses: [Known]
        var heardAt: Instant
        var ttlSeconds: UInt32
        /// When the peer is asked again before its records end, soonest last.
        var refreshes: [Instant]

        var nextDeadline: Instant? {
            let expiry = addresses.map(\.expiresAt).min()
            return [expiry, refreshes.last].compactMap { $0 }.min()
        }
    }

    /// Shares of a record's time after which it is asked for again.
    ///
    /// Spec: RFC 6762, section 5.2.
    private static let refreshPercents: [Int64] = [95, 80]
    /// How long a record that its owner took back is kept.
    ///
    /// Spec: RFC 6762, section 10.1.
    private static let goodbyeDelay = Duration.seconds(1)

    private let limits: MDNSLimits
    private var entries: [Key: Entry] = [:]
    private var reported: [PeerID: [Multiaddr]] = [:]
    /// The earliest deadline of all entries, or an earlier moment.
    private(set) var nextDeadline: Instant?

    init(limits: MDNSLimits) {
        self.limits = limits
    }

    var count: Int { entries.count }

    func contains(_ key: Key) -> Bool { entries[key] != nil }

    /// Takes in the addresses that one message has for a peer name.
    ///
    /// `replacesOthers` drops addresses that were heard a second ago or earlier and are not among these.
    mutating func learn(
        _ key: Key,
        peerID: PeerID,
        addresses: [Multiaddr],
        ttlSeconds: UInt32,
        replacesOthers: Bool,
        now: Instant
    ) -> [Change] {
        var affected: Set<PeerID> = [peerID]
        if let old = entries[key], old.peerID != peerID {
            entries[key] = nil
            affected.insert(old.peerID)
        }
        guard entries[key] != nil || entries.count < limits.peerCountMax else { return [] }
        let lifetime = min(Duration.seconds(Int64(ttlSeconds)), limits.lifetimeMax)
        var entry =
            entries[key]
            ?? Entry(peerID: peerID, addresses: [], heardAt: now, ttlSeconds: ttlSeconds, refreshes: [])
        if replacesOthers {
            entry.addresses.removeAll { $0.heardAt + .seconds(1) <= now && !addresses.contains($0.address) }
        }
        for address in addresses {
            let known = Known(address: address, heardAt: now, expiresAt: now + lifetime)
            if let index = entry.addresses.firstIndex(where: { $0.address == address }) {
                entry.addresses[index] = known
            } else if entry.addresses.count < limits.addressCountMax {
                entry.addresses.append(known)
            }
        }
        entry.heardAt = now
        entry.ttlSeconds = ttlSeconds
        entry.refreshes = Self.refreshPercents.map {
            now + .nanoseconds(lifetime.nanosecondsClamped / 100 * $0)
        }
        entries[key] = entry
        noteDeadline(entry)
        return report(affected)
    }

    /// A peer name was taken back by its owner: it is forgotten in a second.
    mutating func forgetSoon(_ key: Key, now: Instant) {
        guard var entry = entries[key] else { return }
        for index in entry.addresses.indices {
            entry.addresses[index].expiresAt = min(entry.addresses[index].expiresAt, now + Self.goodbyeDelay)
        }
        entry.refreshes = []
        entries[key] = entry
        noteDeadline(entry)
    }

    /// An interface is gone, and all that was heard there.
    mutating func forget(interface: UInt32) -> [Change] {
        let gone = entries.keys.filter { $0.interface == interface }
        let affected = Set(gone.compactMap { entries[$0]?.peerID })
        for key in gone { entries[key] = nil }
        return report(affected)
    }

    /// Drops what has expired, and tells on which interfaces peers must be asked for again.
    mutating func advance(to now: Instant) -> (changes: [Change], refreshed: Set<UInt32>) {
        guard let deadline = nextDeadline, deadline <= now else { return ([], []) }
        var affected: Set<PeerID> = []
        var refreshed: Set<UInt32> = []
        nextDeadline = nil
        for key in entries.keys.sorted() {
            guard var entry = entries[key] else { continue }
            if entry.addresses.contains(where: { $0.expiresAt <= now }) {
                entry.addresses.removeAll { $0.expiresAt <= now }
                affected.insert(entry.peerID)
            }
            while let refresh = entry.refreshes.last, refresh <= now {
                entry.refreshes.removeLast()
                refreshed.insert(key.interface)
            }
            entries[key] = entry.addresses.isEmpty ? nil : entry
            if !entry.addresses.isEmpty { noteDeadline(entry) }
        }
        return (report(affected), refreshed)
    }

    /// The peer names of an interface that are known for at least half of their time, with what is left of it.
    func knownAnswers(interface: UInt32, now: Instant) -> [(name: DNSName, ttlSeconds: UInt32)] {
        entries.keys.filter { $0.interface == interface }.sorted().compactMap { key in
            guard let entry = entries[key] else { return nil }
            let age = entry.heardAt.duration(to: now)
            // Also of the time that we remember it for, or a peer with a long time would never say more.
            let lifetime = min(Duration.seconds(Int64(entry.ttlSeconds)), limits.lifetimeMax)
            guard age * 2 < lifetime else { return nil }
            return (key.name, entry.ttlSeconds - UInt32(age.nanosecondsClamped / 1_000_000_000))
        }
    }

    private mutating func noteDeadline(_ entry: Entry) {
        nextDeadline = [nextDeadline, entry.nextDeadline].compactMap { $0 }.min()
    }

    /// What has changed of these peers over all interfaces, in the order of their names.
    private mutating func report(_ peerIDs: Set<PeerID>) -> [Change] {
        peerIDs.sorted().compactMap { peerID in
            let heard = entries.values.filter { $0.peerID == peerID }.flatMap { $0.addresses.map(\.address) }
            let addresses = Set(heard).sorted()
            guard addresses != reported[peerID] ?? [] else { return nil }
            reported[peerID] = addresses.isEmpty ? nil : addresses
            return addresses.isEmpty ? .lost(peerID) : .discovered(peerID, addresses)
        }
    }
}
