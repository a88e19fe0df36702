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
    /// The least time from one look for expired entries to the next.
    private static let sweepInterval = Duration.milliseconds(100)

    private let limits: MDNSLimits
    private var entries: [Key: Entry] = [:]
    /// The names under which a peer was heard.
    private var keys: [PeerID: [Key]] = [:]
    private var reported: [PeerID: [Multiaddr]] = [:]
    /// Peers of which something may have changed since ``takeChanges()``.
    private var touched: Set<PeerID> = []
    /// The earliest deadline of all entries, or an earlier moment.
    private var earliestDeadline: Instant?
    private var sweptAt: Instant?

    init(limits: MDNSLimits) {
        self.limits = limits
    }

    var count: Int { entries.count }

    /// When to look for what has expired: each look is at all entries.
    var nextDeadline: Instant? {
        guard let earliestDeadline, let sweptAt else { return earliestDeadline }
        return max(earliestDeadline, sweptAt + Self.sweepInterval)
    }

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
    ) {
        if let old = entries[key], old.peerID != peerID { remove(key) }
        if entries[key] == nil { makeRoom(for: peerID) }
        guard entries[key] != nil || entries.count < limits.peerCountMax else { return }
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
        if entries[key] == nil { keys[peerID, default: []].append(key) }
        entries[key] = entry
        touched.insert(peerID)
        noteDeadline(entry)
    }

    /// A peer that has as many names as are kept loses the one that was heard longest ago.
    private mutating func makeRoom(for peerID: PeerID) {
        guard let names = keys[peerID], names.count >= limits.nameCountMaxPerPeer else { return }
        let heard = names.compactMap { key in entries[key].map { (heardAt: $0.heardAt, key: key) } }
        if let oldest = heard.min(by: { $0 < $1 }) { remove(oldest.key) }
    }

    private mutating func remove(_ key: Key) {
        guard let entry = entries.removeValue(forKey: key) else { return }
        touched.insert(entry.peerID)
        keys[entry.peerID]?.removeAll { $0 == key }
        if keys[entry.peerID]?.isEmpty == true { keys[entry.peerID] = nil }
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
    mutating func forget(interface: UInt32) {
        for key in Array(entries.keys) where key.interface == interface { remove(key) }
    }

    /// Drops what has expired, and tells on which interfaces peers must be asked for again.
    mutating func advance(to now: Instant) -> Set<UInt32> {
        guard let deadline = nextDeadline, deadline <= now else { return [] }
        var refreshed: Set<UInt32> = []
        earliestDeadline = nil
        sweptAt = now
        // In any order: what comes of it is the same.
        for key in Array(entries.keys) {
            guard var entry = entries[key] else { continue }
            if entry.addresses.contains(where: { $0.expiresAt <= now }) {
                entry.addresses.removeAll { $0.expiresAt <= now }
                touched.insert(entry.peerID)
            }
            while let refresh = entry.refreshes.last, refresh <= now {
                entry.refreshes.removeLast()
                refreshed.insert(key.interface)
            }
            if entry.addresses.isEmpty {
                remove(key)
            } else {
                entries[key] = entry
                noteDeadline(entry)
            }
        }
        return refreshed
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
        earliestDeadline = [earliestDeadline, entry.nextDeadline].compactMap { $0 }.min()
    }

    /// What has changed since the last call, over all interfaces, in the order of the peers' names.
    ///
    /// Asked for once for a packet, it costs a look at the peers of which the packet spoke.
    mutating func takeChanges() -> [Change] {
        defer { touched = [] }
        return touched.sorted().compactMap { peerID in
            let addresses = told(of: peerID)
            guard addresses != reported[peerID] ?? [] else { return nil }
            reported[peerID] = addresses.isEmpty ? nil : addresses
            return addresses.isEmpty ? .lost(peerID) : .discovered(peerID, addresses)
        }
    }

    /// A peer's addresses, those of the names that were heard last where they are too many.
    private func told(of peerID: PeerID) -> [Multiaddr] {
        let named = (keys[peerID] ?? []).compactMap { key in entries[key].map { (key, $0) } }
        var addresses: Set<Multiaddr> = []
        for (_, entry) in named.sorted(by: { ($0.1.heardAt, $0.0) > ($1.1.heardAt, $1.0) }) {
            for known in entry.addresses where addresses.count < limits.toldAddressCountMax {
                addresses.insert(known.address)
            }
        }
        return addresses.sorted()
    }
}
