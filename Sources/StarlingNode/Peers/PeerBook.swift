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
        /// Peers kept; beyond it the one heard of longest ago is forgotten that is not connected and that no user named.
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

        fileprivate init(now: Instant) { lastHeard = now }
    }

    package struct KnownAddress: Sendable, Equatable {
        package var address: Multiaddr
        package var source: AddressSource
        package var expires: Instant
    }

    private let limits: Limits
    private var entries: [PeerID: Entry] = [:]

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
        entry.lastHeard = now
        change(&entry)
        entries[peer] = entry
    }

    /// What the user said is the last to go: a flood of invented peers must not take it from the node.
    private mutating func forgetOldest(_ now: Instant) {
        func worth(_ entry: Entry) -> (Int, Instant) {
            let isUsers = entry.addresses.contains { $0.source == .user && $0.expires > now }
            return (isUsers ? 1 : 0, entry.lastHeard)
        }
        var oldest: (peer: PeerID, worth: (Int, Instant))?
        for (peer, entry) in entries where !entry.isConnected {
            let worth = worth(entry)
            if let known = oldest, (known.worth.0, known.worth.1, known.peer) < (worth.0, worth.1, peer) {
                continue
            }
            oldest = (peer, worth)
        }
        if let oldest { entries[oldest.peer] = nil }
    }
}
