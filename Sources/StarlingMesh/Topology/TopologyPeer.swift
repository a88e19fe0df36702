package import StarlingCore

/// What is known of a peer that this node could have a link to.
package struct TopologyPeer: Equatable, Sendable {
    package var peer: PeerID
    /// Whether there is an address to dial: from its peer record, from the LAN, or from the user.
    package var hasAddress: Bool
    /// Whether it is alive, as far as is known; a neighbour that leaves is not dialled for having been one.
    package var state = LivenessClaim.State.alive
    /// Whether it has told its state over a link: of who has left, others may say so only because they want it gone.
    package var isOwnWord = true
    /// How long it has been running; counted on from when it is told.
    package var uptime: Duration = .zero
    /// How much it can carry for others; 0 is nothing.
    package var capacity: UInt16 = 0

    package init(_ peer: PeerID, hasAddress: Bool) {
        self.peer = peer
        self.hasAddress = hasAddress
    }
}

extension Topology {
    /// A row of the table of peers.
    struct Row: Sendable {
        var peer: PeerID
        /// Its place on the ring.
        var position: UInt64
        var hasAddress = false
        var state = LivenessClaim.State.alive
        /// Whether it has said over its link that it goes: what others say of it does not count.
        var hasLeft = false
        var started: Instant
        var capacity: UInt16 = 0
        /// Of the link that there is, or of the last one.
        var quality: LinkQuality?
        var link: Link?
        /// When its link broke, as long as it is dialled for that.
        var lost: Instant?
        /// When the last link to it was let go, by either side.
        var closed: Instant?
        /// Short links to it in a row that were let go.
        var closeCount = 0
        /// How often in a row it came back soon after that.
        var returnCount = 0
        /// Attempts since then, or since the last success.
        var failureCount = 0
        /// How often neighbours were asked for its address in vain.
        var findCount = 0
        /// Before this it is not dialled, and its address not looked for.
        var nextTry: Instant
        /// The dial that is under way.
        var dial: Dial?
        /// The user wants a link to it.
        var isDemanded = false

        var isAlive: Bool { state < .dead }

        var isNeighbour: Bool { link != nil }
    }

    struct Dial: Sendable {
        var began: Instant
        /// When it counts as failed.
        var ends: Instant
        /// Whether it goes to a lost neighbour: those have a share of their own.
        var isToFormer: Bool
    }

    struct Link: Sendable {
        var since: Instant
        /// Whether this node has dialled it.
        var isOwn: Bool
        /// In use: it is not let go.
        var isProtected = false
        /// Since when the policy has no use for it.
        var unwantedSince: Instant?
        /// Whether it is being let go.
        var isEnding = false
    }

    // MARK: Places

    /// The row of a peer, which is made if there is room.
    ///
    /// - Parameter isNeighbour: A neighbour always gets its place; it displaces a peer of no use.
    mutating func row(_ peer: PeerID, isNeighbour: Bool = false) -> Int? {
        if let known = index[peer] { return known }
        guard peer != own else { return nil }
        if rows.count >= limits.peerCountMax {
            guard let idle = rows.indices.last(where: { canForget($0) && (isNeighbour || !rows[$0].isAlive) })
            else { return nil }
            remove(idle)
        }
        let position = XXH64.hash(peer.multihash.span)
        rows.append(Row(peer: peer, position: position, started: now, nextTry: now))
        index[peer] = rows.count - 1
        return rows.count - 1
    }

    private func canForget(_ place: Int) -> Bool {
        rows[place].link == nil && rows[place].dial == nil && !rows[place].isDemanded
            && rows[place].lost == nil
    }

    /// Takes a row out; the last one gets its place.
    mutating func remove(_ place: Int) {
        index[rows[place].peer] = nil
        let last = rows.removeLast()
        guard place < rows.count else { return }
        rows[place] = last
        index[last.peer] = place
    }
}
