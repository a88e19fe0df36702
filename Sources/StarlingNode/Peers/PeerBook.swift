package import StarlingCore

/// Where an address of a peer is known from; better sources come later in the list.
package enum AddressSource: Int, Comparable, Sendable {
    /// Somebody said so.
    case hearsay
    /// mDNS on a LAN that we share.
    case localDiscovery
    /// The peer itself, unsigned, in identify.
    case identify
    /// The peer's signed record.
    case signedRecord
    /// This node's user.
    case user

    package static func < (lhs: AddressSource, rhs: AddressSource) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// What this node knows of other peers: addresses, protocols, versions.
///
/// In memory, bounded.
package struct PeerBook: Sendable {
    package struct Limits: Sendable {
        /// Peers kept; beyond it one is forgotten that is not connected: of those that are known by hearsay alone the one heard
        /// of longest ago, else of those that no user named.
        package var peerCountMax = 4096
        /// Addresses of one peer; the worst source, then the one that ends first, is forgotten beyond it.
        package var addressCountMaxPerPeer = 32
        /// Bytes of one address; longer ones are not kept, unless the user gave them.
        package var addressByteCountMax = 256
        /// Protocols of one peer; more are not kept.
        package var protocolCountMaxPerPeer = 256
        /// Bytes of their names together; what comes behind is not kept.
        ///
        /// With the other limits a book of invented peers takes some tens of megabytes.
        package var protocolByteCountMaxPerPeer = 8192
        /// Bytes of a signed record; a longer one is not kept as such, only its addresses.
        package var recordByteCountMax = 4096
        /// How long the addresses of a peer may be dialled from the end of the last connection with it, at least.
        package var addressLifetime: Duration = .seconds(3600)

        package init() {}
    }

    /// One peer.
    package struct Entry: Sendable {
        package fileprivate(set) var addresses: [KnownAddress] = []
        package fileprivate(set) var protocols: [String] = []
        package fileprivate(set) var agentVersion = ""
        package fileprivate(set) var protocolVersion = ""
        /// The name that the peer calls itself, where its agent version carries one.
        package fileprivate(set) var lastHeard: Instant
        /// The sequence number of its newest signed record.
        package fileprivate(set) var recordSequence: UInt64 = 0
        /// That record, as the peer signed it; empty where there is none, or where it is too long.
        package fileprivate(set) var record: [UInt8] = []
        package fileprivate(set) var isConnected = false
        /// Which of all times that a peer was heard of was its last.
        fileprivate var hearing: UInt64 = 0

        fileprivate init(now: Instant) { lastHeard = now }

        /// Until when it is a peer that the user named.
        fileprivate var usersUntil: Instant? {
            addresses.lazy.filter { $0.source == .user }.map(\.expires).max()
        }

        fileprivate func standing(_ now: Instant) -> Standing {
            if let usersUntil, usersUntil > now { return .users }
            let isHeardOfOnly =
                protocols.isEmpty && agentVersion.isEmpty && recordSequence == 0
                && addresses.allSatisfy { $0.source == .hearsay }
            return isHeardOfOnly ? .heardOf : .known
        }
    }

    /// How much it takes that a peer is forgotten; the first ones go first.
    ///
    /// Whoever wants can invent peers for others to hear of: a flood of them must not take from the node what it knows by
    /// itself, and least of all what the user said.
    fileprivate enum Standing: Int, CaseIterable {
        case heardOf
        case known
        case users
    }

    /// A peer that was not connected when it was heard of; it counts as long as it was not heard of again.
    private struct Hearing {
        let peer: PeerID
        let hearing: UInt64
    }

    package struct KnownAddress: Sendable, Equatable {
        package var address: Multiaddr
        package var source: AddressSource
        package var expires: Instant
    }

    private let limits: Limits
    private var entries: [PeerID: Entry] = [:]
    private var hearingCount: UInt64 = 0
    /// In the order in which they are forgotten, by standing; with hearings that count no more.
    private var hearings = Standing.allCases.map { _ in RingQueue<Hearing>() }
    /// When the first of the peers that the user named is one of the others.
    private var usersUntil: Instant?

    package init(limits: Limits = Limits()) { self.limits = limits }

    package subscript(peer: PeerID) -> Entry? { entries[peer] }

    package var peers: [PeerID] { entries.keys.sorted() }

    /// The addresses that have not expired, the best sources first; those of a connected peer do not.
    package func addresses(of peer: PeerID, now: Instant) -> [Multiaddr] {
        guard let entry = entries[peer] else { return [] }
        return entry.addresses.filter { entry.isConnected || $0.expires > now }.sorted {
            $0.source > $1.source
        }.map(\.address)
    }

    /// Adds addresses, or renews them.
    package mutating func add(
        _ addresses: [Multiaddr],
        of peer: PeerID,
        source: AddressSource,
        lifetime: Duration,
        now: Instant
    ) {
        let expires = now + lifetime
        let addressCountMax = limits.addressCountMaxPerPeer
        let addressByteCountMax = source == .user ? Int.max : limits.addressByteCountMax
        update(peer, now: now) { entry in
            for address in addresses.compactMap(\.withoutPeerID)
            where address.bytes.count <= addressByteCountMax {
                if let index = entry.addresses.firstIndex(where: { $0.address == address }) {
                    entry.addresses[index].source = max(entry.addresses[index].source, source)
                    entry.addresses[index].expires = max(entry.addresses[index].expires, expires)
                } else {
                    entry.addresses.append(.init(address: address, source: source, expires: expires))
                }
            }
            if !entry.isConnected { entry.addresses.removeAll { $0.expires <= now } }
            while entry.addresses.count > addressCountMax {
                let worst = entry.addresses.indices.min {
                    let (lhs, rhs) = (entry.addresses[$0], entry.addresses[$1])
                    return (lhs.source, lhs.expires) < (rhs.source, rhs.expires)
                }
                guard let worst else { return }
                entry.addresses.remove(at: worst)
            }
        }
    }

    /// Replaces what the peer said of itself before by a newer signed record.
    ///
    /// An older one is ignored.
    ///
    /// - Parameter envelope: The record as the peer signed it, to hand on.
    package mutating func take(
        record addresses: [Multiaddr],
        in envelope: [UInt8] = [],
        sequence: UInt64,
        of peer: PeerID,
        lifetime: Duration,
        now: Instant
    ) {
        if let known = entries[peer], known.recordSequence > sequence { return }
        let recordByteCountMax = limits.recordByteCountMax
        update(peer, now: now) { entry in
            entry.recordSequence = sequence
            entry.record = envelope.count <= recordByteCountMax ? envelope : []
            entry.addresses.removeAll { $0.source == .signedRecord || $0.source == .identify }
        }
        add(addresses, of: peer, source: .signedRecord, lifetime: lifetime, now: now)
    }

    package mutating func set(
        protocols: [String],
        agentVersion: String,
        protocolVersion: String,
        of peer: PeerID,
        now: Instant
    ) {
        var byteCount = 0
        let kept = protocols.prefix(limits.protocolCountMaxPerPeer).prefix { name in
            byteCount += name.utf8.count
            return byteCount <= limits.protocolByteCountMaxPerPeer
        }
        update(peer, now: now) { entry in
            entry.protocols = Array(kept)
            entry.agentVersion = agentVersion
            entry.protocolVersion = protocolVersion
        }
    }

    /// A connected peer is never forgotten, nor are its addresses.
    package mutating func setConnected(_ isConnected: Bool, _ peer: PeerID, now: Instant) {
        let expires = now + limits.addressLifetime
        update(peer, now: now) { entry in
            if entry.isConnected && !isConnected {
                for index in entry.addresses.indices {
                    entry.addresses[index].expires = max(entry.addresses[index].expires, expires)
                }
            }
            entry.isConnected = isConnected
        }
    }

    private mutating func update(_ peer: PeerID, now: Instant, _ change: (inout Entry) -> Void) {
        if entries[peer] == nil && entries.count >= limits.peerCountMax { forgetOldest(now) }
        var entry = entries[peer] ?? Entry(now: now)
        hearingCount += 1
        (entry.lastHeard, entry.hearing) = (now, hearingCount)
        change(&entry)
        entries[peer] = entry
        guard !entry.isConnected else { return }
        let standing = entry.standing(now)
        if standing == .users { usersUntil = .earlier(usersUntil, entry.usersUntil) }
        hearings[standing.rawValue].append(Hearing(peer: peer, hearing: hearingCount))
        tidyHearings()
    }

    /// Drops hearings that count no more, once they are as many as the peers.
    private mutating func tidyHearings() {
        guard hearings.reduce(0, { $0 + $1.count }) > 2 * entries.count + 64 else { return }
        for index in hearings.indices {
            var kept = RingQueue<Hearing>()
            while let next = hearings[index].popFirst() { if counts(next) { kept.append(next) } }
            hearings[index] = kept
        }
    }

    private func counts(_ hearing: Hearing) -> Bool { entries[hearing.peer]?.hearing == hearing.hearing }

    private mutating func forgetOldest(_ now: Instant) {
        lowerUsers(now)
        for index in hearings.indices {
            while let next = hearings[index].popFirst() {
                guard counts(next) else { continue }
                entries[next.peer] = nil
                return
            }
        }
    }

    /// Those whom the user named long enough ago are the first to go of those that are known.
    private mutating func lowerUsers(_ now: Instant) {
        guard let first = usersUntil, first <= now else { return }
        usersUntil = nil
        var (kept, lowered) = (RingQueue<Hearing>(), [Hearing]())
        while let next = hearings[Standing.users.rawValue].popFirst() {
            guard counts(next), let entry = entries[next.peer] else { continue }
            if let until = entry.usersUntil, until > now {
                kept.append(next)
                usersUntil = .earlier(usersUntil, until)
            } else {
                lowered.append(next)
            }
        }
        hearings[Standing.users.rawValue] = kept
        for next in lowered.reversed() { hearings[Standing.known.rawValue].prepend(next) }
    }
}
